"""How a drawing is bent to a person: every way is one line of WAYS.

A way is a context manager over one batch. It is given what each row is told and how strongly that
row is bent, from 0 (the plain picture) to 1; it may yield changed conditions, or hold the model in
its hands until the block ends. Rows at strength 0 must come out as the model alone draws them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.making import Taste, Unavailable

if TYPE_CHECKING:
    from app.studio import Studio

INSTANT = "instant"
# The deepest that is ready is what a person gets who does not choose.
DEPTHS = ("guided", "attended", "steered", "tuned")


@dataclass(frozen=True)
class Scene:
    """One batch: who it is for, what draws it, and how strongly each row is bent.

    `lean` takes the place of the lean that is read from the taste's mean.
    """

    studio: "Studio"
    backbone: Any
    taste: Taste
    strengths: tuple[float, ...]
    lean: Sequence[Any] | None = None

    @property
    def profile(self) -> int:
        return self.taste.key[0]


Told = Sequence[Any]
Bend = Callable[[Scene, Told], AbstractContextManager[Told]]


@dataclass(frozen=True)
class Way:
    """`depth`: instant is the collection ranked, guided pushes a drawing while it is made, attended
    has the model attend to the person's vector, steered is what this one model was taught to heed
    beside the words, tuned was trained for the person.
    """

    depth: str
    ready: Callable[["Studio", int], bool]
    bend: Bend


def lean(studio: "Studio", scores: Any) -> Any:
    """What a liking (n,) of the whole collection asks of a drawing: a lean of the shipped model's
    conditions; for another model the direction (d,) in the space of pictures.
    """
    if not studio.maker.draws.ships:
        return toward(studio, scores)
    from engine.starter.drawer.data import TOLD
    from engine.starter.drawer.known import lesson
    from engine.steering.leaning import from_scores

    pool, told = studio.shelves.pool("picture"), lesson()
    names = [s.name for s in pool.stat_names]
    columns = [names.index(n) for n in TOLD]
    facts = (pool.stats[:, columns] - told.mean[: len(TOLD)]) / told.std[: len(TOLD)]
    return from_scores(scores, [r["style"] for r in pool.records], facts, (told.styles, TOLD))


def toward(studio: "Studio", scores: Any) -> Any:
    """(d,) along which the liking (n,) of the collection rises; exact for a linear taste."""
    from engine.preference import ppd

    return ppd.slope(studio.shelves.pool("picture").features, scores).astype(np.float32)


@contextmanager
def guided(scene: Scene, told: Told) -> Iterator[Told]:
    """At each step the picture ahead is pushed towards what the person likes; no training, on any
    model whose pictures the encoder can look at.
    """
    from engine.encoders.soft_picture import SoftPicture
    from engine.steering.reward_gradient import reward_gradient

    maker, ways = scene.studio.maker, scene.lean
    if ways is None:
        mean, _ = scene.taste.score(scene.taste.pool)
        ways = [toward(scene.studio, mean)] * len(told)
    see = maker.part("pictures with gradients", SoftPicture)
    with reward_gradient(scene.backbone, see, ways, scene.strengths):
        yield told


def draws(studio: "Studio", _profile: int) -> bool:
    return not studio.maker.draws.why_not


@contextmanager
def leaned(scene: Scene, told: Told) -> Iterator[Told]:
    """Styles and facts that the person likes become conditions."""
    from engine.steering.leaning import leaning

    leans = scene.lean
    if leans is None:
        mean, _ = scene.taste.score(scene.taste.pool)
        leans = [lean(scene.studio, mean)] * len(told)
    yield [leaning(t, by, s) for t, by, s in zip(told, leans, scene.strengths, strict=True)]


def vector(studio: "Studio", profile: int) -> Any:
    """The person's vector for pictures as a model gets it; zeros before the first answer."""
    from app.tastes import taste_of
    from engine.starter.drawer.personal import within

    found = taste_of(studio, profile, "picture").vector
    return within(found()) if found else None


