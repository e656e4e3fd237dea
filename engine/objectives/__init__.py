"""What training minimises. One file a paper, one line here; `load()` gives an Objective, of a line
of TERMS a class whose `term` is added to the losses of any.
"""

from engine.registry import Entry, Registry

OBJECTIVES = Registry(
    "objective",
    {
        "rpo": Entry("engine.objectives.rpo:RPO", "RPO: keeps what you liked", "29"),
        "dpo": Entry("engine.objectives.dpo:DPO", "DPO", "base of 18, 42, 59"),
        "cdpo": Entry("engine.objectives.cdpo:CDPO", "cDPO: believes each click less", "41"),
        "rdpo": Entry("engine.objectives.rdpo:RDPO", "rDPO: allows for mis-clicks", "41"),
        "ipo": Entry("engine.objectives.ipo:IPO", "IPO: a fixed lead and no more", "49"),
        "hinge": Entry("engine.objectives.hinge:HINGE", "Hinge: only what is unclear", "9"),
        "cpo": Entry("engine.objectives.cpo:CPO", "CPO: less memory", "1, 14"),
        "simpo": Entry("engine.objectives.simpo:SIMPO", "SimPO: by the token, less memory", "12"),
        "orpo": Entry("engine.objectives.orpo:ORPO", "ORPO: writes and chooses", "7, 14"),
        "ln_dpo": Entry("engine.objectives.ln_dpo:LN_DPO", "LN-DPO: length does not count", "39"),
        "flex_dpo": Entry("engine.objectives.flex_dpo:FLEX_DPO", "Flex-DPO: gentler", "42"),
        "f_dpo": Entry("engine.objectives.f_dpo:F_DPO", "f-DPO: another distance", "sibling of 32"),
        "rationale": Entry("engine.objectives.rationale:RATIONALE", "With your reasons", "7"),
        "dove": Entry("engine.objectives.dove:DOVE", "DOVE: across prompts", "38"),
        "ra_dpo": Entry("engine.objectives.ra_dpo:RA_DPO", "With a goal: unlearns nothing", "55"),
        "fspo": Entry("engine.objectives.fspo:FSPO", "FSPO: from your other choices", "49"),
        "pro": Entry("engine.objectives.pro:PRO", "PRO: whole orders", "56"),
        "plackett_luce": Entry(
            "engine.objectives.plackett_luce:PLACKETT_LUCE", "Plackett-Luce: whole orders", "56"
        ),
        "diffusion_dpo": Entry(
            "engine.objectives.diffusion_dpo:DIFFUSION_DPO", "Diffusion-DPO", "23"
        ),
        "mapo": Entry("engine.objectives.mapo:MAPO", "MaPO: a style far from the model's", "15"),
        "ncp": Entry("engine.objectives.ncp:NCP", "NCP: by what the model sees", "1"),
        "diffusion_cpo": Entry(
            "engine.objectives.diffusion_cpo:DIFFUSION_CPO", "CPO: against no model before", "1"
        ),
        "sft": Entry("engine.objectives.sft:SFT", "SFT: only draws what you chose", "1, 23"),
        "dcpo": Entry("engine.objectives.dcpo:DCPO", "DCPO: each by its own caption", "4"),
        "best_of_n": Entry("engine.objectives.best_of_n:BEST_OF_N", "Best of n, then write", "16"),
    },
)

TERMS = Registry(
    "term",
    {"smooth": Entry("engine.objectives.smooth:Smooth", "Even steps between pictures", "60")},
)
