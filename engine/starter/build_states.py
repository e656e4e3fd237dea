"""Hidden states of the passages in the shipped language model:
python -m engine.starter.build_states MODEL_FOLDER

Run after build_passages; writes passage_states.safetensors (fp16), about a minute of one core.
"""

import sys

import numpy as np
from safetensors.numpy import save_file

from engine.backbones.causal_lm import CausalLM
from engine.starter.pool import passages
from engine.starter.states import FILE
from engine.steering.activation import LAYERS


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    backbone = CausalLM.load(sys.argv[1], cpu=True)
    states = backbone.hidden([r["text"] for r in passages().records], LAYERS)
    stored = {backbone.space(k): states[:, i].astype(np.float16) for i, k in enumerate(LAYERS)}
    save_file(stored, str(FILE))
    print(f"{len(states)} passages, {FILE.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
