"""What training minimises. One file a paper, one line here; `load()` gives an Objective."""

from engine.registry import Entry, Registry

OBJECTIVES = Registry(
    "objective",
    {
        "rpo": Entry("engine.objectives.rpo:RPO", "RPO: keeps what you liked", "29"),
        "dpo": Entry("engine.objectives.dpo:DPO", "DPO", "base of 18, 42, 59"),
    },
)
