"""Makes axes.safetensors: both pools on the named axes. `python -m engine.starter.build_axes`."""

import io

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from engine.starter.axes import FILE, measured, names
from engine.starter.pool import passages, pictures


def main() -> None:
    shown, told = pictures(), passages()
    opened = [Image.open(io.BytesIO(shown.bytes(row))) for row in range(len(shown))]
    arrays = {
        "picture": measured("picture", opened).astype(np.float16),
        "text": measured("text", [r["text"] for r in told.records]).astype(np.float16),
    }
    about = {kind: ",".join(names(kind)) for kind in arrays}  # type: ignore[arg-type]
    save_file(arrays, str(FILE), metadata=about)


if __name__ == "__main__":
    main()
