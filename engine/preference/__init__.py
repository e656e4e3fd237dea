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
        "auto": Entry(
            "engine.preference.auto:Auto",
            "Whatever foretells your answers best",
            "Yao, Vehtari, Simpson & Gelman 2018 (stacking)",
            frozenset({"scores", "direction", "joint", "side", "blend"}),
        ),
        "dpa": Entry(
            "engine.preference.dpa:DPA",
            "A direction along named axes",
            "16: DPA, arXiv 2402.18571",
            frozenset({"scores", "direction"}),
        ),
        "fspo": Entry(
            "engine.preference.fspo:FSPO",
            "Your last answers, read by a network that met many people",
            "49: FSPO, arXiv 2502.19312",
            frozenset({"scores", "direction", "joint"}),
        ),
        "ideal_point": Entry(
            "engine.preference.ideal_point:IdealPoint",
            "A best point, not only a direction",
            "Coombs 1964; PAL, arXiv 2406.08469",
            frozenset({"scores"}),
        ),
        "pal": Entry(
            "engine.preference.pal_person:PalPerson",
            "A mixture of kinds that many people like",
            "3: PAL, arXiv 2406.08469",
            frozenset({"scores"}),
        ),
        "shared_basis": Entry(
            "engine.preference.shared_basis:SharedBasis",
            "A few weights over what people share",
            "LoRe, arXiv 2504.14439; PReF, arXiv 2503.06358",
            frozenset({"scores", "direction"}),
        ),
    },
)
