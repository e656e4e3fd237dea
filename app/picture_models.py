"""Which picture model draws: the one that ships, another one that a person pointed at, or none.

Each answers the same questions: may it draw this prompt, how is it loaded, what is its name for
adapters, what may be learnt with it. What only the shipped model has (things it knows, styles
and facts as conditions, an adapter that attends to a person) is asked here and nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.pipelines import BadModel as BadModel
from engine.pipelines import Found, identity, look, read

OWN = "penchant.json"
# What a whole pipeline needs beside its weights while it draws.
BESIDE = 2e9


@dataclass(frozen=True)
class Wanted:
    """How a person wants it to draw; None leaves a setting to the model."""

    steps: int | None = None
    guidance: float | None = None
    size: int | None = None


class Starter:
    """The small model that ships with this copy."""

    ships, title = True, "penchant starter pictures"
    size: int | None = None

    @property
    def why_not(self) -> str:
        """Why nothing is drawn; empty where something is."""
        from engine.starter.drawer.whole import CURE, torn

        place = self.place()
        if not place.exists():
            return "No picture model ships with this copy."
        file = torn(place)
        return file and (
            f"{file} of the picture model that ships is damaged or missing, so that nothing is "
            f"drawn; {CURE}."
        )

    @property
    def lacks(self) -> str:
        """What goes less well because a file is damaged; empty where nothing does."""
        from engine.starter.drawer.whole import CURE, whole

        if self.why_not or not self._adapter().exists() or whole(self._adapter()):
            return ""
        return (
            f"{self._adapter().name}, by which the picture model heeds a person, is damaged; until "
            f"it is mended the depth attended is not there; {CURE}."
        )

    def place(self) -> Path:
        from engine.starter.drawer.known import MODEL

        return MODEL

    @property
    def heeds(self) -> bool:
        """Whether an adapter for a person's vector lies beside it. Asked before torch is loaded."""
        from engine.starter.drawer.whole import whole

        return not self.why_not and whole(self._adapter())

    def _adapter(self) -> Path:
        return self.place().parent / "personal.safetensors"

    def leads(self) -> bool:
        """Whether drawings stand before what the collection has; a measure and its gate decide."""
        from engine.starter.drawer.known import lesson

        return not self.why_not and lesson().leads

    def unknown(self, prompt: str, encode: Callable[[Sequence[str]], Any]) -> str:
        """What a person is told when the model would draw mush; empty when it knows the thing."""
        from engine.starter.drawer.known import nearness

        found = nearness(prompt, encode)
        if found.known:
            return ""
        names = ", ".join(found.nearest[:-1]) + f" or {found.nearest[-1]}"
        return (
            "The small drawing model knows some hundreds of everyday things, and this is not one "
            f"of them. Nearest to it: {names}. These are from the collection."
        )

    def told(self, prompt: str) -> Any:
        """A prompt as the model takes it."""
        from engine.starter.drawer.conditions import WHITE, Told

        return Told(prompt, {}, WHITE)

    def knows(self, prompt: str) -> bool:
        """Whether it was taught this thing of the collection."""
        return prompt in _taught(self.place())

    def things(self) -> list[str]:
        """What may be drawn ahead, in plain words."""
        from engine.starter.drawer.known import lesson, plain

        return [plain(c) for c in lesson().concepts]

    def load(self, _cpu: bool) -> Any:
        # Asked by its module, so that a test may put another in its place.
        from engine.starter.drawer import known

        return known.starter()

    def identity(self) -> str:
        """What an adapter of this model names as its base, without loading the model. BadModel."""
        if self.why_not:
            raise BadModel(self.why_not)
        file = self.place() / "transformer" / "diffusion_pytorch_model.safetensors"
        return _digest(file, file.stat().st_mtime_ns)

    def base(self) -> dict[str, str]:
        return {"name": "", "upstream": "penchant-starter-pictures", "licence": "",
                "architecture": str(look(self.place()).settings()["_class_name"]),
                "note": "the small picture model that ships with Penchant"}  # fmt: skip

    def how(self) -> tuple[int, float]:
        """Steps and guidance of a drawing."""
        from engine.starter.drawer.known import GUIDANCE, STEPS

        return STEPS, GUIDANCE


