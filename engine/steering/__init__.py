"""What bends a backbone for the length of a with block. One file a steerer, one line here."""

from engine.registry import Entry, Registry

STEERING = Registry(
    "steerer",
    {
        "rerank": Entry("engine.steering.rerank:rerank", "Instant", "best of n"),
        "activation": Entry(
            "engine.steering.activation:activation", "Steered", "Turner et al. 2023; Rimsky 2024"
        ),
        "leaning": Entry("engine.steering.leaning:leaning", "Leaning", "prompt directions, 2"),
        "prompt": Entry("engine.steering.prompt:said", "Prompted", "16"),
        "cross_attention": Entry(
            "engine.steering.cross_attention:personal", "Personal attention", "8 (PPD)"
        ),
        "guidance": Entry(
            "engine.steering.guidance:apart", "Personal guidance", "Ho & Salimans 2022; Brooks 2023"
        ),
        "lora": Entry("engine.steering.lora:lora", "Tuned", "Hu et al. 2021"),
    },
)
