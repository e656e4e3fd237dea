"""What to ask next. One file a rule, one line here; the signature stands in base.py."""

from engine.registry import Entry, Registry

JOINT = frozenset({"joint"})

QUERIES = Registry(
    "query rule",
    {
        "uniform": Entry("engine.queries.uniform:pick", "At random", "the control arm"),
        "d_optimal": Entry(
            "engine.queries.d_optimal:pick", "Most informative", "Chaloner & Verdinelli 1995", JOINT
        ),
        "thompson": Entry(
            "engine.queries.thompson:pick",
            "Guesses at your favourite",
            "58 (in-slate draws); Thompson 1933",
            JOINT,
        ),
        "expected_improvement": Entry(
            "engine.queries.expected_improvement:pick",
            "What may beat the best so far",
            "Jones, Schonlau & Welch 1998; Ginsbourger et al. 2010",
            JOINT,
        ),
        "novelty": Entry(
            "engine.queries.novelty:pick", "Something different", "17, 33 (Lehman & Stanley 2011)"
        ),
    },
)
