"""How llama.cpp names and orders tensors, and a base model written out for a proof.

llama.cpp turns pairs of neighbours where transformers turns halves, so the rows of q and k stand in
another order in a GGUF file (convert_hf_to_gguf.py, LlamaModel.permute); whatever is added to them
must follow.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exports.base import Refused
from engine.exports.checks import bindings

NOT_RUN = "llama.cpp was not run here: {}. The file was read back and its numbers compared."
# transformers' model_type -> the architecture in the file. Only what a test has taken there.
ARCHITECTURES = {"llama": "llama"}
TURNED = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}
# Above this the base model is not written out in 32 bits for a proof.
LARGEST = 6_000_000_000


def config(model: Path | str) -> dict[str, Any]:
    """config.json of a base model that llama.cpp can be given; Refused for others."""
    made: dict[str, Any] = json.loads((Path(model) / "config.json").read_text())
    kind = made.get("model_type")
    if kind not in ARCHITECTURES:
        raise Refused(
            f"llama.cpp export is tested for {', '.join(ARCHITECTURES)} models, this one is "
            f"{kind}; export the PEFT folder and use llama.cpp's own convert_lora_to_gguf.py"
        )
    return made


def place(path: str, config: Mapping[str, Any]) -> str:
    """model.layers.3.self_attn.q_proj -> blk.3.attn_q.weight"""
    import gguf

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    found = names.get_name(f"{path}.weight", try_suffixes=(".weight",))
    if not found:
        raise Refused(f"llama.cpp has no place for {path}; leave that layer out when tuning")
    return str(found)


def turned(
    path: str, rows: NDArray[Any], config: Mapping[str, Any], back: bool = False
) -> NDArray[Any]:
    """Rows (outputs, any) of a layer in llama.cpp's order, or back: only q and k differ."""
    heads = config.get(TURNED.get(path.rpartition(".")[2], ""))
    if not heads:
        return rows
    half = len(rows) // heads // 2
    split = rows.reshape(heads, *((half, 2) if back else (2, half)), -1)
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(rows.shape))


def write_base(model: Path, path: Path) -> None:
    """The base model in 32 bits and without a tokenizer: enough to feed it token numbers."""
    import gguf

    told = config(model)
    writer = gguf.GGUFWriter(str(path), ARCHITECTURES[told["model_type"]])
    for set_, key in (
        (writer.add_block_count, "num_hidden_layers"), (writer.add_vocab_size, "vocab_size"),
        (writer.add_context_length, "max_position_embeddings"),
        (writer.add_embedding_length, "hidden_size"),
        (writer.add_feed_forward_length, "intermediate_size"),
        (writer.add_head_count, "num_attention_heads"),
        (writer.add_head_count_kv, "num_key_value_heads"),
        (writer.add_layer_norm_rms_eps, "rms_norm_eps"),
    ):  # fmt: skip
        set_(told[key])
    width = told.get("head_dim") or told["hidden_size"] // told["num_attention_heads"]
    rope = told.get("rope_parameters") or told
    writer.add_rope_freq_base(rope.get("rope_theta", 10000.0))
    writer.add_rope_dimension_count(width)
    # Names that stand for nothing: a server wants some, the proof feeds numbers.
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"[{i}]" for i in range(told["vocab_size"])])
    writer.add_token_scores([0.0] * told["vocab_size"])
    for name, array in _weights(model):
        path_ = name.removesuffix(".weight")
        writer.add_tensor(place(path_, told), turned(path_, array, told))
    finish(writer)


def layers(model: Path) -> dict[str, tuple[int, ...]]:
    """Shape (outputs, inputs) of every matrix inside the blocks, by path: what LoRA may change."""
    from safetensors import safe_open

    found: dict[str, tuple[int, ...]] = {}
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "np") as opened:
            for name in opened.keys():  # noqa: SIM118
                shape = tuple(opened.get_slice(name).get_shape())
                if ".layers." in name and len(shape) == 2:
                    found[name.removesuffix(".weight")] = shape
    return found


def _weights(model: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    from safetensors import safe_open

    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118
                yield name, opened.get_tensor(name).float().numpy()


def finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def said(model: Path, ids: Sequence[Sequence[int]], lora: Path | None = None,
         directions: bindings.Directions | None = None) -> tuple[Any, str]:  # fmt: skip
    """What llama.cpp says over this base model, or None and why it was not asked."""
    if not bindings.installed(directions is not None):
        wanted = "llama-cpp-python" if directions is not None else "xllamacpp"
        return None, NOT_RUN.format(f"pip install {wanted} brings what is needed")
    if sum(f.stat().st_size for f in model.glob("*.safetensors")) * 2 > LARGEST:
        return None, NOT_RUN.format("the base model is too large to be written out in 32 bits")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base.gguf"
        write_base(model, base)
        return bindings.outputs(base, ids, lora, directions), ""
