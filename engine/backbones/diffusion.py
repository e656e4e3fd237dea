"""Any text-to-image pipeline of diffusers behind the Backbone interface: seeded, seen as it draws.

Every row has its own seed, so that a picture does not depend on its batch mates and plain and
personal pictures share their noise. Safetensors only, no remote code. When memory runs out the next
rung of a short ladder is taken and said. What a family of models needs is in engine/denoising.py.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.data import Array, Draw, Request, Sample
from engine.denoising import Conditions, Denoiser, family
from engine.device import choose
from engine.loading import LOADING
from engine.memory import ran_out
from engine.picturing import LAYERS, PictureReading
from engine.pipelines import BadModel as BadModel
from engine.pipelines import Found, identity, look
from engine.stages import Course, Touch, as_bytes, side_of

ODD = 7919
# Rows of a batch, pixels a side, and pixels of a batch on a CPU.
TOGETHER, LARGEST, EASY = 8, 2048, 2 * 512 * 512
# Timesteps at which two pictures are compared; the ends say little.
TIMES = (0.2, 0.4, 0.6, 0.8)
RUNGS = (
    "as it is",
    "fewer pictures at a time",
    "one picture at a time, in slices",
    "one picture at a time, parts of the model waiting outside the GPU",
)


@dataclass(frozen=True)
class Place:
    """What is in the denoiser right now: `rows` (B,) of the call. With guidance each row is there
    twice, first without its prompt: `told` (B,) false for those. `mine` (B,) false where nothing of
    a person may be added. `guidance`: how strongly words are followed; None: nothing is drawn,
    pictures are judged.
    """

    rows: torch.Tensor
    told: torch.Tensor
    mine: torch.Tensor
    guidance: float | None = 1.0


@dataclass
class Diffusion:
    """`name` identifies the weights. `steps`, `guidance` and `size` (pixels a side) are what the
    model works with when nothing is said, where known. `touches` may change the latents after each
    step of a drawing.
    """

    name: str
    face: Denoiser
    device: str = "cpu"
    steps: int | None = None
    guidance: float | None = None
    size: int | None = None
    rung: int = 0
    place: Place | None = None
    album: Callable[[str], torch.Tensor] | None = None
    touches: list[Touch] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def load(cls, where: str, cpu: bool = False, title: str = "") -> "Diffusion":
        """A folder, or a single .safetensors file with its configs beside it; `title` names it."""
        found, device = look(Path(where)), choose(cpu)
        with LOADING:
            pipe = _read(found, getattr(torch, device.dtype))
            rung = _put(pipe, device.name)
        pipe.set_progress_bar_config(disable=True)
        name = identity(found, title or found.path.stem)
        return cls(name, family(pipe), device.name, rung=rung)

    def reading(self, objective: Any) -> PictureReading:
        """How the trainer asks this model; `album` must be set first."""
        if self.album is None:
            raise ValueError("training on pictures needs an album: set it to name -> latents")
        return PictureReading(self.face, self.album, objective.perceptual, objective.captions,
                              self.layers, self.device)  # fmt: skip

    @property
    def layers(self) -> tuple[str, ...]:
        """Ends of the paths of the layers that a LoRA may change."""
        return tuple(getattr(self.face, "layers", LAYERS))

    def reads(self) -> str:
        """What decides the numbers of latents and of reference values beside the weights."""
        kind = str(next(self.face.module.parameters()).dtype).removeprefix("torch.")
        return f"{self.side()}px-{self.device}-{kind}"

    @property
    def model(self) -> torch.nn.Module:
        """What is bent: the unet or transformer."""
        return self.trainable()

    def trainable(self) -> torch.nn.Module:
        module: torch.nn.Module = self.face.module
        return module

    # drawing

    def generate(self, request: Request) -> Iterator[Sample]:
        """n pictures of one prompt; picture i of the same seed is always the same."""
        seeds = [request.seed * ODD + i for i in range(request.n)]
        yield from self.stream([request.prompt] * request.n, seeds, request)

    def stream(
        self, prompts: Sequence[Any], seeds: Sequence[int], request: Request
    ) -> Iterator[Sample]:
        """One picture per prompt and seed. First looks with done=False, then each once, done."""
        if not prompts:
            return
        _sane(request)
        start, most = 0, self._together(request)
        while start < len(prompts):
            size = (most, max(1, most // 4), 1, 1)[self.rung]
            part = list(range(start, min(start + size, len(prompts))))
            try:
                yield from self._batch(prompts, seeds, part, request)
            except (RuntimeError, MemoryError) as wrong:
                if not ran_out(wrong):
                    raise
                if not self._down():
                    raise MemoryError(
                        "there is not enough memory for one picture; ask for a smaller size"
                    ) from wrong
                continue
            if request.cancelled():
                return
            start += len(part)

    def _together(self, request: Request | None) -> int:
        """Rows of a batch. A GPU says when it has no more memory; on a CPU the system may end the
        studio instead, so that large pictures come one by one there.
        """
        if self.device != "cpu":
            return TOGETHER
        size = getattr(request, "size", None) or (self.side(),) * 2
        return max(1, min(TOGETHER, EASY // (int(size[0]) * int(size[1]))))

    def _batch(
        self, prompts: Sequence[Any], seeds: Sequence[int], part: list[int], request: Request
    ) -> Iterator[Sample]:
        """The pipeline runs in a thread, so that its looks can be handed on as they come."""
        came: queue.Queue[Any] = queue.Queue()

        def work() -> None:
            try:
                came.put(self._run(prompts, seeds, part, request, came.put))
            except BaseException as wrong:  # noqa: BLE001 - handed to the caller's thread
                came.put(wrong)

        with self._lock:
            thread = threading.Thread(target=work, name="draw", daemon=True)
            thread.start()
            try:
                while True:
                    found = came.get()
                    if isinstance(found, BaseException):
                        raise found
                    if isinstance(found, Sample):
                        yield found
                        continue
                    break
            finally:
                # Nobody listens any more: it ends at its next step.
                self.face.pipe._interrupt = True
                thread.join()
        for index, pixels in zip(part, found, strict=True):
            if pixels is not None:
                yield Sample(index, pixels=pixels, label=self.said())

    @torch.inference_mode()
    def _run(self, prompts: Sequence[Any], seeds: Sequence[int], part: list[int],
             request: Request, tell: Callable[[Any], None]) -> Sequence[Any]:  # fmt: skip
        pipe, more = self.face.pipe, self._settings(request)
        looks = _Looks(self, Course(self.face, part, side_of(pipe, more)), request, tell)
        made = [torch.Generator().manual_seed(seeds[k]) for k in part]
        self._placed(part, more.get("guidance_scale"))
        try:
            asked = self.face.call([prompts[k] for k in part], getattr(request, "negative", ""))
            found = pipe(**asked, **more, generator=made, output_type="np",
                         callback_on_step_end=looks)  # fmt: skip
        finally:
            self.place = None
        if request.cancelled():
            return [None] * len(part)
        return [(np.asarray(p) * 255).round().astype(np.uint8) for p in found.images]

    def _placed(self, part: list[int], guidance: float | None) -> None:
        rows = torch.tensor(part, device=self.device)
        told = torch.ones(len(part), dtype=torch.bool, device=self.device)
        if guidance is None:
            call = signature(type(self.face.pipe).__call__)
            guidance = float(call.parameters["guidance_scale"].default)
        if self.face.twice and guidance > 1:
            rows, told = torch.cat([rows, rows]), torch.cat([~told, told])
        # Without a second row of each, a row is followed as it is.
        followed = guidance if len(rows) > len(part) else 1.0
        self.place = Place(rows, told, torch.ones_like(told), followed)

    def _settings(self, request: Request) -> dict[str, Any]:
        steps = getattr(request, "steps", None) or self.steps
        guidance = getattr(request, "guidance", None)
        guidance = self.guidance if guidance is None else guidance
        size = getattr(request, "size", None)
        size = size or (self.size and (self.size, self.size))
        made: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance}
        if size:
            made |= {"height": size[0], "width": size[1]}
        return {k: v for k, v in made.items() if v is not None}

    def said(self) -> str:
        """What a person is told of the memory ladder; empty on its first rung."""
        return f"little memory: {RUNGS[self.rung]}" if self.rung else ""

    def _down(self) -> bool:
        """Take the next rung; False at the bottom."""
        if self.rung + 1 == len(RUNGS) or (self.rung == 2 and self.device == "cpu"):
            return False
        self.rung += 1
        if self.rung == 2:
            self.face.pipe.enable_attention_slicing()
            if hasattr(self.face.pipe.vae, "enable_slicing"):
                self.face.pipe.vae.enable_slicing()
        if self.rung == 3:
            self.face.pipe.enable_model_cpu_offload()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        return True

    # judging

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[Any], chosen: Sequence[Any], rejected: Sequence[Any], seed: int = 0
    ) -> Array:
        """(m, 2) negative denoising errors of PIL pictures, chosen first, with the same noise and
        timesteps for both sides. Inside a steerer's block row i is judged for its person i.
        """
        out = np.zeros((len(prompts), 2), np.float32)
        most = max(1, self._together(None) // 2)
        for start in range(0, len(prompts), most):
            part = range(start, min(start + most, len(prompts)))
            clean = self.encode([p for k in part for p in (chosen[k], rejected[k])])
            told = self.face.conditions([prompts[k] for k in part])
            told = {k: v.repeat_interleave(2, 0) for k, v in told.items()}
            with self._lock, self._judging([k for k in part for _ in range(2)]):
                found = self.errors(clean, told, [seed + k for k in part for _ in range(2)])
            out[part.start : part.stop] = -found.reshape(-1, 2)
        return out

    def errors(self, clean: torch.Tensor, told: Conditions, seed: int | Sequence[int]) -> Array:
        """(B,) mean errors over TIMES; rows of one seed share their noise. `told`: a row, or B."""
        count, n = len(clean), len(TIMES)
        seeds = [seed] * count if isinstance(seed, int) else seed
        noise = torch.cat([
            torch.randn(n, *clean.shape[1:], generator=torch.Generator().manual_seed(s))
            for s in seeds
        ]).to(clean)  # fmt: skip
        wide = {k: v.repeat_interleave(n * count // len(v), 0) for k, v in told.items()}
        times = torch.tensor(TIMES, device=clean.device).repeat(count)
        found = self.face.errors(clean.repeat_interleave(n, 0), noise, times, wide)
        mean: Array = found.view(count, n).mean(1).cpu().numpy()
        return mean

    @contextmanager
    def _judging(self, rows: Sequence[int]) -> Iterator[None]:
        """Inside, the denoiser holds each of these rows of a call once a time, told and mine."""
        here = torch.tensor(rows, device=self.device).repeat_interleave(len(TIMES))
        yes = torch.ones_like(here, dtype=torch.bool)
        self.place = Place(here, yes, yes, None)
        try:
            yield
        finally:
            self.place = None

    @torch.no_grad()
    def encode(self, pictures: Sequence[Any], side: int | None = None) -> torch.Tensor:
        """(n, c, h, w) latents of PIL pictures, brought to one size (default the model's own)."""
        side = side or self.side()
        arrays = [np.asarray(p.convert("RGB").resize((side, side), 1), np.float32) / 127.5 - 1
                  for p in pictures]  # fmt: skip
        pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).to(self.device)
        return self.face.latents(pixels).float()

    def side(self) -> int:
        """Height and width the model draws when nothing is said."""
        if self.size:
            return self.size
        config = self.face.module.config
        size = config.get("sample_size") or getattr(self.face.pipe, "default_sample_size", 64)
        return int(size) * int(self.face.pipe.vae_scale_factor)


