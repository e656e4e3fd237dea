"""What llama.cpp says, through either of two Python bindings; only the proof needs one.

xllamacpp comes ready built and takes LoRA files; llama-cpp-python is compiled on installation and
takes control vectors as well. Both are fed with token numbers and asked for the whole distribution
of the next token, with the cache in 32 bits.
"""

import ctypes
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exports.base import Refused

Directions = Mapping[int, NDArray[np.float32]]
CONTEXT = 256
FLOAT32 = 0  # GGML_TYPE_F32


def installed(directions: bool = False) -> str:
    """The name of a binding that is here and can do it, or nothing."""
    names = ("llama_cpp",) if directions else ("xllamacpp", "llama_cpp")
    return next((n for n in names if importlib.util.find_spec(n)), "")


def outputs(base: Path, ids: Sequence[Sequence[int]], lora: Path | None = None,
            directions: Directions | None = None) -> NDArray[np.float32]:  # fmt: skip
    """(prompts, vocabulary) log-probabilities of the next token."""
    if installed(directions is not None) == "xllamacpp":
        return _served(base, ids, lora)
    return _called(base, ids, lora, directions)


def _served(base: Path, ids: Sequence[Sequence[int]], lora: Path | None) -> NDArray[np.float32]:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(base)
    settings.n_ctx = settings.n_batch = CONTEXT
    settings.n_parallel, settings.warmup, settings.verbosity = 1, False, -1
    settings.cpuparams.n_threads = 1
    settings.n_gpu_layers = 0
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if lora:
        settings.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(lora), 1.0)]
    server = xllamacpp.Server(settings)
    return np.stack([_asked(server, row) for row in ids])


def _asked(server: Any, row: Sequence[int]) -> NDArray[np.float32]:
    """The server sorts its answer by probability; we put it back in the order of the tokens."""
    reply = server.handle_completions({
        "prompt": list(row), "n_predict": 1, "n_probs": 1_000_000, "temperature": 0.0,
        "cache_prompt": False,
    })  # fmt: skip
    if "choices" not in reply:
        raise Refused(f"llama.cpp did not answer: {reply}")
    told = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    found = np.full(max(t["id"] for t in told) + 1, -np.inf, np.float32)
    found[[t["id"] for t in told]] = [t["logprob"] for t in told]
    return found


def _called(base: Path, ids: Sequence[Sequence[int]], lora: Path | None,
            directions: Directions | None) -> NDArray[np.float32]:  # fmt: skip
    import llama_cpp as c

    c.llama_backend_init()
    settings = c.llama_model_default_params()
    settings.n_gpu_layers = 0
    model = c.llama_model_load_from_file(str(base).encode(), settings)
    place = c.llama_context_default_params()
    place.n_ctx = place.n_batch = place.n_ubatch = CONTEXT
    place.n_threads = place.n_threads_batch = 1
    place.type_k = place.type_v = FLOAT32
    place.flash_attn_type = 0
    context = c.llama_init_from_model(model, place) if model else None
    if not context:
        raise Refused(f"llama.cpp does not load {base.name}")
    try:
        if lora:
            _add_lora(c, model, context, lora)
        if directions:
            _add_directions(c, model, context, directions)
        return _log_softmax(np.stack([_decoded(c, model, context, row) for row in ids]))
    finally:
        c.llama_free(context)
        c.llama_model_free(model)


def _add_lora(c: Any, model: Any, context: Any, path: Path) -> None:
    made = c.llama_adapter_lora_init(model, str(path).encode())
    if not made:
        raise Refused(f"llama.cpp does not take {path.name} for this model")
    adapters = (c.llama_adapter_lora_p_ctypes * 1)(made)
    if c.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0)):
        raise Refused(f"llama.cpp could not apply {path.name}")


def _add_directions(c: Any, model: Any, context: Any, layers: Directions) -> None:
    """Row k - 1 is added at the output of block k; block 0 cannot be reached."""
    width, depth = c.llama_model_n_embd(model), c.llama_model_n_layer(model)
    table = np.zeros((depth - 1, width), np.float32)
    for layer, vector in layers.items():
        table[layer - 1] = vector
    given = table.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    if c.llama_set_adapter_cvec(context, given, table.size, width, 1, depth):
        raise Refused("llama.cpp could not apply the direction")


def _decoded(c: Any, model: Any, context: Any, row: Sequence[int]) -> NDArray[np.float32]:
    c.llama_memory_clear(c.llama_get_memory(context), True)
    given = (c.llama_token * len(row))(*row)
    if c.llama_decode(context, c.llama_batch_get_one(given, len(row))):
        raise Refused("llama.cpp could not read the prompts")
    size = c.llama_vocab_n_tokens(c.llama_model_get_vocab(model))
    told = c.llama_get_logits_ith(context, -1)
    return np.ctypeslib.as_array(told, (size,)).astype(np.float32, copy=True)


def _log_softmax(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = rows.astype(np.float64) - rows.max(-1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(-1, keepdims=True)), np.float32)
