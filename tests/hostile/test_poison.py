"""Taste files that are well formed and mean harm: no page breaks, for nobody."""

from app.bodies import MEGABYTE
from tests.hostile import files, poison
from tests.hostile.world import World


def test_a_taste_that_no_answers_lead_to_breaks_no_page(crowded: World) -> None:
    good, names = files.bundle(crowded), list(poison.CASES)
    few = [n for n in names if n.startswith(("states", "vectors"))] + names[-19::3]
    found = {n: poison.harm(crowded, good, n, others=n == few[0]) for n in few}
    assert {n: broken for n, broken in found.items() if broken} == {} and len(found) > 20


def test_learned_states_that_no_answers_lead_to_are_refused(crowded: World) -> None:
    good = files.bundle(crowded)
    for name in ("huge", "nought", "below", "empty", "other", "long", "integer"):
        body = poison.changed(good, poison.CASES[f"states {name}"])
        made = crowded.send("POST", "/api/v1/import", body)
        assert made.status == 422 and "learned state" in made.error, (name, made)
    made = crowded.send("POST", "/api/v1/import", good)
    assert made.status == 201, "and a sound one is taken"


def test_a_large_taste_comes_in_without_a_type_as_a_browser_sends_it(crowded: World) -> None:
    body = b'{"format"' + b"[" * (2 * MEGABYTE)
    made = crowded.send("POST", "/api/v1/import", body)
    assert made.status == 422 and "not a Penchant bundle" in made.error
