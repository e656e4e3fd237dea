"""What a diffusion model makes of fixed noise: with nothing, with an adapter, under diffusers.

The part that is bent (unet or transformer) is asked for its answer to the same noise, conditioning
and two timesteps, in 32 bits on the CPU: no sampler, no decoder, nothing that could hide a change.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.adapter import NAME
from engine.exports.base import Expected, Loaded, Material, Probe, Refused
from engine.pipelines import variant

PARTS = ("transformer", "unet")
TIMES = (100, 800)
TOKENS, LARGEST = 7, 16
Weights = Mapping[str, NDArray[Any]]


def configs(model: Path | str) -> Path:
    """The folder of configs: the model's own, or the one beside a single file."""
    return Path(model).with_suffix("") if Path(model).is_file() else Path(model)


def index(model: Path | str) -> dict[str, Any]:
    """model_index.json of a diffusers pipeline."""
    path = configs(model) / "model_index.json"
    if not path.exists():
        raise Refused(f"{Path(model).name} is not a picture model; this target takes only those")
    made: dict[str, Any] = json.loads(path.read_text())
    return made


def part(model: Path | str) -> str:
    """unet or transformer: which folder of the pipeline holds what an adapter bends."""
    return next(name for name in PARTS if index(model).get(name))


def settings(model: Path | str) -> dict[str, Any]:
    """config.json of that part."""
    made: dict[str, Any] = json.loads((configs(model) / part(model) / "config.json").read_text())
    return made


def load(model: Path | str) -> Any:
    """That part alone, in 32 bits on the CPU."""
    import diffusers
    import torch

    name = part(model)
    if Path(model).is_file():
        return getattr(pipeline(model), name).eval()
    kind = getattr(diffusers, index(model)[name][1])
    return kind.from_pretrained(
        model, subfolder=name, local_files_only=True, use_safetensors=True,
        dtype=torch.float32, variant=variant(Path(model) / name),
    ).eval()  # fmt: skip


def pipeline(model: Path | str) -> Any:
    """The whole pipeline, as a person of diffusers would load it."""
    import diffusers
    import torch

    kind: Any = diffusers.DiffusionPipeline
    left_out = {k: None for k, v in index(model).items() if isinstance(v, list) and v[1] is None}
    if Path(model).is_file():
        kind = getattr(diffusers, index(model)["_class_name"])
        return kind.from_single_file(str(model), config=str(configs(model)), local_files_only=True,
                                     dtype=torch.float32, **left_out)  # fmt: skip
    return kind.from_pretrained(
        model, local_files_only=True, use_safetensors=True, dtype=torch.float32,
        variant=variant(Path(model) / part(model)), **left_out,
    )  # fmt: skip


