"""Hidden states of the passages in the shipped language model:
python -m engine.starter.build_states MODEL_FOLDER

Run after build_passages; writes passage_states.safetensors, two to three minutes of one core.
"""

import sys
from typing import Any

from safetensors.numpy import save_file

from engine.backbones.causal_lm import CausalLM
from engine.starter.pool import passages
from engine.starter.states import FILE, packed
from engine.steering.activation import LAYERS


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    backbone = CausalLM.load(sys.argv[1], cpu=True)
    states = backbone.hidden([r["text"] for r in passages().records], LAYERS)
    stored: dict[str, Any] = {}
    for i, k in enumerate(LAYERS):
        stored |= packed(backbone.space(k), states[:, i])
    save_file(stored, str(FILE))
    print(f"{len(states)} passages, {FILE.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
