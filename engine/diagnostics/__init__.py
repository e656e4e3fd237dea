"""What a person's answers say about themselves and about us. One file a paper, one line here.

Every entry is a pure function over comparisons, features, predictions or a Gaussian belief.
"""

from engine.registry import Entry, Registry

DIAGNOSTICS = Registry(
    "diagnostic",
    {
        "self_check": Entry(
            "engine.diagnostics.self_check:calibrated",
            "Is the inference right?",
            "6; simulation-based calibration: Talts et al. 2018, arXiv 1804.06788",
        ),
        "consistency": Entry(
            "engine.diagnostics.consistency:look",
            "Check these picks",
            "11 (Secrets of RLHF II, arXiv 2401.06080)",
        ),
        "circles": Entry(
            "engine.diagnostics.circles:circle",
            "Do you go in a circle?",
            "5; Kendall & Babington Smith 1940",
        ),
        "flips": Entry(
            "engine.diagnostics.flips:from_repeats",
            "How often a click is not meant",
            "41 (robust DPO, arXiv 2403.00409)",
        ),
        "calibration": Entry(
            "engine.diagnostics.calibration:reliability",
            "Do our per cents mean something?",
            "35; isotonic: Ayer et al. 1955; temperature: Guo et al. 2017",
        ),
        "drivers": Entry(
            "engine.diagnostics.drivers:drivers", "What drives you", "37 (arXiv 2402.11296)"
        ),
        "why": Entry(
            "engine.diagnostics.why:why",
            "Why this prediction",
            "Influence functions: Cook & Weisberg 1982; Koh & Liang 2017",
        ),
    },
)
