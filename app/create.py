"""Create: a prompt becomes plain and personal results on the same seed, and likes become answers.

Works on a Studio; knows neither SQL nor HTTP. Every line it yields is ready for JSON.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from app import bending, drawing
from app.compass import Compass
from app.making import Taste, Unavailable
from app.shelves import CAPTION_ENCODER, captions
from app.tastes import taste_of
from app.wire import Bad, Missing
from engine.data import Features, Kind, Outcome, Question, Request, Sample

if TYPE_CHECKING:
    from app.studio import Studio

COLLECTION = "from the collection"
WARMTH = 0.5


def create(
    studio: "Studio",
    user: int,
    profile: int,
    wanted: dict[str, Any],
    cancelled: Callable[[], bool],
    taste: Taste | None = None,
) -> Iterator[dict[str, Any]]:
    """NDJSON lines: start, note*, piece*, look*, sample*, done; or error.

    `taste`: by default what the studio believes, turned by the compass when it is set by hand.
    """
    kind: Kind = wanted["medium"]
    request = Request(
        prompt=wanted["prompt"],
        n=wanted["n"],
        seed=wanted["seed"],
        max_tokens=wanted["max_tokens"],
        temperature=WARMTH,
        cancelled=cancelled,
    )
    taste, by_hand = (taste, "") if taste else turned(studio, profile, kind)
    drawable = kind == "picture" and wanted["depth"] != bending.INSTANT
    wanted = {**wanted, "depth": depth_of(studio, profile, wanted)}
    unknown = drawing.unknown(studio, request.prompt) if drawable else ""
    draws = drawable and not unknown
    yield {
        "type": "start",
        "medium": kind,
        "seed": request.seed,
        "personal": taste.answers > 0,
        "depth": wanted["depth"],
        "label": COLLECTION if kind == "picture" else studio.maker.lm_name(),
        "drawn": request.n if draws else 0,
        "leads": draws and studio.maker.draws.leads(),
        "model": "" if studio.maker.draws.ships else studio.maker.draws.title,
    }
    for text in _beforehand(unknown, studio.maker.draws.lacks if draws else "", taste, by_hand):
        yield {"type": "note", "text": text}
    results: list[dict[str, Any]] = []
    try:
        make = partial(_pictures, draws=draws) if kind == "picture" else _words
        for side, sample in make(studio, user, request, taste, wanted):
            line = _line(studio, kind, side, sample)
            if "image" in line and line["type"] == "sample":
                wish = drawing.Wish(taste, wanted["strength"], wanted["depth"])
                about = drawing.settings(studio.maker.draws, request, wish, side, sample.index)
                line["image"] = drawing.as_url(sample.pixels, about if studio.metadata else None)
            if line["type"] == "sample":
                results.append(line)
            yield line
    except (Unavailable, MemoryError) as missing:
        yield {"type": "error", "error": str(missing)}
        return
    if cancelled():
        return
    if draws and (said := studio.maker.said()):
        yield {"type": "note", "text": said.capitalize() + "."}
    made = studio.store.add_generation(
        profile, kind, request.prompt, request.seed, wanted["strength"], wanted, results
    )
    yield {"type": "done", "generation": made}


def _beforehand(unknown: str, lacks: str, taste: Taste, by_hand: str) -> Iterator[str]:
    """What a person should know before the first result."""
    yield from filter(None, (unknown, lacks))
    if not taste.answers:
        yield "Not in your taste yet: three picks change that."
    if by_hand:
        yield f"Your compass is set by hand: {by_hand}."


def turned(studio: "Studio", profile: int, kind: Kind) -> tuple[Taste, str]:
    """What the studio believes, with the compass as the hand has it, and that in words."""
    return Compass.of(studio).leaning(profile, kind, taste_of(studio, profile, kind))


def _pictures(  # noqa: PLR0913 - the same words as _words, and whether to draw
    studio: "Studio",
    _user: int,
    request: Request,
    taste: Taste,
    wanted: dict[str, Any],
    draws: bool,
) -> Iterator[tuple[str, Sample]]:
    from engine.backbones.pool import PoolBackbone

    found = _found(studio, taste.features)
    backbone = PoolBackbone(
        kind="picture",
        items=found.ids,
        captions=captions(studio.store, studio.shelves, found.ids),
        features=found,
        encode=lambda texts: studio.maker.encode(CAPTION_ENCODER, texts),
    )
    yield from studio.maker.pictures(backbone, request, taste, wanted["strength"])
    if draws:
        wish = drawing.Wish(taste, wanted["strength"], wanted["depth"])
        yield from drawing.drawn(studio, request, wish, request.n)


def _found(studio: "Studio", features: Features) -> Features:
    """What may come from the collection: all but what a model made."""
    made = [studio.shelves.candidate(int(i)).attributes.get("made") for i in features.ids]
    keep = np.array([m != "generated" for m in made])
    return (
        features
        if keep.all()
        else Features(features.space, features.ids[keep], features.matrix[keep])
    )


def _words(
    studio: "Studio", user: int, request: Request, taste: Taste, wanted: dict[str, Any]
) -> Iterator[tuple[str, Sample]]:
    depth = wanted["depth"]

    @contextmanager
    def bend(backbone: Any, plain: int, drafts: int) -> Iterator[None]:
        if depth == "instant" or not wanted["strength"] or not taste.answers:
            yield
            return
        if depth == "tuned":
            with tuned(studio, backbone, taste, (plain, drafts), wanted["strength"]):
                yield
            return
        from engine.steering.activation import activation

        found = direction(studio, backbone, taste)
        rows = [None] * plain + [found] * drafts
        with activation(backbone, rows, wanted["strength"] * studio.maker.safe(backbone, found)):
            yield

    yield from studio.maker.words(request, taste, bend, wanted["strength"])


def depth_of(studio: "Studio", profile: int, wanted: dict[str, Any]) -> str:
    """What was asked for, or the deepest that is ready."""
    if wanted["depth"]:
        return str(wanted["depth"])
    if wanted["medium"] == "picture":
        return bending.deepest(studio, profile)
    return "tuned" if studio.keeping.chosen(profile) else "steered"


@contextmanager
def tuned(
    studio: "Studio", backbone: Any, taste: Taste, rows: tuple[int, int], strength: float
) -> Iterator[None]:
    """The chosen adapter on the drafts, and on none of the plain rows."""
    from engine.steering.lora import lora

    adapter = studio.keeping.chosen(taste.key[0])
    if adapter is None:
        raise Unavailable("nothing is tuned for this taste yet; press Tune on the Keep page")
    plain, drafts = rows
    with lora(backbone, [None] * plain + [adapter] * drafts, strength):
        yield


def direction(studio: "Studio", backbone: Any, taste: Taste) -> Any:
    """The person's direction in the model: the passages weighted by how much they are liked."""
    from engine.starter.states import passage_states
    from engine.steering.activation import from_scores, layers_of

    pool, layers = studio.shelves.pool("text"), layers_of(backbone)
    states = studio.maker.part(f"states {backbone.name}", lambda: passage_states(backbone, layers))
    mean, _ = taste.score(taste.pool)
    tasks = [r["task"] for r in pool.records]
    return from_scores(backbone.name, states, mean, tasks, layers)


