"""Frozen generators. One file a backbone, one line here."""

from engine.registry import Entry, Registry

BACKBONES = Registry(
    "backbone",
    {
        "causal_lm": Entry("engine.backbones.causal_lm:CausalLM", "A language model"),
        "diffusion": Entry("engine.backbones.diffusion:Diffusion", "A picture model"),
        "pool": Entry("engine.backbones.pool:PoolBackbone", "A collection"),
    },
)
