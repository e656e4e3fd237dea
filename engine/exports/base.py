"""What an export is: write the files of one target, load them again there, compare, or refuse.

A target is one `Export` in one file. `make` writes into a hidden folder, has the files loaded again
in a fresh process by the target's own loader where that is installed, compares what comes out with
what the studio makes of the same numbers, writes the card, and only then gives the folder its name.
Tools skip names they do not know in silence; here one unmatched name is no export.
"""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.adapter import Adapter, Base

if TYPE_CHECKING:
    from engine.steering.activation import Direction
    from engine.steering.cross_attention import Personal

Tick = Literal["loaded there", "keys checked", "not checked"]
Privacy = Literal["vector only", "pseudonymous", "full"]
VERSION = "1"
# Numbers of two libraries agree to about 1e-6 of their size; a change must stand well above it.
ROUNDING, VISIBLE = 1e-5, 10.0


class Refused(ValueError):
    """No export: the text says what did not fit and what to do."""


@dataclass(frozen=True)
class Facts:
    """What a card may tell. `profile` is a random id, never a name.

    `agreement` on held-out answers: share, lower and upper end of its interval. `strength` is what
    is recommended, `range` where the model still writes or draws well. `full` is the strength that
    the studio's slider has at its right end: 1 of an adapter, more of a steering direction.
    `simulated`: the answers are a program's, of an example.
    """

    answers: int = 0
    agreement: tuple[float, float, float] | None = None
    strength: float = 1.0
    range: tuple[float, float] = (0.0, 1.0)
    full: float = 1.0
    method: str = ""
    encoder: str = ""
    profile: str = ""
    simulated: bool = False
    privacy: Privacy = "vector only"


@dataclass(frozen=True)
class Material:
    """All that an export may draw on. `model` is the folder of the base model.

    `personal` (steering/cross_attention.py) draws for `vector`, a person's (d,) in its space.
    `answers` are rows as `told` of profiles/exports.py gives them. `prompt` is the system text
    (shots and description). `gguf` is the base model as llama.cpp reads it, where there is one.
    """

    title: str
    model: Path
    adapter: Adapter | None = None
    direction: "Direction | None" = None
    personal: "Personal | None" = None
    vector: tuple[float, ...] = ()
    source: Base | None = None
    answers: Sequence[Mapping[str, Any]] = ()
    prompt: str = ""
    gguf: Path | None = None
    preview: Path | None = None
    facts: Facts = field(default_factory=Facts)

    @property
    def base(self) -> Base:
        if self.adapter:
            return self.adapter.base
        return self.source or Base(self.direction.model if self.direction else self.model.name)

    @property
    def name(self) -> str:
        """The person's own title only where everything may be told: titles tend to hold names."""
        if self.facts.privacy == "full":
            return self.title
        return f"Penchant {self.facts.profile or self._digest()[:8]}"

    @property
    def slug(self) -> str:
        """The name as a file name."""
        kept = "".join(c if c.isalnum() and c.isascii() else "-" for c in self.name.lower())
        return "-".join(filter(None, kept.split("-")))[:60] or "penchant"

    def _digest(self) -> str:
        return self.adapter.digest() if self.adapter else uuid.uuid4().hex

    def stamp(self) -> dict[str, str]:
        """Our keys for a safetensors or GGUF header: no names, no answers."""
        facts = self.facts
        made = {
            "version": VERSION, "profile": facts.profile, "method": facts.method,
            "encoder": facts.encoder, "answers": facts.answers, "strength": facts.strength,
            "range": f"{facts.range[0]:g} to {facts.range[1]:g}", "privacy": facts.privacy,
            "simulated": "true" if facts.simulated else "",
        }  # fmt: skip
        return {f"penchant.{k}": str(v) for k, v in made.items() if v != ""}