def outputs(bent: Any) -> NDArray[np.float32]:
    """(times, numbers) of the noise or velocity that is predicted."""
    import torch

    kinds = {"UNet2DConditionModel": _unet, "SD3Transformer2DModel": _sd3,
             "FluxTransformer2DModel": _flux}  # fmt: skip
    if type(bent).__name__ not in kinds:
        raise Refused(f"{type(bent).__name__} is not tested here; it works for {', '.join(kinds)}")
    given = kinds[type(bent).__name__](bent.config, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        rows = [bent(timestep=torch.tensor([t]), **given).sample.flatten() for t in TIMES]
    return np.asarray(torch.stack(rows).float().numpy(), np.float32)


def _unet(config: Any, made: Any) -> dict[str, Any]:
    import torch

    size = min(config.sample_size, LARGEST)
    given: dict[str, Any] = {
        "sample": torch.randn(1, config.in_channels, size, size, generator=made),
        "encoder_hidden_states": torch.randn(1, TOKENS, config.cross_attention_dim, generator=made),
    }
    if config.addition_embed_type == "text_time":
        width = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        given["added_cond_kwargs"] = {
            "text_embeds": torch.randn(1, width, generator=made),
            "time_ids": torch.tensor([[64.0, 64.0, 0.0, 0.0, 64.0, 64.0]]),
        }
    return given


def _sd3(config: Any, made: Any) -> dict[str, Any]:
    import torch

    size = min(config.sample_size, LARGEST)
    return {
        "hidden_states": torch.randn(1, config.in_channels, size, size, generator=made),
        "encoder_hidden_states": torch.randn(1, TOKENS, config.joint_attention_dim, generator=made),
        "pooled_projections": torch.randn(1, config.pooled_projection_dim, generator=made),
    }


def _flux(config: Any, made: Any) -> dict[str, Any]:
    """Four by four patches; ids are (where in the text, row, column)."""
    import torch

    places = torch.stack(torch.meshgrid(torch.zeros(1), torch.arange(4.0), torch.arange(4.0),
                                        indexing="ij"), -1).reshape(-1, 3)  # fmt: skip
    given: dict[str, Any] = {
        "hidden_states": torch.randn(1, len(places), config.in_channels, generator=made),
        "encoder_hidden_states": torch.randn(1, TOKENS, config.joint_attention_dim, generator=made),
        "pooled_projections": torch.randn(1, config.pooled_projection_dim, generator=made),
        "img_ids": places, "txt_ids": torch.zeros(TOKENS, 3),
    }  # fmt: skip
    if config.guidance_embeds:
        given["guidance"] = torch.tensor([3.5])
    return given


@contextmanager
def adapted(bent: Any, weights: Weights, scale: float = 1.0) -> Iterator[None]:
    """y = W x + scale B A x by hooks, for weights by PEFT name."""
    import torch

    from engine.lora import PREFIX

    layers, handles = dict(bent.named_modules()), []
    try:
        for path in paths(weights):
            if path not in layers:
                raise Refused(f"this adapter does not fit the model: it has no layer {path}")
            down, up = (torch.from_numpy(np.array(weights[f"{PREFIX}{path}.lora_{s}.weight"]))
                        for s in "AB")  # fmt: skip
            handles.append(layers[path].register_forward_hook(_adding(down, up, scale)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def paths(weights: Weights) -> list[str]:
    """Layers of an adapter, each of which must have both of its matrices."""
    found = [NAME.fullmatch(k) for k in weights]
    both = {s: {m["path"] for m in found if m and m["side"] == s} for s in "AB"}
    if not all(found) or both["A"] != both["B"]:
        raise Refused("this adapter is not whole: a layer has one of its two matrices only")
    return sorted(both["A"])


def _adding(down: Any, up: Any, scale: float) -> Any:
    def hook(_module: Any, inputs: Any, output: Any) -> Any:
        return output + scale * ((inputs[0] @ down.T) @ up.T)

    return hook


def with_adapter(what: Material) -> Expected:
    """Base and ours, from the numbers in memory."""
    assert what.adapter
    bent = load(what.model)
    base = outputs(bent)
    with adapted(bent, what.adapter.weights):
        ours = outputs(bent)
    return Expected(Probe(str(what.model.resolve()), extra={"layers": paths(what.adapter.weights)}),
                    base, ours)  # fmt: skip


def by_diffusers(file: Path, probe: Probe, own: bool) -> Loaded:
    """A pipeline takes the file; every layer of ours must have arrived, and no other."""
    from peft import get_peft_model_state_dict

    pipe = pipeline(probe.model)
    try:
        pipe.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
    except (ValueError, KeyError, RuntimeError) as error:
        return Loaded(0, 2 * len(probe.extra["layers"]), own=own, why=f"diffusers said: {error}")
    bent = getattr(pipe, part(probe.model)).eval()
    there = set(get_peft_model_state_dict(bent, adapter_name=next(iter(bent.peft_config))))
    wanted = {f"{p}.lora_{s}.weight" for p in probe.extra["layers"] for s in "AB"}
    return Loaded(len(there & wanted), len(there | wanted), outputs(bent), own=own)
