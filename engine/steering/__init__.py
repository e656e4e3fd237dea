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
        "reward_gradient": Entry(
            "engine.steering.reward_gradient:reward_gradient", "Pushed", "2; He et al. 2023 (MPGD)"
        ),
        "prompt_direction": Entry(
            "engine.steering.prompt_direction:prompt_direction",
            "Words unsaid",
            "Turner et al. 2023",
        ),
        "noise": Entry("engine.steering.noise:liked_noise", "Picked noise", "2"),
        "best_of": Entry("engine.steering.best_of:best_of", "Best of n", "2 (DeformPAM)"),
        "blend": Entry("engine.steering.blend:blend", "Two people", "8, 60 (Smooth Diffusion)"),
        "lora": Entry("engine.steering.lora:lora", "Tuned", "Hu et al. 2021"),
    },
)
