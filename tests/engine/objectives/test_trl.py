"""The same numbers as TRL 1.16, where somebody has it; it is never needed to run anything."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.objectives import OBJECTIVES
from engine.objectives.base import Batch

pytest.importorskip("trl", reason="TRL is a second opinion, not a dependency")

PROMPT = 3
LENGTHS = (7, 4)
# ours, our settings, TRL's loss types, its arguments
DPO_KIN: list[tuple[str, dict[str, Any], list[str], dict[str, Any]]] = [
    ("dpo", {"beta": 0.1}, ["sigmoid"], {}),
    ("ipo", {"tau": 0.1}, ["ipo"], {}),
    ("hinge", {"beta": 0.1}, ["hinge"], {}),
    ("rdpo", {"beta": 0.1, "slips": 0.2}, ["robust"], {"label_smoothing": 0.2}),
    ("ln_dpo", {"beta": 0.1}, ["sigmoid_norm"], {}),
    ("rpo", {"beta": 0.1, "eta": 0.3}, ["sigmoid", "sft"], {"loss_weights": [1.0, 0.3]}),
    ("f_dpo", {"beta": 0.1, "divergence": "reverse_kl"}, ["sigmoid"], {}),
    ("f_dpo", {"beta": 0.1, "divergence": "forward_kl"}, ["sigmoid"],
     {"f_divergence_type": "forward_kl"}),
    ("f_dpo", {"beta": 0.1, "divergence": "js"}, ["sigmoid"],
     {"f_divergence_type": "js_divergence"}),
    ("f_dpo", {"beta": 0.1, "divergence": "alpha", "alpha": 0.5}, ["sigmoid"],
     {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.5}),
]  # fmt: skip


def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(2, T) token log-probabilities of one pair under policy and reference, and the mask."""
    g = torch.Generator().manual_seed(seed)
    mask = torch.zeros(2, PROMPT + max(LENGTHS), dtype=torch.long)
    for row, n in enumerate(LENGTHS):
        mask[row, PROMPT : PROMPT + n] = 1
    policy, reference = (-3 * torch.rand(2, mask.shape[1] - 1, generator=g) for _ in range(2))
    return policy * mask[:, 1:], reference * mask[:, 1:], mask


def ours(name: str, settings: dict[str, Any], seed: int) -> float:
    policy, reference, mask = drawn(seed)
    n = mask.sum(1)[None].float()
    batch = Batch.pairs(policy.sum(1)[None], reference.sum(1)[None], n)
    objective = OBJECTIVES[name].load()
    loss, _ = objective.loss(batch, objective.settings(**settings))
    return float(loss.mean())


def same(x: Tensor) -> Tensor:
    return x


def dpo_trainer(loss_types: list[str], **given: Any) -> Any:
    """As much of a trainer as its loss function asks for."""
    accelerator = SimpleNamespace(device="cpu", gather=same, gather_for_metrics=same)
    made = SimpleNamespace(
        model=SimpleNamespace(training=True), accelerator=accelerator, beta=0.1,
        loss_types=loss_types, loss_weights=[1.0] * len(loss_types), label_smoothing=0.0,
        f_divergence_type="reverse_kl", f_alpha_divergence_coef=1.0, ld_alpha=None,
        use_weighting=False, aux_loss_enabled=False, precompute_ref_logps=True,
        _metrics={"train": defaultdict(list)}, _total_train_tokens=0, _tp_size=1,
    )  # fmt: skip
    vars(made).update(given)
    return made


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("name", "settings", "types", "given"), DPO_KIN)
def test_agrees_with_the_dpo_trainer(
    name: str, settings: dict[str, Any], types: list[str], given: dict[str, Any], seed: int
) -> None:
    from trl import DPOTrainer

    policy, reference, mask = drawn(seed)
    inputs = {
        "input_ids": torch.ones_like(mask), "attention_mask": torch.ones_like(mask),
        "completion_mask": mask, "ref_chosen_logps": reference.sum(1)[:1],
        "ref_rejected_logps": reference.sum(1)[1:],
    }  # fmt: skip
    out = SimpleNamespace(
        log_probs=policy, entropy=-policy, mean_logits=policy, is_top1=policy > -1.0
    )  # fmt: skip
    trainer = dpo_trainer(types, **given)
    loss = DPOTrainer._compute_loss(trainer, lambda **_: out, inputs, return_outputs=False)
    assert ours(name, settings, seed) == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_cpo_and_simpo(seed: int) -> None:
    from trl.experimental.cpo import CPOTrainer

    policy, _, mask = drawn(seed)
    total, mean = policy.sum(1), policy.sum(1) / mask.sum(1)
    accelerator = SimpleNamespace(device="cpu")
    given = {"accelerator": accelerator, "alpha": 0.0, "label_smoothing": 0.0}
    plain = SimpleNamespace(**given, loss_type="sigmoid", beta=0.1)
    loss, _, _ = CPOTrainer.cpo_loss(plain, total[:1], total[1:])
    expected = float(loss) - 0.7 * float(mean[0])  # cpo_alpha times the token-mean NLL
    assert ours("cpo", {"beta": 0.1, "alpha": 0.7}, seed) == pytest.approx(expected, rel=1e-4)
    simple = SimpleNamespace(**given, loss_type="simpo", beta=2.0, simpo_gamma=0.5)
    loss, _, _ = CPOTrainer.cpo_loss(simple, mean[:1], mean[1:])
    got = ours("simpo", {"beta": 2.0, "gamma": 0.5}, seed)
    assert got == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_orpo(seed: int) -> None:
    from trl.experimental.orpo import ORPOTrainer

    policy, _, mask = drawn(seed)
    mean = policy.sum(1) / mask.sum(1)
    trainer = SimpleNamespace(beta=0.1, accelerator=SimpleNamespace(device="cpu"))
    odds, *_ = ORPOTrainer.odds_ratio_loss(trainer, mean[:1], mean[1:])
    expected = float(-mean[0] - odds[0])  # its trainer: nll - losses
    assert ours("orpo", {"weight": 0.1}, seed) == pytest.approx(expected, rel=1e-4)