def _line(studio: "Studio", kind: Kind, side: str, sample: Sample) -> dict[str, Any]:
    line: dict[str, Any] = {
        "type": "sample" if sample.done else "piece",
        "side": side,
        "index": sample.index,
    }
    if sample.pixels is not None:
        line["type"] = "sample" if sample.done else "look"
        line["image"] = drawing.as_url(sample.pixels)
    elif not sample.done and kind == "picture":
        return {**line, "type": "step", "text": sample.label}
    elif not sample.done:
        return {**line, "delta": sample.delta}
    elif sample.item is not None:
        line["item"] = studio.item_json(sample.item, sample.score, sample.std)
    else:
        line["text"] = sample.text
    if sample.score is not None:
        line |= {"score": round(sample.score, 4), "std": round(sample.std or 0.0, 4)}
    return {**line, "label": sample.label}


def as_question(
    studio: "Studio", user: int, profile: int, which: tuple[int, str, int], liked: bool
) -> tuple[Question, Outcome]:
    """A like: the result is picked out of all shown. A dislike: its twin is picked over it."""
    number, side, index = which
    made = studio.generation(profile, number)
    shown = {(r["side"], r["index"]): r for r in made["results"]}
    if (side, index) not in shown:
        raise Missing(f"generation {number} has no {side} result {index}")
    # Drawn beside drawn, found beside found: one is not judged for being a sketch.
    alike = {k: r for k, r in shown.items() if ("image" in r) == ("image" in shown[side, index])}
    ids = _ids(studio, (user, profile), made["prompt"], alike)
    me = ids[side, index]
    if liked:
        others = [i for i in dict.fromkeys(ids.values()) if i != me]
        items, picked = (me, *others), me
    else:
        twin = ids.get(("plain" if side == "personal" else "personal", index))
        rest = [i for i in ids.values() if i != me]
        other = twin if twin not in (None, me) else (rest[0] if rest else None)
        if other is None:
            raise Bad("there is nothing on the page to compare it with; make more first")
        items, picked = (me, other), other
    if len(items) < 2:
        raise Bad("there is nothing on the page to compare it with; make more first")
    asked = studio.store.add_question(profile, made["kind"], items, "like")
    return asked, Outcome(picks=(picked,))


def _ids(
    studio: "Studio", who: tuple[int, int], prompt: str, shown: dict[tuple[str, int], Any]
) -> dict[tuple[str, int], int]:
    """Item ids of all results; generated texts become items when they are first judged."""
    pictures = {k: r["item"]["id"] for k, r in shown.items() if "item" in r}
    drawn = {k: drawing.from_url(r["image"]) for k, r in shown.items() if "image" in r}
    if drawn:
        named = [(prompt, blob) for blob in drawn.values()]
        made = studio.shelves.add_pictures(who, named, "generated")
        studio.reshelve(who[0], "picture")
        pictures |= dict(zip(drawn, made, strict=True))
    texts: Sequence[tuple[tuple[str, int], str]] = [
        (k, r["text"]) for k, r in shown.items() if r.get("text", "").strip()
    ]
    if not texts:
        return pictures
    distinct = list(dict.fromkeys(t.strip() for _, t in texts))
    found = dict(zip(distinct, studio.add_results(*who, distinct, prompt), strict=True))
    return {**pictures, **{k: found[t.strip()] for k, t in texts}}
