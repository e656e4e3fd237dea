"""EfficientNet-Lite0 (ImageNet) as a frozen picture encoder: pooled features of 128 px pictures.

Tan & Le 2019, arXiv 1905.11946, the Lite variant (no squeeze-excite, ReLU6). The architecture is
that of the package efficientnet-lite-pytorch; the weights ship as fp16 safetensors with ours.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from engine.data import Array
from engine.loading import LOADING

WEIGHTS = Path(__file__).parent.parent / "starter" / "lite0.safetensors"
SIDE = 128
BATCH = 32


class Lite0:
    space = "lite0-1280:picture"
    dim = 1280

    def __init__(self, weights: Path = WEIGHTS) -> None:
        from efficientnet_lite_pytorch import EfficientNet

        with LOADING:
            self._model = EfficientNet.from_name("efficientnet-lite0")
        state = {k: v.float() for k, v in load_file(str(weights)).items()}
        missing, unexpected = self._model.load_state_dict(state, strict=False)
        lost = [
            k for k in missing if not k.endswith("num_batches_tracked") and not k.startswith("_fc.")
        ]
        if lost or unexpected:
            raise ValueError(f"{weights.name} does not fit: {lost[:3]} {unexpected[:3]}")
        self._model.eval().requires_grad_(False)

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 1280) of pictures (B, 3, SIDE, SIDE) in -1..1; gradients pass through."""
        found: torch.Tensor = self._model.extract_features(pixels).mean((2, 3))
        return found

    @torch.inference_mode()
    def encode(self, pictures: Sequence[Any]) -> Array:
        """(n, 1280) pooled features of PIL pictures."""
        out = [self._batch(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH)]
        return np.concatenate(out) if out else np.zeros((0, self.dim), np.float32)

    def _batch(self, pictures: Sequence[Any]) -> Array:
        small = [np.asarray(p.convert("RGB").resize((SIDE, SIDE)), np.float32) for p in pictures]
        x = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 127.5 - 1.0
        pooled: Array = self.pooled(x).numpy()
        return pooled
