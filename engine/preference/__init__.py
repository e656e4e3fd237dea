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
    },
)
