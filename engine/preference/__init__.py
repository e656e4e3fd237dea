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

# Not of one person alone: what many have in common, or what one person's things do to each other.
CROWD = Registry(
    "method over many people or things",
    {
        "population": Entry(
            "engine.preference.population:of_items",
            "What people share, and how they differ",
            "PReF, arXiv 2503.06358; Rubin & Thayer 1982",
        ),
        "pal_shared": Entry(
            "engine.preference.pal:learn", "Prototypes, learnt from people", "3: arXiv 2406.08469"
        ),
        "pal_prompts": Entry(
            "engine.preference.pal_prompts:learn",
            "Prototypes that turn with the prompt",
            "3: PAL-B, arXiv 2406.08469",
        ),
        "maxmin": Entry(
            "engine.preference.maxmin:fit", "Two tastes under one roof", "10: arXiv 2402.08925"
        ),
        "gpm": Entry(
            "engine.preference.gpm:fit", "Liking that runs in circles", "5: arXiv 2410.02197"
        ),
        "ppd": Entry(
            "engine.preference.ppd:of_belief", "A vector a picture model reads", "8: PPD, CVPR 2025"
        ),
        "fspo_text": Entry(
            "engine.preference.fspo_text:FewShot",
            "Your last choices, read by a language model",
            "49: arXiv 2502.19312",
        ),
        "pooling": Entry(
            "engine.preference.pooling:pooled", "A start from others who allow it", "our own"
        ),
    },
)
