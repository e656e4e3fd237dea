"""Which concepts belong in the picture pool: everyday things that many styles draw.

Left out (design decision): flags, skin tones, religious symbols, weapons, gestures, people, and
what is too near to another concept to be a question of taste (clock faces, moon phases).
"""

LEAST_STYLES = 9
GROUPS = ("animals-nature", "food-drink", "travel-places", "activities", "objects")
SUBGROUPS_OUT = (
    "place-religious", "place-map", "time", "medical", "money", "lock", "light-video", "sound",
    "phone", "office", "writing", "mail", "book-paper",
)  # fmt: skip
WORDS_OUT = (
    "gun", "pistol", "bomb", "dagger", "sword", "knife", "axe", "shield", "cigarette", "coffin",
    "urn", "funeral", "syringe", "pill", "blood", "eggplant", "peach", "banana", "cross", "church",
    "mosque", "prayer", "menorah", "star of david", "castle keep", "statue of liberty", "tokyo",
    "map", "moon", "clock", "new moon", "o’clock", "thirty", "flag", "firecracker", "crystal ball",
    "nazar", "hamsa", "moai", "kaaba", "placard", "headstone", "transgender", "bikini", "briefs",
    "underwear", "sake", "slot machine", "mahjong", "flower playing cards", "joker", "japanese",
    "pine decoration", "toilet", "roll of paper", "bone", "cut of meat", "sign", "bow and arrow",
    "boomerang", "chains", "oil drum", "construction", "police", "customs", 
    "love hotel", " suit", "wedding", "pig nose",
)  # fmt: skip


def wanted(label: str, group: str, subgroup: str) -> bool:
    """True for a concept that belongs in the pool."""
    if group not in GROUPS or subgroup in SUBGROUPS_OUT:
        return False
    return not any(word in label.lower().replace("-", " ") for word in WORDS_OUT)
