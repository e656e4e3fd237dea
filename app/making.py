"""Making things: backbones loaded when first needed, one generation slot, personal beside plain.

Everything here is the engine's; the Studio brings the belief and stores what was made.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.meek import meekly
from app.picture_models import Starter
from app.turns import Turns
from engine.data import Array, Features, Kind, Request, Sample
from engine.memory import plainly
from engine.pipelines import BadModel

DRAFTS = 8
# The largest strength of bench steer; its figures for sense and for change are taken there.
SAFE = 2.0
SEEDS, FAR = 7919, 104_729
MODEL, SPACE_OF_MODEL = "SmolLM2-135M-Instruct", "smollm2-135m"
CAPTIONS, DRAWER = "minilm-l6", "picture model"
log = logging.getLogger("penchant")


class Unavailable(RuntimeError):
    """A model that is needed is not there; the message names the cure."""


@dataclass(frozen=True)
class Taste:
    """What generation needs of a belief, whatever its method and space (app/tastes.py makes it).

    features: what may be shown; score: rows of its space -> (mean, std); key: profile and seq;
    pool (n, d): the collection in its own order; read: new things -> rows; vector: what a model
    that attends is given, None where such a model has to lean.
    """

    features: Features
    score: Callable[[Array], tuple[Array, Array]]
    key: tuple[int, int]
    answers: int
    pool: Array
    read: Callable[[Sequence[Any]], Array]
    vector: Callable[[], Array] | None = None


# Steers `backbone` inside a with block, given how many plain rows come first and how many drafts.
Bend = Callable[[Any, int, int], AbstractContextManager[Any]]


class Maker:
    """Loads lazily, keeps loaded, serves one generation at a time."""

    def __init__(self, models: Path, lm: str | None = None, cpu: bool = False) -> None:
        self.models, self.lm, self.cpu = models, lm, cpu
        # What draws (app/picture_models.py), and seconds a picture once some were drawn.
        self.draws: Any = Starter()
        self.pace: float | None = None
        self.lock_file: Path | None = None
        self._loading = threading.RLock()
        self.turns = Turns()
        self._parts: dict[str, Any] = {}
        self._warming: dict[str, threading.Thread] = {}
        self._closed = threading.Event()
        self._vectors: dict[tuple[int, int], tuple[Any, float]] = {}

    def part(self, name: str, load: Callable[[], Any]) -> Any:
        """A loaded thing by name; loaded once, under a lock.

        What is there is handed out at once, also while something else is being loaded.
        """
        if (found := self._parts.get(name)) is not None:
            return found
        with self._loading:
            if name not in self._parts:
                self._parts[name] = load()
            return self._parts[name]

    def drop(self, name: str) -> None:
        """Forget a loaded thing that is no longer there."""
        with self._loading:
            self._parts.pop(name, None)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """The one generation slot of this machine. A training in another process waits for it.

        Where memory runs out in it, that leaves as a MemoryError with words.
        """
        with self.turns.turn(), self._away(), plainly():
            yield

    @contextmanager
    def spare(self, user: int = 0) -> Iterator[Callable[[], bool] | None]:
        """The slot for work that nobody waits for: what tells whether a person wants it by now.

        None when it is taken already. Whoever has it ends as soon as it is told so.
        """
        if self._closed.is_set():
            yield None
            return
        with self.turns.spare(user) as free:
            if not free:
                yield None
                return
            with self._away():
                yield lambda: self.turns.wanted() or self._closed.is_set()

    def _away(self) -> AbstractContextManager[Any]:
        """The lock that trainings look at between two passes of their model."""
        if self.lock_file is None:
            return nullcontext()
        from filelock import FileLock

        return FileLock(self.lock_file)

    def encode(self, encoder: str, inputs: Sequence[Any]) -> Array:
        """(n, d) features by an encoder of the table, loaded on first use."""
        from engine.encoders import ENCODERS

        found = self.part(encoder, lambda: ENCODERS[encoder].load()())
        return np.asarray(found.encode(list(inputs)), np.float32)

    def preload(self) -> None:
        """Load all of it now, before anybody is there to wait."""
        for kind in ("picture", "text"):
            self._quietly(self._loads(kind))

    def _loads(self, kind: Kind) -> list[Callable[[], Any]]:
        """What the first result of a kind will need."""
        if kind == "text":
            return [self.language_model, lambda: self.encode("starter-text", ["warm"])]
        return [lambda: self.encode(CAPTIONS, ["warm"]), self.drawer]

    def warm(self, kind: Kind) -> None:
        """Load what the first result will need while the person looks at questions."""
        name = DRAWER if kind == "picture" else "lm"
        if name in self._parts or name in self._warming:
            return
        loads = self._loads(kind)
        thread = threading.Thread(target=self._quietly, args=(loads,), name="warm", daemon=True)
        self._warming[name] = thread
        thread.start()

    def drawer(self) -> Any:
        """The picture model; Unavailable says why there is none."""
        if self.draws.why_not:
            raise Unavailable(self.draws.why_not)
        return self.part(DRAWER, self._load_drawer)

    def _load_drawer(self) -> Any:
        try:
            return self.draws.load(self.cpu)
        except (BadModel, MemoryError) as wrong:
            raise Unavailable(str(wrong)) from wrong

    def drop_drawer(self) -> None:
        """Free the memory of the picture model, once nobody draws with it."""
        import gc

        with self.slot():
            self.drop(DRAWER)
        gc.collect()
        if "torch" in sys.modules and (cuda := sys.modules["torch"].cuda).is_available():
            # A training in another process cannot use what this one only keeps for later.
            cuda.empty_cache()

    def drawer_loaded(self) -> bool:
        return DRAWER in self._parts

    def said(self) -> str:
        """What a person is told of the memory of the picture model; mostly nothing."""
        return str(self._parts[DRAWER].said()) if DRAWER in self._parts else ""

    def _quietly(self, loads: Sequence[Callable[[], Any]]) -> None:
        try:
            with meekly(lambda: self.turns.wanted() or self._closed.is_set()):
                for load in loads:
                    if not self._closed.is_set():
                        load()
        except (Unavailable, OSError) as wrong:
            # Whoever makes something meets the same error with its cure; here it is only early.
            log.info("not warmed: %s", wrong)

    def close(self, seconds: float = 20.0) -> None:
        """Start no further load; wait for one that is under way, but not longer than `seconds`."""
        self._closed.set()
        until = time.monotonic() + seconds
        for thread in list(self._warming.values()):
            thread.join(max(0.0, until - time.monotonic()))

    def busy(self) -> bool:
        return self.turns.taken()

    def lm_name(self) -> str:
        return Path(self.lm).name if self.lm else MODEL

    def lm_place(self) -> Path:
        """The folder (or id) of the language model."""
        return Path(self.lm) if self.lm else self.models / MODEL

    def lm_identity(self) -> str | None:
        """Name of its weights; None when another model was never loaded."""
        if not self.lm:
            return SPACE_OF_MODEL
        return str(self._parts["lm"].name) if "lm" in self._parts else None

    def must_have_lm(self) -> None:
        """Unavailable unless the language model is in place."""
        if not self.lm and not (self.models / MODEL / "manifest.json").exists():
            raise Unavailable(
                "the language model is not in place; run `python3 launch.py` once, or point "
                "--lm at a folder that holds a causal language model"
            )

    def safe(self, backbone: Any, direction: Any) -> float:
        """Full strength of the slider: measured for the shipped model, searched for another."""
        if not self.lm:
            return SAFE
        from engine.coherence import safe_strength

        return float(self.part("safe", lambda: safe_strength(backbone, direction)))

    def about(self) -> dict[str, Any]:
        """Device, the reason for it, and which models are in place."""
        from engine.device import likely

        device = likely(self.cpu)
        place = self.lm_place()
        return {
            "device": device.name,
            "reason": device.reason,
            "models": [
                {
                    "name": self.lm_name(),
                    "what": "writes",
                    "ready": place.exists(),
                    "loaded": "lm" in self._parts,
                },
                {
                    "name": self.draws.title or "no picture model",
                    "what": "draws",
                    "ready": not self.draws.why_not,
                    "loaded": DRAWER in self._parts,
                },
            ],
        }

    def language_model(self) -> Any:
        """The causal language model; Unavailable says how to get one."""
        return self.part("lm", self._load_lm)

    def _load_lm(self) -> Any:
        from engine.backbones.causal_lm import CausalLM

        self.must_have_lm()
        return CausalLM.load(str(self.lm_place()), self.cpu)

    def pictures(
        self, backbone: Any, request: Request, taste: Taste, strength: float
    ) -> Iterator[tuple[str, Sample]]:
        """Plain and personal results from the collection on the same seed."""
        from engine.steering.rerank import rerank

        with self.slot():
            for sample in backbone.generate(request):
                yield "plain", self._scored(sample, taste)
            with rerank(backbone, lambda rows: taste.score(rows), strength):
                for sample in backbone.generate(request):
                    yield "personal", self._scored(sample, taste)

    def words(
        self, request: Request, taste: Taste, bend: Bend, strength: float
    ) -> Iterator[tuple[str, Sample]]:
        """Plain texts as they are written; then, of several drafts, the one liked best.

        Everything is one batch on shared noise. At strength 0 the personal text is the plain one.
        """
        backbone = self.language_model()
        per = max(2, DRAFTS // request.n) if strength else 0
        seeds = [request.seed * SEEDS + i for i in range(request.n)]
        extra = [s + d * FAR for s in seeds for d in range(per)]
        finished: dict[int, Sample] = {}
        with self.slot(), bend(backbone, request.n, len(extra)):
            for sample in backbone.stream(request, seeds + extra):
                if sample.index < request.n:
                    yield "plain", self._judged(sample, taste) if sample.done else sample
                if sample.done:
                    finished[sample.index] = sample
        for index in range(request.n):
            drafts = [finished[request.n + index * per + d] for d in range(per)
                      if request.n + index * per + d in finished]  # fmt: skip
            if index in finished:
                yield "personal", self._choose(finished[index], drafts, taste)

    def _choose(self, plain: Sample, drafts: Sequence[Sample], taste: Taste) -> Sample:
        """The draft with the best predicted liking among those that still make sense."""
        sound = [d for d in drafts if coherent(d.text, plain.text)]
        judged = [self._judged(d, taste) for d in sound] or [self._judged(plain, taste)]
        best = max(judged, key=lambda d: d.score or 0.0)
        return replace(best, index=plain.index, delta="")

    def _judged(self, sample: Sample, taste: Taste) -> Sample:
        if not sample.text.strip():
            return sample
        mean, std = taste.score(taste.read([sample.text]))
        return replace(sample, score=float(mean[0]), std=float(std[0]))

    @staticmethod
    def _scored(sample: Sample, taste: Taste) -> Sample:
        if sample.item is None:
            return sample
        mean, std = taste.score(taste.features.of([sample.item]))
        return replace(sample, score=float(mean[0]), std=float(std[0]))


def coherent(text: str, plain: str) -> bool:
    """Steering must not cost sense: no more repetition, and not cut to a stub."""
    from engine.coherence import distinct2

    long_enough = len(text.split()) >= min(12, len(plain.split()) // 2)
    return long_enough and distinct2(text) >= 0.8 * distinct2(plain)
