"""Every belief of the table goes through one door to Create, in the space it was fitted in."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.compass import Compass
from app.create import create
from app.drawing import Wish, drawn
from app.tastes import fitted, of_belief, taste_of
from engine.data import Request, WrongSpace
from engine.preference import PREFERENCE, ppd
from engine.starter import axes
from engine.starter.drawer.known import starter
from engine.starter.drawer.personal import LONGEST, within
from engine.starter.prior import prior
from tests.app.people import inky

ONCE = cache(starter)
WANTED = {"medium": "picture", "prompt": "a cat", "n": 2, "strength": 1.0, "seed": 3,
          "depth": None, "max_tokens": 20}  # fmt: skip


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.starter.drawer.known.starter", ONCE)


@pytest.fixture
def profile(studio: Any, user: int, key: Callable[[], str]) -> int:
    return inky(studio, user, key, 12)


def rows_of(studio: Any, taste: Any, answer: Any) -> Any:
    """(2, d) of what was picked and what was left, out of the collection's own rows."""
    hashes = [r["hash"] for r in studio.shelves.pool("picture").records]
    picked = answer.outcome.picks[0]
    left = next(i for i in answer.question.items if i != picked)
    rows = [hashes.index(studio.shelves.candidate(i).hash) for i in (picked, left)]
    np.testing.assert_array_equal(taste.pool[rows], taste.features.of([picked, left]))
    return taste.pool[rows]


@pytest.mark.parametrize("start", [prior, axes.prior], ids=["taste space", "axes"])
@pytest.mark.parametrize("method", list(PREFERENCE))
def test_a_belief_says_what_is_liked_of_the_collection_and_of_new_things(
    studio: Any, profile: int, method: str, start: Any
) -> None:
    belief = fitted(studio, profile, "picture", method, start("picture"))
    taste = of_belief(studio, profile, "picture", belief)
    assert taste.features.space == start("picture").space and taste.answers == 12
    told = studio.store.comparisons(profile, "picture")
    gaps = [taste.score(rows_of(studio, taste, c))[0] @ [1.0, -1.0] for c in told]
    assert np.mean(gaps) > 0 and np.mean(np.array(gaps) > 0) > 0.6
    new = taste.read([Image.new("RGB", (64, 64), "white")])
    assert new.shape == (1, taste.pool.shape[1]) and np.isfinite(taste.score(new)[0]).all()
    assert taste.vector is not None and taste.vector().shape == (64,)


def test_of_a_linear_belief_the_vector_is_its_own(studio: Any, profile: int) -> None:
    belief = fitted(studio, profile, "picture", "bradley_terry", prior("picture"))
    exact = ppd.of_belief(belief.mean, prior("picture"), belief.scale)
    taste = of_belief(studio, profile, "picture", belief)
    assert taste.vector is not None
    np.testing.assert_allclose(taste.vector(), exact, atol=1e-3 * np.abs(exact).max())


def test_to_be_better_known_turns_a_drawing_and_does_not_pull_more() -> None:
    short, far = np.array([0.6, 0.8], np.float32), np.array([30.0, 40.0], np.float32)
    np.testing.assert_array_equal(within(short), short)
    np.testing.assert_allclose(within(far), LONGEST * short, rtol=1e-6)
    assert not within(np.zeros(2, np.float32)).any()


def test_what_lies_on_a_line_is_found_again() -> None:
    x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    np.testing.assert_allclose(ppd.slope(x, x @ [2.0, -1.0] + 5.0), [2.0, -1.0], atol=1e-9)


def test_a_belief_of_another_space_is_refused(studio: Any, profile: int) -> None:
    belief = fitted(studio, profile, "picture", "bradley_terry", prior("picture"))
    with pytest.raises(WrongSpace, match="axes:picture"):
        of_belief(studio, profile, "picture", replace(belief, space="elsewhere:picture"))


def test_create_takes_any_taste_and_draws_by_it(studio: Any, user: int, profile: int) -> None:
    belief = fitted(studio, profile, "picture", "dpa", axes.prior("picture"))
    taste = of_belief(studio, profile, "picture", belief)
    lines = list(create(studio, user, profile, WANTED, lambda: False, taste))
    assert lines[-1]["type"] == "done"
    made = [r for r in lines if r["type"] == "sample" and r["side"] == "personal"]
    assert len([r for r in made if "image" in r]) == 2 and all("score" in r for r in made)


def test_a_taste_without_a_vector_leans(studio: Any, profile: int) -> None:
    """Two people who differ in nothing but the way: both bend, each in its own manner."""
    taste = taste_of(studio, profile, "picture")
    ways: dict[str, dict[str, Any]] = {}
    for name, one in (("attends", taste), ("leans", replace(taste, vector=None))):
        found = drawn(studio, Request("a cat", 1, 3), Wish(one, 1.0, "attended"), 0)
        ways[name] = {side: s.pixels for side, s in found if s.done}
    assert np.array_equal(ways["attends"]["plain"], ways["leans"]["plain"])
    assert not np.array_equal(ways["attends"]["personal"], ways["leans"]["personal"])
    assert not np.array_equal(ways["leans"]["personal"], ways["leans"]["plain"])


def test_the_hand_on_the_compass_reaches_drawings_that_attend(
    studio: Any, user: int, profile: int
) -> None:
    compass, taste = Compass(studio), taste_of(studio, profile, "picture")
    compass.point(user, profile, "picture", ("lightness", "colourfulness"), 0.0)
    bright, _ = compass.leaning(profile, "picture", taste)
    assert taste.vector is not None and bright.vector is not None
    gap = (bright.vector() - taste.vector()) * np.sqrt(prior("picture").var)
    light = axes.pool_axes("picture")
    column = light.standard(light.raw)[:, light.names.index("lightness")]
    along = studio.shelves.pool("picture").features @ gap
    assert np.corrcoef(along, column)[0, 1] > 0.8
