"""What to ask next. One file a rule, one line here.

A rule is pick(belief, features, m, rng, *, groups, recent) -> (m,) row numbers of `features`.
`groups`: the rows must come from one of these; `recent`: id tuples shown lately.
"""

from engine.registry import Entry, Registry

QUERIES = Registry(
    "query rule",
    {
        "uniform": Entry("engine.queries.uniform:pick", "At random", "the control arm"),
        "d_optimal": Entry(
            "engine.queries.d_optimal:pick", "Most informative", "Chaloner & Verdinelli 1995"
        ),
        "thompson": Entry(
            "engine.queries.thompson:pick", "Two guesses at your best", "Thompson 1933"
        ),
    },
)