@dataclass(frozen=True)
class Probe:
    """What the other process needs: where the base is and what to feed it. Goes through JSON."""

    model: str
    ids: tuple[tuple[int, ...], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """(n, v) outputs of the base model and of ours on a probe; None where nothing is computed.
    `note` is told with the proof.
    """

    probe: Probe
    base: NDArray[np.float32] | None = None
    ours: NDArray[np.float32] | None = None
    note: str = ""


@dataclass(frozen=True)
class Loaded:
    """What came out there. `own`: by the target's own loader. `base`: its base model's outputs,
    given where its numbers are coarser than ours, so that changes are compared with changes.
    """

    matched: int
    total: int
    outputs: NDArray[np.float32] | None = None
    base: NDArray[np.float32] | None = None
    own: bool = True
    why: str = ""


@dataclass(frozen=True)
class Proof:
    """What is shown beside an export. `effect` is how far ours lies from the base model."""

    tick: Tick
    matched: int
    total: int
    max_diff: float | None = None
    effect: float | None = None
    differs_from_base: bool | None = None
    why: str = ""

    def json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Export:
    """A target. `write(what, folder)` fills an empty folder. `reload(folder, probe)` is a function
    of a module, so that a fresh process can find it. `expect(what)` says what must come out.

    `usage` is a sentence or two for the card; `how` fills in {name}, {slug}, {strength}, {full}
    and {share}, which is what scale 1 is of the slider.
    `tolerance` is the largest difference as a share of the effect. `words`: the files hold texts.
    `unfit(model)` says why the tools of this target cannot run a base model, or nothing.
    """

    write: Callable[[Material, Path], None]
    reload: Callable[[Path, Probe], Loaded]
    expect: Callable[[Material], Expected]
    label: str
    needs: frozenset[str]
    usage: str
    library: str = ""
    tolerance: float = 0.02
    words: bool = False
    unfit: Callable[[Path], str] = lambda model: ""

    def how(self, what: Material) -> str:
        """How the files are used, with this material's names and numbers."""
        facts = what.facts
        return self.usage.format(
            name=what.name, slug=what.slug, strength=f"{facts.strength:g}",
            full=f"{facts.full:g}", share=f"{1 / facts.full:.0%}",
        )  # fmt: skip


def nothing(what: Material) -> Expected:
    """For files without numbers: only what is written is read again."""
    return Expected(Probe(str(what.model)))


def make(export: Export, what: Material, folder: Path, fresh: bool = True) -> Proof:
    """The finished export in `folder`, or Refused and nothing there."""
    from engine.exports.card import write_card

    _allowed(export, what)
    if folder.exists():
        raise Refused(f"{folder} is already there; choose another name or remove it")
    made = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    made.mkdir(parents=True)
    try:
        export.write(what, made)
        proof = prove(export, what, made, fresh)
        write_card(export, what, proof, made)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return proof


def prove(export: Export, what: Material, folder: Path, fresh: bool = True) -> Proof:
    """Load the files again, in a fresh process unless told otherwise, and compare."""
    from engine.exports.checks.fresh import reloaded

    expected = export.expect(what)
    read = reloaded if fresh else lambda f, *a: f(*a)
    loaded = read(export.reload, folder, expected.probe)
    if loaded.matched < loaded.total or not loaded.total:
        found = "rows came back as written" if export.words else "names found their place"
        raise Refused(
            f"{export.label}: {loaded.matched} of {loaded.total} {found}, so the files were "
            f"removed. {loaded.why}".strip()
        )
    tick: Tick = "loaded there" if loaded.own else "keys checked"
    why = f"{expected.note} {loaded.why}".strip()
    if loaded.outputs is None or expected.ours is None or expected.base is None:
        return Proof(tick, loaded.matched, loaded.total, why=why)
    largest, effect = _compared(export, expected, loaded)
    return Proof(tick, loaded.matched, loaded.total, largest, effect, True, why)


def _compared(export: Export, expected: Expected, loaded: Loaded) -> tuple[float, float]:
    """Largest difference and effect; Refused where the one drowns the other."""
    assert expected.ours is not None and expected.base is not None and loaded.outputs is not None
    floor = ROUNDING * max(1.0, float(np.abs(expected.ours).max()))
    wanted, got = expected.ours, loaded.outputs
    if loaded.base is not None:
        wanted, got = wanted - expected.base, got - loaded.base
    effect = float(np.abs(expected.ours - expected.base).max())
    largest = float(np.abs(wanted - got).max())
    if effect < VISIBLE * floor:
        raise Refused("it changes nothing that can be seen; learn from more answers first")
    if not largest <= max(export.tolerance * effect, floor):
        raise Refused(
            f"{export.label}: what was loaded again differs from ours by {largest:.3g} where the "
            f"whole effect is {effect:.3g}, so the files were removed"
        )
    return largest, effect


def _allowed(export: Export, what: Material) -> None:
    if export.words and what.facts.privacy == "vector only":
        raise Refused(
            f"{export.label} holds texts and answers; choose 'pseudonymous' or 'full' to export it"
        )
    missing = sorted(n for n in export.needs if not getattr(what, n))
    if missing:
        raise Refused(f"{export.label} needs {' and '.join(missing)}; there is none here yet")