class _Looks:
    """Called by the pipeline after each step: stops it when asked, hands on a first look where
    decoding is cheap, lets `touches` change what lies there.
    """

    def __init__(self, backbone: Diffusion, course: Course, request: Request,
                 tell: Callable[[Any], None]) -> None:  # fmt: skip
        self.backbone, self.course, self.request, self.tell = backbone, course, request, tell
        self.cheap = type(backbone.face.pipe.vae).__name__ == "AutoencoderTiny"

    def __call__(self, pipe: Any, step: int, _time: Any, given: dict[str, Any]) -> dict[str, Any]:
        if self.request.cancelled():
            pipe._interrupt = True
            return given
        stage, latents = self.course.at(step, given["latents"], self.backbone.touches)
        # Two looks a drawing, of half the size: decoding is dear beside a small model's step.
        now = stage.number in (stage.total // 3, 2 * stage.total // 3)
        if self.cheap and now and stage.leads is not None:
            small = torch.nn.functional.avg_pool2d(stage.leads, 2)
            drawn = as_bytes(self.backbone.face.pixels(small))
            for index, pixels in zip(stage.part, drawn, strict=True):
                self.tell(Sample(index, pixels=pixels, done=False))
        elif not self.cheap:
            for index in stage.part:
                self.tell(Sample(index, done=False, label=f"step {step + 1} of {stage.total}"))
        return given | {"latents": latents}


def _sane(request: Request) -> None:
    if isinstance(request, Draw) and request.size and max(request.size) > LARGEST:
        raise BadModel(f"{max(request.size)} pixels are too many; ask for at most {LARGEST}")


def _read(found: Found, dtype: torch.dtype) -> Any:
    import diffusers

    kind: Any = getattr(diffusers, found.kind)
    given: dict[str, Any] = dict.fromkeys(found.absent)
    try:
        if found.single:
            return kind.from_single_file(str(found.path), dtype=dtype, config=str(found.config),
                                         local_files_only=True, **given)  # fmt: skip
        return kind.from_pretrained(str(found.path), dtype=dtype, use_safetensors=True,
                                    local_files_only=True, variant=found.variant,
                                    **given)  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as wrong:
        if ran_out(wrong):
            raise MemoryError(
                f"there is not enough memory to load {found.path.name}; close other programs, or "
                "start with a smaller model"
            ) from wrong
        raise BadModel(f"{found.path.name} could not be loaded: {_first_line(wrong)}") from wrong


def _put(pipe: Any, device: str) -> int:
    """On the device, whole or, where it is too large for that, part by part; the rung taken."""
    try:
        pipe.to(device)
    except torch.OutOfMemoryError:
        pipe.to("cpu")
        torch.cuda.empty_cache()
        pipe.enable_model_cpu_offload()
        return len(RUNGS) - 1
    return 0


def _first_line(wrong: Exception) -> str:
    return (str(wrong).strip().splitlines() or [type(wrong).__name__])[0][:300]
