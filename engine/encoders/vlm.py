"""Pictures as a vision-language model of the person's own sees them, as PPD reads its users.

Dang et al. 2025 (CVPR) take inner states of a VLM that looks at the pictures; here any folder that
transformers opens as image-text-to-text. A picture's vector is the mean of a middle layer over the
picture and one plain instruction, of unit length. Needs a model the person has: none ships, none is
fetched. Safetensors only, no remote code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from engine.data import Array
from engine.device import choose
from engine.loading import LOADING, fingerprint

ASK = "Describe how this picture is drawn."
TOGETHER = 4


@dataclass
class VisionLanguage:
    """`layer` counts from the words up; the middle one when nothing is said."""

    model: Any
    processor: Any
    name: str
    layer: int
    device: str = "cpu"

    @classmethod
    def load(cls, folder: str, cpu: bool = False, layer: int | None = None) -> "VisionLanguage":
        """ValueError when the folder holds no such model."""
        place, device = Path(folder), choose(cpu)
        if not (place / "config.json").exists():
            raise ValueError(f"{folder} holds no model; give a folder with a vision-language model")
        kind: Any = AutoModelForImageTextToText
        reader: Any = AutoProcessor
        try:
            with LOADING:
                model = kind.from_pretrained(
                    folder, dtype=getattr(torch, device.dtype), local_files_only=True,
                    use_safetensors=True, trust_remote_code=False,
                )  # fmt: skip
                processor = reader.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as wrong:
            raise ValueError(f"{folder} is no vision-language model that opens: {wrong}") from wrong
        return cls.of(model.to(device.name).eval(), processor, place.name.lower(), layer)

    @classmethod
    def of(
        cls, model: Any, processor: Any, name: str, layer: int | None = None
    ) -> "VisionLanguage":
        depth = int(model.config.get_text_config().num_hidden_layers)
        chosen = depth // 2 if layer is None else layer
        if not 0 < chosen <= depth:
            raise ValueError(f"layer {chosen} is not there; this model has 1 to {depth}")
        return cls(model, processor, f"{name}-{fingerprint(model)}", chosen, str(model.device))

    @property
    def space(self) -> str:
        return f"{self.name}:layer{self.layer}"

    @property
    def dim(self) -> int:
        return int(self.model.config.get_text_config().hidden_size)

    @torch.inference_mode()
    def encode(self, pictures: Sequence[Any]) -> Array:
        """(n, d) unit vectors of PIL pictures in RGB."""
        found = [self._part(pictures[k : k + TOGETHER]) for k in range(0, len(pictures), TOGETHER)]
        return np.concatenate(found) if found else np.zeros((0, self.dim), np.float32)

    def _part(self, pictures: Sequence[Any]) -> Array:
        text = f"{self.processor.image_token}\n{ASK}"
        inputs = self.processor(images=list(pictures), text=[text] * len(pictures),
                                return_tensors="pt", padding=True).to(self.device)  # fmt: skip
        out = self.model(**inputs, output_hidden_states=True, use_cache=False)
        states, mask = out.hidden_states[self.layer].float(), inputs["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        unit: Array = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return unit
