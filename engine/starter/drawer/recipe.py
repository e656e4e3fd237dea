"""Make the starter picture model: data from the shipped pool, autoencoder, transformer, sheets.

Resumable: everything lies in one folder (vae/, checkpoints/, sheets/, model/), and a run that is
ended at any moment goes on with --resume. The same program on a CPU and on a GPU.
"""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from engine import checkpoints
from engine.device import choose
from engine.starter.drawer import autoencoder as small
from engine.starter.drawer import data, pipeline, shape
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import Scale, Words
from engine.starter.drawer.known import lesson
from engine.starter.drawer.pack import Pack, gather
from engine.starter.drawer.teach import BATCH, Deck, Said, Teacher

HERE = Path(__file__).parent
MODEL = HERE / "model"
COPIES, WIDTH, SHEETS = 16, 48, 600.0


@dataclass(frozen=True)
class Wanted:
    """What was asked for. `steps` instead of minutes is for tests. `layers`, `heads`: the size."""

    out: Path
    minutes: float = 75.0
    vae_minutes: float = 20.0
    device: str = "cpu"
    resume: bool = False
    steps: int = 0
    batch: int = BATCH
    crops: int = small.BATCH
    layers: int = 8
    heads: int = 6
    copies: int = COPIES
    concepts: tuple[str, ...] = ()
    seed: int = 0
    pack: Path | None = None
    shipped: bool = False


@dataclass(frozen=True, eq=False)
class Given:
    """What is learnt from: drawings, what they are of (the lesson's own things first), words."""

    drawings: data.Drawings
    names: tuple[str, ...]
    words: Words

    @classmethod
    def of(cls, wanted: Wanted) -> "Given":
        if wanted.pack is None:
            names = wanted.concepts or tuple(data.lesson()[0])
            return cls(data.build(wanted.copies, wanted.seed, names), names, Words())
        pack = Pack.load(wanted.pack)
        drawings = pack.build(wanted.copies, wanted.seed, wanted.device)
        return cls(drawings, pack.names, Words(pack.words(wanted.device), 2048))


