"""Candidates to vectors in a named space. One file an encoder, one line here."""

from engine.registry import Entry, Registry

ENCODERS = Registry(
    "encoder",
    {
        "lite0": Entry(
            "engine.encoders.lite0:Lite0", "EfficientNet-Lite0", "Tan & Le 2019, arXiv 1905.11946"
        ),
        "minilm-l6": Entry(
            "engine.encoders.minilm:MiniLM", "MiniLM sentence vectors", "Wang et al. 2020"
        ),
        "starter-picture": Entry(
            "engine.encoders.starter_picture:StarterPicture", "Taste in pictures", "ours"
        ),
        "starter-text": Entry("engine.encoders.starter_text:StarterText", "Taste in words", "ours"),
    },
)
