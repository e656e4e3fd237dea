"""Latents of pictures by content hash: encoded once, kept on disk, the same for every run.

Pictures are encoded one at a time, so that a run taken up again half-way reads the same numbers as
one that was never stopped. A file whose bytes are not those of its name is refused. A name that
ends in MIRRORED is the picture with left and right changed, an entry of its own: an autoencoder
does not give it the mirrored latents.
"""

import hashlib
import io
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.checkpoints import sync

MIRRORED = ".mirror"


class Album:
    """`pictures` holds files named by the sha256 of their bytes; `latents` what was encoded.

    `encode` takes PIL pictures to (n, c, h, w); `latents` must be a folder of that model
    and that size alone.
    """

    def __init__(self, encode: Any, pictures: Path, latents: Path) -> None:
        self.encode, self.pictures, self.latents = encode, pictures, latents
        self.made: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        """The latents (c, h, w) of a picture."""
        import torch

        if name not in self.made:
            place = self.latents / f"{name}.npy"
            if not place.exists():
                self._keep(place, self.encode([self._picture(name)])[0].cpu().numpy())
            self.made[name] = torch.from_numpy(np.load(place, allow_pickle=False))
        return self.made[name]

    def _picture(self, name: str) -> Any:
        if name.endswith(MIRRORED):
            return ImageOps.mirror(self._picture(name.removesuffix(MIRRORED)))
        try:
            body = (self.pictures / name).read_bytes()
            if hashlib.sha256(body).hexdigest() != name:
                raise ValueError(f"picture {name[:12]} is damaged; start this tuning again")
            return Image.open(io.BytesIO(body)).convert("RGB")
        except FileNotFoundError:
            raise ValueError(f"picture {name[:12]} is missing; start this tuning again") from None
        except UnidentifiedImageError:
            raise ValueError(f"picture {name[:12]} cannot be read; leave it out") from None

    def _keep(self, place: Path, values: Any) -> None:
        """Whole or not at all."""
        self.latents.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{uuid.uuid4().hex}.npy")
        np.save(part, values)
        # On the disk before it has its name: an empty file would be read for ever after.
        sync(part)
        os.replace(part, place)
