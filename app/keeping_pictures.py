"""Keep for pictures: what there is to learn from, what it costs, and the order of its job.

The model is the one that draws (picture_models.py). Its job gets all it needs as files: pairs, the
pictures by content hash and the belief that will judge its samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.minds import METHOD
from app.shelves import ENCODER, SPACE

if TYPE_CHECKING:
    from app.studio import Studio
    from engine.objectives.base import Example

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"label": "Quick", "steps": 80, "check_every": 20},
    "good": {"label": "Good", "steps": 160, "check_every": 40},
    "best": {"label": "Best", "steps": 320, "check_every": 40},
}
ALIKE: dict[str, Any] = {"objective": "diffusion_dpo", "batch": 4, "micro": 4, "rate": 1.5e-3}
# An adapter of the shipped model is kept this much longer than it was learnt: a slow rate and a
# long reach carry over to other things better than a fast rate (docs/evidence.md, bench draws).
FULL = 3.0
# A large model of somebody else's: one pair at a time, and the usual rate of a LoRA.
OTHERS: dict[str, Any] = {**ALIKE, "batch": 2, "micro": 1, "rate": 1e-4}
# What simulated people gained in bench draws; only "quick" was measured.
GAIN = {
    "quick": "Two simulated people, tuned once each, liked it more than plain in 81 of 100, in "
    "91 with the lean that Create adds.",
    "good": "Gain not measured yet.",
    "best": "Gain not measured yet.",
}
UNKNOWN = "Gain not measured with this model."
# Pairs at most; a third of them the person's own, the rest what the belief adds to those.
PAIRS, BELIEF_PAIRS = 384, 3
TRIED = ("a cat", "a dog", "a frog", "an octopus", "a mushroom", "an apple", "a strawberry",
         "a car", "a sailboat", "an umbrella", "a snowman", "a balloon")  # fmt: skip


class PictureOrders:
    """Orders of picture jobs. `left_out`: things that no pair may show, for those who measure."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio
        self.left_out: frozenset[str] = frozenset()

    @property
    def draws(self) -> Any:
        return self.studio.maker.draws

    def model(self) -> Path:
        """The folder or file of the picture model."""
        return Path(self.draws.place())

    def ready(self) -> bool:
        return not self.draws.why_not

    def alike(self) -> dict[str, Any]:
        """Settings that all cards share."""
        return ALIKE if self.draws.ships else OTHERS

    def identity(self) -> str:
        """What an adapter of this model names as its base, without loading the model."""
        return str(self.draws.identity())

    def base(self) -> dict[str, str]:
        return dict(self.draws.base())

    def tried(self) -> list[str]:
        """Things that are drawn at each look at the run; few where a picture is dear."""
        return list(TRIED if self.draws.ships else TRIED[:3])

    # what there is to learn from

    def examples(self, profile: int, captions: bool = False, seed: int = 0) -> "list[Example]":
        """Pairs of pictures: the person's own first choice, then what the belief adds.

        `captions`: also own pairs that show two different things, each under its own name, or
        under the person's own words for it.
        """
        from engine.examples import from_answers, from_belief

        comparisons = self.studio.store.comparisons(profile, "picture")
        if not comparisons:
            return []
        candidate = self.studio.shelves.candidate
        shown = {i: candidate(i) for c in comparisons for i in c.question.items}
        told = self.studio.captions.on(profile, shown) if captions else shown
        every = from_answers(comparisons, told, "picture")
        drawable = {c.hash for c in shown.values() if self._drawable(c)}
        own = [e for e in every if drawable.issuperset(e.texts) and (captions or not e.prompts)]
        more = self._told(profile, from_belief)
        made = np.random.default_rng([seed, profile])
        own = [own[i] for i in made.permutation(len(own))[: PAIRS // 3]]
        return own + [more[i] for i in made.permutation(len(more))[: PAIRS - len(own)]]

    def _told(self, profile: int, from_belief: Any) -> "list[Example]":
        mind = self.studio.minds.seat(profile, "picture").mind
        with mind.lock:
            belief, features = mind.belief, mind.shelf.features
        pool = [self.studio.shelves.candidate(int(i)) for i in features.ids]
        rows = [k for k, c in enumerate(pool) if self._drawable(c)]
        mean, std = belief.believe(features.matrix[rows])
        found: list[Example] = from_belief([pool[k] for k in rows], mean, std, BELIEF_PAIRS)
        return found

    def _drawable(self, candidate: Any) -> bool:
        """Whether the model was taught what this shows, or drew it itself."""
        if candidate.prompt in self.left_out:
            return False
        made = candidate.attributes.get("made") == "generated"
        return made or bool(self.draws.knows(candidate.prompt))

    # the order

    def cards(self, room: Any, speed: float) -> list[dict[str, Any]]:
        """The cards with their cost here; a large model leaves the studio before it is tuned."""
        if not self.draws.ships and self.studio.maker.drawer_loaded():
            room = replace(room, memory=room.memory + self.draws.needs(room.width))
        return [self._card(name, room, speed) for name in PRESETS]

    def _card(self, name: str, room: Any, speed: float) -> dict[str, Any]:
        from engine.estimate import PictureShape, picture_cost

        plan, alike = PRESETS[name], self.alike()
        steps = (plan["steps"], alike["batch"], alike["micro"],
                 plan["steps"] // plan["check_every"])  # fmt: skip
        shape = PictureShape.of(self.model(), self.draws.size)
        found = picture_cost(shape, steps, speed, room)
        gain = GAIN[name] if self.draws.ships else UNKNOWN
        return {"name": name, "label": plan["label"], "gain": gain, "fits": found.fits,
                "minutes": round(found.minutes, 1), "why": found.why,
                "memory_gb": round(found.memory / 1e9, 1)}  # fmt: skip

    def order(self, profile: int, settings: Any) -> tuple[dict[str, Any], dict[str, str | bytes]]:
        """What a job gets: its request, without the card, and its files."""
        from engine.objectives import OBJECTIVES

        captions = OBJECTIVES[settings.objective].load().captions
        examples = self.examples(profile, captions, settings.seed)
        if not self.draws.ships:
            # Two copies of a large model need not fit; it is loaded again when somebody draws.
            self.studio.maker.drop_drawer()
        return self.request(settings), self.files(profile, examples)

    def request(self, settings: Any) -> dict[str, Any]:
        cache, name = self.studio.store.folder / "cache", self.identity()
        return {
            "model": str(self.model().resolve()), "cpu": self.studio.maker.cpu,
            "title": self.draws.title, "size": self.draws.size,
            "draw": {} if self.draws.ships else dict(zip(("steps", "guidance"), self.draws.how(),
                                                         strict=True)),
            "settings": asdict(settings), "prompts": self.tried(), "base": self.base(),
            "full": FULL if self.draws.ships else 1.0,
            "cache": str(cache / "reference" / f"{name}.bin"),
            "latents": str(cache / "latents" / name), "slot": str(self.studio.maker.lock_file),
            "judge": {"method": METHOD, "space": SPACE["picture"], "encoder": ENCODER["picture"]},
        }  # fmt: skip

    def files(self, profile: int, examples: "Sequence[Example]") -> dict[str, str | bytes]:
        """Pairs, belief and pictures as the worker reads them."""
        from safetensors.numpy import save

        from engine.tuning import write_examples

        mind = self.studio.minds.seat(profile, "picture").mind
        with mind.lock:
            state = mind.belief.state()
        found: dict[str, str | bytes] = {
            "examples.json": write_examples([list(examples)]),
            "belief.safetensors": save({k: np.ascontiguousarray(v) for k, v in state.items()}),
        }
        wanted = {name for e in examples for name in e.texts}
        for candidate in self._by_hash(profile, wanted).values():
            found[f"pictures/{candidate.hash}"] = self.studio.shelves.media(candidate)[0]
        return found

    def _by_hash(self, profile: int, wanted: set[str]) -> Mapping[str, Any]:
        mind = self.studio.minds.seat(profile, "picture").mind
        ids = {int(i) for i in mind.shelf.features.ids}
        ids |= {i for c in self.studio.store.comparisons(profile, "picture")
                for i in c.question.items}  # fmt: skip
        every = (self.studio.shelves.candidate(i) for i in ids)
        return {c.hash: c for c in every if c.hash in wanted}