@contextmanager
def attended(scene: Scene, told: Told) -> Iterator[Told]:
    """The model attends to the person's vector; without one, or where a lean is given, it leans."""
    from engine.starter.drawer.personal import FULL, adapter, within
    from engine.starter.drawer.whole import CURE
    from engine.steering.cross_attention import personal

    if scene.lean is not None or scene.taste.vector is None:
        with leaned(scene, told) as rows:
            yield rows
        return
    maker, backbone = scene.studio.maker, scene.backbone
    try:
        made = maker.part("personal adapter", lambda: adapter(backbone))
    except (OSError, ValueError) as wrong:
        raise Unavailable(
            f"the picture model's way to heed a person cannot be used ({wrong}); {CURE}"
        ) from wrong
    mine = within(scene.taste.vector())
    with personal(backbone, made, [s * mine if s else None for s in scene.strengths], FULL):
        yield told


def attends(studio: "Studio", _profile: int) -> bool:
    """Where an adapter ships for the model that draws. It is not what a person gets unasked: a
    lean moves a taste further where more is known (docs/decisions/0006).
    """
    return bool(studio.maker.draws.heeds)


def leans(studio: "Studio", profile: int) -> bool:
    """The shipped model takes styles and facts beside the words; no other does."""
    return bool(studio.maker.draws.ships) and draws(studio, profile)


@contextmanager
def tuned(scene: Scene, told: Told) -> Iterator[Told]:
    """The chosen adapter of this taste on the rows that are bent, each at its own strength."""
    from engine.steering.lora import lora

    adapter = scene.studio.keeping.chosen(scene.profile, "picture")
    with ExitStack() as held:
        for strength in sorted({s for s in scene.strengths if s}):
            rows = [adapter if s == strength else None for s in scene.strengths]
            held.enter_context(lora(scene.backbone, rows, strength))
        yield told


def has_adapter(studio: "Studio", profile: int) -> bool:
    return studio.keeping.chosen(profile, "picture") is not None


def leans_beside(studio: "Studio", profile: int) -> bool:
    """Whether what is tuned leans too."""
    return has_adapter(studio, profile) and leans(studio, profile)


WAYS: dict[str, Way] = {
    "guided": Way("guided", draws, guided),
    "attention": Way("attended", attends, attended),
    "leaning": Way("steered", leans, leaned),
    "lora": Way("tuned", has_adapter, tuned),
    # With a lean an adapter is liked far more than alone (docs/evidence.md, bench draws).
    "tuned leaning": Way("tuned", leans_beside, leaned),
}


MISSING = {
    "guided": "nothing draws here, so that nothing can be guided; choose the instant depth",
    "attended": "no adapter lies beside this picture model that heeds a person; choose guided, or "
    "tune the model on the Keep page",
    "steered": "this picture model was not taught to heed a person; choose guided, or tune it on "
    "the Keep page",
    "tuned": "no picture model is tuned for this taste yet; choose another depth, or tune one on "
    "the Keep page",
}


def depths(studio: "Studio") -> list[str]:
    """What may be asked for with the model that draws, shallowest first."""
    ways = {w.depth for w in WAYS.values() if w.depth == "tuned" or w.ready(studio, 0)}
    return [INSTANT, *(d for d in DEPTHS if d in ways and draws(studio, 0))]


def deepest(studio: "Studio", profile: int) -> str:
    """The deepest way that is ready for this person."""
    ready = {way.depth for way in WAYS.values() if way.ready(studio, profile)}
    return next(d for d in (*reversed(DEPTHS), INSTANT) if d in ready or d == INSTANT)


@contextmanager
def bent(scene: Scene, told: Told, depth: str) -> Iterator[Told]:
    """Every ready way of this depth at once; with nothing to bend by, the plain conditions."""
    if not any(scene.strengths) or not scene.taste.answers:
        yield told
        return
    found = [w for w in WAYS.values() if w.depth == depth and w.ready(scene.studio, scene.profile)]
    if not found:
        raise Unavailable(MISSING[depth])
    with ExitStack() as held:
        for way in found:
            told = held.enter_context(way.bend(scene, told))
        yield told
