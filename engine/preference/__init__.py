"""What we believe about a person. One file a method, one line here."""

from engine.registry import Entry, Registry

PREFERENCE = Registry(
    "preference model",
    {
        "bradley_terry": Entry(
            "engine.preference.bradley_terry:BradleyTerry",
            "A direction of taste",
            "Bradley & Terry 1952; Plackett 1975; Laplace: Bishop PRML 4.4-4.5",
            frozenset({"scores", "direction", "joint", "side"}),
        ),
        "shared_basis": Entry(
            "engine.preference.shared_basis:SharedBasis",
            "A few weights over what people share",
            "LoRe, arXiv 2504.14439; PReF, arXiv 2503.06358",
            frozenset({"scores", "direction"}),
        ),
    },
)
