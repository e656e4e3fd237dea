"""The other side of bench train: TRL's own DPOTrainer in TRL's own environment.

`python train_peer.py FOLDER MODE`: FOLDER holds plan.json, init.safetensors; MODE is default or
precomputed. Waits for a line before each step and answers with the step's loss as a line of JSON.
"""

import json
import resource
import sys
from pathlib import Path


def say(**told):
    print("@" + json.dumps(told), flush=True)


def main(folder, mode):
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    plan = json.loads((folder / "plan.json").read_text())
    torch.set_num_threads(plan["threads"])

    class Plain(DPOTrainer):
        """Takes token ids as they are: both sides train on the same numbers."""

        def _prepare_dataset(self, dataset, *args, **kwargs):
            return dataset

    class Turns(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            say(ready=state.global_step)
            sys.stdin.readline()

        def on_log(self, args, state, control, logs=None, **kwargs):
            if logs and "loss" in logs:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                say(step=state.global_step, loss=float(logs["loss"]), rss_mb=peak)

    rows = [{"prompt_ids": h, "chosen_ids": c, "rejected_ids": r} for h, c, r in plan["rows"]]
    best = mode == "precomputed"
    config = DPOConfig(
        output_dir=str(folder / mode), per_device_train_batch_size=plan["batch"],
        gradient_accumulation_steps=1, max_steps=plan["steps"], learning_rate=plan["rate"],
        lr_scheduler_type="constant", warmup_steps=0, beta=plan["beta"], logging_steps=1,
        save_strategy="no", report_to=[], use_cpu=True, bf16=False, max_length=None,
        precompute_ref_log_probs=best, train_sampling_strategy="sequential",
        disable_tqdm=True, weight_decay=0.0, max_grad_norm=1.0,
        **({"gradient_checkpointing": False} if best else {}),
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(plan["model"], dtype=torch.float32)
    lora = LoraConfig(r=plan["rank"], lora_alpha=plan["rank"], target_modules=plan["targets"],
                      lora_dropout=0.0, task_type="CAUSAL_LM")  # fmt: skip
    trainer = Plain(
        model, args=config, train_dataset=Dataset.from_list(rows), peft_config=lora,
        processing_class=AutoTokenizer.from_pretrained(plan["model"]), callbacks=[Turns()],
    )  # fmt: skip
    weights = load_file(folder / "init.safetensors")
    own = dict(trainer.model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            own[name.replace(".weight", ".default.weight")].copy_(value)
    trainer.train()
    say(over=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
