"""Models asked for by several threads at once are all whole."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.backbones.causal_lm import CausalLM
from engine.encoders.minilm import MiniLM
from tests.tiny import tiny_lm

THREADS, ROUNDS = 4, 2


def test_models_are_loaded_from_several_threads_at_once(tmp_path: Path) -> None:
    """With tied embeddings: they are what a load that is disturbed leaves without numbers."""
    lm = tiny_lm(layers=2)
    lm.model.config.tie_word_embeddings = True
    lm.model.tie_weights()
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    gate = threading.Barrier(THREADS)

    def load(number: int) -> float:
        gate.wait(60)
        if number % THREADS == 0:
            return float(np.linalg.norm(MiniLM().encode(["a fox"])))
        return float(CausalLM.load(str(tmp_path), cpu=True).logps("the sea", ["and rain"])[0][0])

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(load, range(THREADS * ROUNDS)))
    likely = float(lm.logps("the sea", ["and rain"])[0][0])
    assert found == pytest.approx(([1.0] + [likely] * (THREADS - 1)) * ROUNDS, abs=1e-4)
    assert torch.get_default_dtype() == torch.float32