@dataclass(frozen=True)
class Own:
    """A diffusers pipeline of the person's: SD 1.5, 2.1, SDXL, SD3 or Flux."""

    found: Found
    wanted: Wanted
    ships = heeds = False
    why_not = lacks = ""

    @property
    def title(self) -> str:
        return self._told().get("title") or self.found.path.stem

    @property
    def size(self) -> int | None:
        return self.wanted.size

    def _told(self) -> dict[str, str]:
        """What was noted when it came from the hub."""
        return _noted(self.found.path / OWN)

    def place(self) -> Path:
        return self.found.path

    def leads(self) -> bool:
        return True

    def unknown(self, _prompt: str, _encode: Any) -> str:
        return ""

    def told(self, prompt: str) -> Any:
        return prompt

    def knows(self, prompt: str) -> bool:
        return bool(prompt)

    def things(self) -> list[str]:
        return Starter().things()

    def needs(self, width: int = 4) -> float:
        """Bytes of memory that drawing takes, about; `width`: bytes of a number."""
        return self.found.numbers[0] * width + BESIDE

    def load(self, cpu: bool) -> Any:
        """MemoryError before the system has to end the studio; BadModel when it is not whole."""
        import psutil

        from engine.backbones.diffusion import Diffusion
        from engine.device import choose

        width = 4 if choose(cpu).dtype == "float32" else 2
        free, needs = psutil.virtual_memory().available / 1e9, self.needs(width) / 1e9
        if needs > free:
            raise MemoryError(
                f"{self.title} needs about {needs:.1f} GB of memory to draw, {free:.1f} GB are "
                "free; close other programs, or start with a smaller model"
            )
        made = Diffusion.load(str(self.found.path), cpu, self.title)
        made.steps, made.guidance, made.size = (
            self.wanted.steps, self.wanted.guidance, self.wanted.size,
        )  # fmt: skip
        return made

    def identity(self) -> str:
        return _identity(self.found, self.title, self.found.path.stat().st_mtime_ns)

    def base(self) -> dict[str, str]:
        told = self._told()
        return {"name": "", "upstream": told.get("upstream") or self.title,
                "revision": told.get("revision", ""), "licence": told.get("licence", ""),
                "architecture": str(self.found.settings().get("_class_name", "")),
                "note": ""}  # fmt: skip

    def how(self) -> tuple[int, float]:
        """As asked for, else as the pipeline itself does it."""
        from inspect import signature

        import diffusers

        call = signature(getattr(diffusers, self.found.kind).__call__).parameters
        steps = self.wanted.steps or int(call["num_inference_steps"].default)
        guidance = self.wanted.guidance
        return steps, float(call["guidance_scale"].default) if guidance is None else guidance


@dataclass(frozen=True)
class Absent:
    """Nothing draws: what was asked for cannot be used, and the studio goes on without."""

    why: str
    ships = heeds = False
    title = lacks = ""
    size = None

    @property
    def why_not(self) -> str:
        return f"Nothing is drawn: {self.why}."

    def leads(self) -> bool:
        return False


def chosen(options: Any, online: bool = False) -> Any:
    """The model that the flags ask for. `online`: an id of the hub may be fetched."""
    from app import fetching

    if not options.pictures:
        return Starter()
    wanted = Wanted(options.pictures_steps, options.pictures_guidance, options.pictures_size)
    try:
        where = Path(options.pictures).expanduser().absolute()
        if options.pictures.startswith(fetching.HUB):
            where = fetching.place(options.pictures, Path(options.models_dir), online)
        own = Own(look(where), wanted)
        # Whatever a page or a tuning asks of it later is asked now, while saying no is easy.
        own.base()
        return own
    except BadModel as wrong:
        return Absent(str(wrong))


@lru_cache(maxsize=4)
def _taught(model: Path) -> frozenset[str]:
    from engine.starter.drawer.known import lesson

    return frozenset(lesson(model).concepts)


@lru_cache(maxsize=4)
def _digest(file: Path, _changed: int) -> str:
    from safetensors.torch import load_file

    from engine.loading import digest

    return f"starter-pictures-{digest(load_file(file))}"


@lru_cache(maxsize=4)
def _identity(found: Found, title: str, _changed: int) -> str:
    return identity(found, title)


@lru_cache(maxsize=4)
def _noted(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    return {k: str(v) for k, v in read(file).items()}
