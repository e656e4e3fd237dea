"""One model is loaded at a time.

While transformers loads a model it replaces functions and the default number type of the whole
process; a second load at the same moment keeps the replacement for good ("Cannot copy out of meta
tensor"). Whoever makes a model holds this lock meanwhile.
"""

import hashlib
import threading
from collections.abc import Mapping
from typing import Any

LOADING = threading.RLock()
SAMPLED = 256


def fingerprint(model: Any) -> str:
    """8 hex digits of a model's weights, the same in 16 and 32 bits."""
    return digest(model.state_dict())


def digest(tensors: Mapping[str, Any]) -> str:
    """The same of tensors by name: evenly spaced numbers out of every one."""
    import torch

    made = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // SAMPLED)].to(torch.bfloat16).float().cpu()
        made.update(f"{name}{tuple(tensor.shape)}".encode() + some.numpy().tobytes())
    return made.hexdigest()[:8]
