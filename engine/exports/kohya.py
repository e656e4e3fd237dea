"""One .safetensors file for ComfyUI, A1111, Forge and their kin, with its sidecar.

A unet (SD1.5, SD2, SDXL) gets kohya's names, lora_unet_*.lora_down / lora_up / alpha, by diffusers'
own converter, which writes its guess of alpha: every alpha is written anew, equal to the rank. A
transformer (SD3, Flux) keeps diffusers' names, transformer.*.lora_A / lora_B, without alpha, which
every reader takes for the rank: ComfyUI maps them, and diffusers loads no other SD3 file. The
header follows ModelSpec as sd-scripts writes it, and kohya's keys that A1111 reads; nothing that
tells what was chosen (no ss_tag_frequency, no folders). Text encoders are not adapted here.
"""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.utils import state_dict_utils
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import save

from engine.exports.base import Export, Loaded, Material, Probe
from engine.exports.checks import keymaps, picture
from engine.lora import PREFIX

NOT_RUN = ("diffusers loaded the file; ComfyUI and A1111 were not run: every name was found in "
           "their lists.")  # fmt: skip
to_kohya: Any = state_dict_utils.convert_state_dict_to_kohya
# kind -> ModelSpec's architecture, kohya's base version, A1111's word in the sidecar, resolution
KINDS = {
    "sd1": ("stable-diffusion-v1", "sd_v1", "SD1", "512x512"),
    "sd2": ("stable-diffusion-v2-512", "sd_v2", "SD2", "512x512"),
    "sdxl": ("stable-diffusion-xl-v1-base", "sdxl_base_v1-0", "SDXL", "1024x1024"),
    "sd3": ("stable-diffusion-3", "sd3", "Unknown", "1024x1024"),
    "flux": ("flux-1", "flux1", "Unknown", "1024x1024"),
}


def kind(config: dict[str, Any]) -> str:
    """Which of KINDS a part is, by its config.json."""
    name = config["_class_name"]
    if name != "UNet2DConditionModel":
        return "flux" if name.startswith("Flux") else "sd3"
    if config.get("addition_embed_type") == "text_time":
        return "sdxl"
    return "sd2" if config.get("cross_attention_dim") == 1024 else "sd1"


def write(what: Material, folder: Path) -> None:
    assert what.adapter
    config = picture.settings(what.model)
    arrays = _arrays(what, picture.part(what.model))
    told = header(what, kind(config), arrays)
    save_file(arrays, str(folder / f"{what.slug}.safetensors"), metadata=told)
    (folder / f"{what.slug}.json").write_text(json.dumps(sidecar(what, kind(config)), indent=2))
    if what.preview:
        shutil.copy(what.preview, folder / f"{what.slug}{what.preview.suffix}")


def _arrays(what: Material, part: str) -> dict[str, Any]:
    assert what.adapter
    named = {f"{part}.{k.removeprefix(PREFIX)}": np.ascontiguousarray(v, np.float32)
             for k, v in what.adapter.weights.items()}  # fmt: skip
    if part == "transformer":
        return named
    made = to_kohya({k: torch.from_numpy(v.copy()) for k, v in named.items()})
    arrays = {k: np.ascontiguousarray(v.numpy(), np.float32) for k, v in made.items()}
    for key in (k for k in arrays if k.endswith(".alpha")):
        rank = len(arrays[key.replace(".alpha", ".lora_down.weight")])
        arrays[key] = np.array(rank, np.float32)
    return arrays


def header(what: Material, kind: str, arrays: dict[str, Any]) -> dict[str, str]:
    """All strings. The day only: an hour would tell when the person sat at it."""
    assert what.adapter
    architecture, version, _, resolution = KINDS[kind]
    data = _digest(arrays)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    told = {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.1", "modelspec.architecture": f"{architecture}/lora",
        "modelspec.implementation": "diffusers", "modelspec.title": what.name,
        "modelspec.resolution": resolution, "modelspec.date": day.date().isoformat(),
        "modelspec.description": "What one person likes, learnt by comparing.",
        "modelspec.license": what.base.licence, "modelspec.hash_sha256": f"0x{data}",
        "modelspec.usage_hint": f"strength {what.facts.strength:g}",
        "ss_output_name": what.slug, "ss_base_model_version": version,
        "ss_v2": str(kind == "sd2"), "ss_sd_model_name": what.base.upstream or what.base.name,
        "ss_network_module": "networks.lora", "ss_network_dim": str(what.adapter.rank),
        "ss_network_alpha": str(what.adapter.rank), "sshs_model_hash": data,
        "ss_training_started_at": str(day.timestamp()), **what.stamp(),
    }  # fmt: skip
    if kind in ("sd3", "flux"):
        told["lora_adapter_metadata"] = json.dumps({
            "transformer.r": what.adapter.rank, "transformer.lora_alpha": what.adapter.rank,
            "transformer.lora_dropout": 0.0, "transformer.bias": "none",
            "transformer.target_modules": picture.paths(what.adapter.weights),
        })  # fmt: skip
    return {k: v for k, v in told.items() if v}


def _digest(arrays: dict[str, Any]) -> str:
    """sha256 of all that follows the header, as kohya counts it."""
    body = save({k: torch.from_numpy(np.array(v)) for k, v in arrays.items()})
    return hashlib.sha256(body[8 + int.from_bytes(body[:8], "little") :]).hexdigest()


def sidecar(what: Material, kind: str) -> dict[str, Any]:
    """What A1111 shows and sets when the file is chosen (ui_edit_user_metadata.py)."""
    return {
        "description": "What one person likes, learnt by comparing.",
        "sd version": KINDS[kind][2], "activation text": "", "negative text": "",
        "preferred weight": what.facts.strength,
        "notes": f"{what.facts.answers} answers; fits {what.base.upstream or what.base.name} only",
    }  # fmt: skip


def unfit(model: Path) -> str:
    """ComfyUI knows the shapes of the published families; ours is none of them."""
    if keymaps.comfy(picture.settings(model)):
        return ""
    return "ComfyUI, A1111 and Forge cannot run this picture model; diffusers can."


def reload(folder: Path, probe: Probe) -> Loaded:
    """Every name has its place in ComfyUI and A1111, and a pipeline draws with the file."""
    (file,) = folder.glob("*.safetensors")
    with safe_open(file, "np") as opened:
        names = {k.removesuffix(".alpha").rsplit(".lora_", 1)[0] for k in opened.keys()}  # noqa: SIM118
    odd = keymaps.lost(names, picture.settings(probe.model))
    if odd:
        why = f"ComfyUI or A1111 would pass over {odd[0]}"
        return Loaded(len(names) - len(odd), len(names), own=False, why=why)
    read = picture.by_diffusers(file, probe, own=False)
    return Loaded(read.matched, read.total, read.outputs, own=False, why=read.why or NOT_RUN)


KOHYA = Export(
    write, reload, picture.with_adapter, "ComfyUI, A1111, Forge", frozenset({"adapter"}),
    "Put {slug}.safetensors into `models/loras` (ComfyUI) or, with {slug}.json, into `models/Lora` "
    "(A1111, Forge) and write `<lora:{slug}:{strength}>`.",
    library="diffusers", unfit=unfit,
)  # fmt: skip