def autoencoder(wanted: Wanted, say: Callable[[str], None], given: Given | None = None) -> Any:
    """Learnt from all there is: half of the time, evened, and the rest again."""
    place = wanted.out / "vae"
    kind: Any = AutoencoderTiny
    if wanted.shipped and not place.exists():
        shipped = kind.from_pretrained(MODEL / "vae", local_files_only=True, use_safetensors=True,
                                       dtype=torch.float32)  # fmt: skip
        shipped.save_pretrained(place)
    if (wanted.resume or wanted.shipped) and (place / "config.json").exists():
        return kind.from_pretrained(place, local_files_only=True, use_safetensors=True).eval()
    pixels = seen(wanted, given)
    some = pixels[:: max(1, len(pixels) // 600)]
    made = shape.autoencoder(WIDTH).to(wanted.device, memory_format=torch.channels_last)
    held = torch.from_numpy(pixels).to(wanted.device)
    for again in (False, True):
        if again:
            small.even(made, some)
        clock = Clock(wanted.vae_minutes / 2, wanted.steps // 2)
        for each in small.teach(made, held, clock, wanted.seed + again, wanted.crops):
            say(f"autoencoder step {each.done}: loss {each.metrics['loss']:.3f}")
    small.settle(made, some)
    made.save_pretrained(place)
    return made


def seen(wanted: Wanted, given: Given | None) -> Any:
    """Pixels for the autoencoder: the pack's, or every drawing of the pool."""
    if wanted.pack is not None and given is not None:
        return given.drawings.pixels
    from engine.starter.pool import pictures

    names = wanted.concepts or tuple(sorted({r["concept"] for r in pictures().records}))
    return data.build(min(4, wanted.copies), 1, names).pixels


def make(wanted: Wanted, say: Callable[[str], None] = print) -> Path:
    """All stages; the finished pipeline's folder."""
    wanted.out.mkdir(parents=True, exist_ok=True)
    if not wanted.resume:
        shutil.rmtree(wanted.out / "checkpoints", ignore_errors=True)
    given = Given.of(wanted)
    vae, words = autoencoder(wanted, say, given), given.words
    scale = meaning(wanted, given.drawings)
    said = Said(Captions(wanted.seed, given.names), words)
    deck = dealt(wanted, given, vae, scale, said)
    say(f"{len(deck.latents)} pictures, {len(said.captions.texts)} captions")
    torch.manual_seed(wanted.seed)
    model = shape.transformer(wanted.heads, wanted.layers)
    if wanted.shipped:
        kind: Any = type(model)
        model = kind.from_pretrained(MODEL / "transformer", local_files_only=True,
                                     use_safetensors=True, dtype=torch.float32)  # fmt: skip
    model.to(wanted.device)
    teacher = Teacher(model, deck, wanted.out / "checkpoints", wanted.seed)
    if wanted.resume and teacher.resume():
        say(f"going on from step {teacher.steps}, {teacher.seen} pictures seen")
    shown = time.monotonic()
    for each in teacher.teach(Clock(wanted.minutes, wanted.steps), wanted.batch):
        told = each.metrics
        say(f"step {each.done}: loss {told['loss']:.4f}, {told['seen']} seen, {told['share']:.0%}")
        if time.monotonic() - shown > SHEETS or told["share"] >= 1:
            shown = time.monotonic()
            sheets(vae, teacher.average, words, wanted, each.done)
    return finished(vae, teacher, scale, wanted, given)


def dealt(wanted: Wanted, given: Given, vae: Any, scale: Scale, said: Said) -> Deck:
    """All that a training of the transformer is dealt from."""
    core = len(data.lesson()[0]) if wanted.pack else 0
    latents = small.latents_of(vae.to(wanted.device), given.drawings.pixels).half()
    return Deck.of(latents, given.drawings, scale, said, core)


def meaning(wanted: Wanted, drawings: data.Drawings) -> Scale:
    """What the facts' numbers mean; weights that have learnt it go on with the same."""
    if not wanted.shipped:
        return Scale.of(drawings.facts)
    told = lesson(MODEL)
    return Scale(told.mean, told.std)


def sheets(vae: Any, model: Any, words: Words, wanted: Wanted, step: int) -> None:
    """What it draws now: every concept, and what it was never shown."""
    place = wanted.out / "sheets"
    place.mkdir(exist_ok=True)
    pipe = pipeline.assembled(vae.to(wanted.device), model)
    pipeline.known_sheet(pipe, words).save(place / f"known-{step:07d}.png")
    if not wanted.concepts:
        pipeline.apart_sheet(pipe, words).save(place / f"apart-{step:07d}.png")


def finished(vae: Any, teacher: Teacher, scale: Scale, wanted: Wanted, given: Given) -> Path:
    """The averaged weights as an SD3 pipeline in 16 bits, and what its facts mean."""
    place = wanted.out / "model"
    shutil.rmtree(place, ignore_errors=True)
    pipe = pipeline.assembled(vae.to("cpu"), teacher.average.to("cpu"))
    pipe.save_pretrained(place)
    for part in ("vae", "transformer"):
        in_16_bits(getattr(pipe, part), place / part)
    judged, before = judged_by(given.names), learnt_before(wanted)
    told = {
        "concepts": judged, "also": [n for n in given.names if n not in judged],
        "styles": data.STYLES, "facts": data.FACTS,
        "mean": scale.mean.tolist(), "std": scale.std.tolist(),
        "steps": before[0] + teacher.steps, "seen": before[1] + teacher.seen, "side": data.SIDE,
        "drawings": len(given.drawings) // wanted.copies,
    }  # fmt: skip
    checkpoints.write_atomic(place / "lesson.json", json.dumps(told, indent=1))
    return place


def learnt_before(wanted: Wanted) -> tuple[int, int]:
    """Steps and pictures that the weights had behind them when this run began."""
    if not wanted.shipped:
        return 0, 0
    told = json.loads((MODEL / "lesson.json").read_text())
    return told["steps"], told["seen"]


def going_on(wanted: Wanted) -> Path:
    """The folder of a finished model that learns on: of `wanted.out`, or a copy of what ships.
    FileNotFoundError where neither is wanted or there.
    """
    folder = wanted.out / "model"
    if wanted.shipped and not folder.exists():
        # Beside it and then renamed, so that half a copy is never taken for a model.
        part = wanted.out / ".model.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(MODEL, part)
        part.rename(folder)
    if not (folder / "model_index.json").exists():
        raise FileNotFoundError(
            f"{wanted.out} has no model/ that could learn on; give the folder of a "
            "finished run as --out, or begin with the one that ships: --shipped"
        )
    return folder


def unmeasured(folder: Path) -> None:
    """What was measured of the model is taken out of its lesson.json: it is another one now."""
    told = json.loads((folder / "lesson.json").read_text())
    told.pop("named", None)
    checkpoints.write_atomic(folder / "lesson.json", json.dumps(told, indent=1))


def in_16_bits(part: Any, place: Path) -> None:
    """Over the weights in `place`; the old ones or the new ones, whole."""
    (path,) = place.glob("*.safetensors")
    state = {k: v.detach().half().contiguous().cpu() for k, v in part.state_dict().items()}
    written = path.with_name(f".{path.name}.new")
    save_file(state, str(written), metadata={"format": "pt"})
    shutil.copymode(path, written)
    checkpoints.sync(written)
    written.replace(path)
    checkpoints.sync(place)


def judged_by(names: Sequence[str]) -> list[str]:
    """Those of the collection, whose words describe them and whom bench starter can judge."""
    from engine.starter.pool import pictures

    there = {r["concept"] for r in pictures().records}
    return [n for n in names if n in there]


def run(given: Any) -> int:
    """What `launch.py train-starter` was given."""
    pack = Path(given.pack) if given.pack else None
    if given.gather:
        print(f"The pack lies in {gather(Path(given.gather), pack or Path('starter-pack.npz'))}")
        return 0
    device = choose().name if given.device == "auto" else given.device
    if given.personal:
        from engine.starter.drawer.personal import ON_RATE, ON_SEED, Plan, learn

        words = Words(Pack.load(pack).words(device)) if pack else None
        plan = Plan(given.minutes, pairs=given.pairs, check=10 * given.minutes,
                    shipped=given.shipped)  # fmt: skip
        if given.shipped:
            plan = replace(plan, rate=ON_RATE, seed=ON_SEED)
        print(f"The adapter lies in {learn(plan, Path(given.out), told, words, device)}")
        return 0
    wanted = Wanted(Path(given.out), given.minutes, given.vae_minutes, device, given.resume,
                    batch=given.batch, layers=given.layers, copies=given.copies,
                    pack=pack, shipped=given.shipped, crops=given.crops)  # fmt: skip
    print(f"The model lies in {stage(given, wanted)}")
    return 0


def stage(given: Any, wanted: Wanted) -> Path:
    """The one that was asked for: the whole model, its styles told apart, or its decoder.
    ValueError where two are asked for at once.
    """
    if given.style_minutes and given.decoder_minutes:
        raise ValueError("--style-minutes and --decoder-minutes are two runs: the styles first, "
                         "then the decoder, with the same --out")  # fmt: skip
    if given.style_minutes:
        from engine.starter.drawer.polish import polished

        return polished(wanted, given.style_minutes, told)
    if given.decoder_minutes:
        from engine.starter.drawer.decoder import finer

        return finer(wanted, given.decoder_minutes, told)
    return make(wanted, told)


def told(text: str) -> None:
    """A line at once, also into a file."""
    print(text, flush=True)
