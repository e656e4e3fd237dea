"""Named axes a taste can point along: measures of a text or a picture. One file an axis, one line.

The trait is the medium. Each file holds AXIS (base.py): a definition, a unit, words for both ends.
"""

from engine.registry import Entry, Registry

TEXT, PICTURE = frozenset({"text"}), frozenset({"picture"})

REWARDS = Registry(
    "reward axis",
    {
        "length": Entry("engine.rewards.length:AXIS", "Length", "", TEXT),
        "readability": Entry(
            "engine.rewards.readability:AXIS", "Reading ease", "Flesch 1948", TEXT
        ),
        "formality": Entry("engine.rewards.formality:AXIS", "Formality", "ours", TEXT),
        "warmth": Entry("engine.rewards.warmth:AXIS", "Warmth", "Hutto & Gilbert 2014", TEXT),
        "concreteness": Entry("engine.rewards.concreteness:AXIS", "Concreteness", "ours", TEXT),
        "playfulness": Entry("engine.rewards.playfulness:AXIS", "Playfulness", "ours", TEXT),
        "questions": Entry("engine.rewards.questions:AXIS", "Questions", "ours", TEXT),
        "colourfulness": Entry(
            "engine.rewards.colourfulness:AXIS",
            "Colourfulness",
            "Hasler & Suesstrunk 2003",
            PICTURE,
        ),
        "lightness": Entry("engine.rewards.lightness:AXIS", "Lightness", "", PICTURE),
        "warm_colours": Entry("engine.rewards.warm_colours:AXIS", "Warmth of colour", "", PICTURE),
        "line_weight": Entry("engine.rewards.line_weight:AXIS", "Line weight", "ours", PICTURE),
        "detail": Entry("engine.rewards.detail:AXIS", "Detail", "", PICTURE),
        "flatness": Entry("engine.rewards.flatness:AXIS", "Flatness", "ours", PICTURE),
        "symmetry": Entry("engine.rewards.symmetry:AXIS", "Symmetry", "", PICTURE),
        "white_space": Entry("engine.rewards.white_space:AXIS", "White space", "", PICTURE),
    },
)
