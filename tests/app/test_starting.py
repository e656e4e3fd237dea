"""A taste may start from others of the same user: asked for, allowed, five at least, kept."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.starting import ENOUGH, FROM
from app.studio import Studio
from app.wire import Bad, Missing
from profiles import starts

KIND = "text"


def choose(
    studio: Any, user: int, profile: int, key: Any, answers: int, brief: bool = True
) -> None:
    """Somebody simulated who picks the passage with the fewest words, or the one with the most."""
    for _ in range(answers):
        question = studio.question(user, profile, KIND, "grid")
        ordered = sorted(question["items"], key=lambda i: len(i["text"].split()))
        picked = ordered[0 if brief else -1]["id"]
        studio.answer(user, question["id"], {"picks": [picked]}, key=key())


def helpers(studio: Any, user: int, key: Any, count: int = 5) -> list[int]:
    """Tastes that like it short, know enough and may help."""
    made = []
    for _ in range(count):
        made.append(int(studio.new_profile(user)["id"]))
        choose(studio, user, made[-1], key, ENOUGH)
        studio.ahead.settle()
        studio.minds.refit(made[-1], KIND)
        studio.starting.help(user, made[-1], True)
    return made


def prior_mean(studio: Any, profile: int) -> Any:
    return studio.minds.seat(profile, KIND).mind.shelf.prior.mean


def liking(studio: Any, profile: int) -> Any:
    """What is believed of the first forty passages."""
    mind = studio.minds.seat(profile, KIND).mind
    return mind.belief.believe(mind.shelf.features.matrix[:40])[0]


def knows_nothing(studio: Any, profile: int) -> bool:
    return bool(np.abs(liking(studio, profile)).max() < 1e-6)


def brevity(studio: Any, profile: int) -> float:
    """Correlation of what is believed with shortness."""
    mind = studio.minds.seat(profile, KIND).mind
    words = [len((studio.shelves.candidate(int(i)).text or "").split())
             for i in mind.shelf.features.ids]  # fmt: skip
    score, _ = mind.belief.believe(mind.shelf.features.matrix)
    return float(np.corrcoef(score, -np.array(words))[0, 1])


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, stocked: Path) -> Path:
    """A data folder with five tastes that may help; copied for each test."""
    folder = tmp_path_factory.mktemp("crowd") / "data"
    shutil.copytree(stocked, folder)
    numbers = iter(range(10**6))
    with Studio.open(folder) as opened:
        opened.maker.warm = lambda kind: None  # type: ignore[method-assign]
        helpers(opened, opened.store.local_user(), lambda: f"crowd-key-{next(numbers):06d}")
    return folder


@pytest.fixture
def studio(tmp_path: Path, crowd: Path) -> Any:
    shutil.copytree(crowd, tmp_path / "data")
    with Studio.open(tmp_path / "data") as opened:
        yield opened


def others(studio: Any, user: int) -> list[int]:
    return [int(p["id"]) for p in studio.profiles(user)]


def test_nothing_is_shared_unless_it_was_allowed(studio: Any, user: int, key: Any) -> None:
    made = int(studio.new_profile(user)["id"])
    told = studio.starting.about(user, made)
    assert told["helps"] is False and told["media"][KIND]["others"] == 5
    assert told["media"][KIND]["offered"] and not told["media"]["picture"]["offered"]
    assert not studio.minds.seat(made, KIND).mind.shelf.prior.mean.any()
    studio.starting.help(user, others(studio, user)[0], False)
    assert studio.starting.about(user, made)["media"][KIND] == {
        "on": False, "others": 4, "offered": False, "from": 0, "nearest": False}  # fmt: skip
    with pytest.raises(Bad, match="5 are needed"):
        studio.starting.begin(user, made, KIND, True)


def test_a_start_is_liked_before_any_answer_and_outlives_a_restart(
    studio: Any, user: int, key: Any
) -> None:
    made = int(studio.new_profile(user)["id"])
    assert knows_nothing(studio, made)
    told = studio.starting.begin(user, made, KIND, True)["media"][KIND]
    assert told["on"] and told["from"] == 5 and not told["nearest"]
    assert brevity(studio, made) > 0.3
    before, mean = liking(studio, made), prior_mean(studio, made)
    assert mean.any() and not np.array_equal(mean, studio.shelves.prior(KIND).mean)
    folder = studio.store.folder
    studio.close()
    with Studio.open(folder) as again:
        assert np.array_equal(prior_mean(again, made), mean)
        assert np.array_equal(liking(again, made), before)
        off = again.starting.begin(user, made, KIND, False)["media"][KIND]
        assert not off["on"] and off["offered"] and knows_nothing(again, made)


def test_the_nearest_take_over_and_undo_brings_the_first_start_back(
    studio: Any, user: int, key: Any
) -> None:
    made = int(studio.new_profile(user)["id"])
    studio.starting.begin(user, made, KIND, True)
    first = prior_mean(studio, made)
    choose(studio, user, made, key, FROM)
    studio.ahead.settle()
    assert studio.starting.about(user, made)["media"][KIND]["nearest"]
    prior, plain = studio.minds.seat(made, KIND).mind.shelf.prior, studio.shelves.prior(KIND)
    assert not np.allclose(prior.mean, first) and (prior.var >= 0.5 * plain.var).all()
    near, believed = prior.mean, liking(studio, made)
    studio.undo(user, made, KIND, key())
    assert np.array_equal(prior_mean(studio, made), first)
    studio.redo(user, made, KIND, key())
    assert np.array_equal(prior_mean(studio, made), near)
    assert np.allclose(liking(studio, made), believed, atol=1e-4)
    folder = studio.store.folder
    studio.close()
    with Studio.open(folder) as again:
        assert np.array_equal(prior_mean(again, made), near)
        assert np.allclose(liking(again, made), believed, atol=1e-4)
        with pytest.raises(Bad, match="already"):
            again.starting.begin(user, made, KIND, True)


def test_a_later_choice_outdates_what_was_taken_with_answers_before_it(
    studio: Any, user: int, key: Any
) -> None:
    made = int(studio.new_profile(user)["id"])
    studio.starting.begin(user, made, KIND, True)
    choose(studio, user, made, key, FROM)
    studio.ahead.settle()
    for _ in range(FROM):
        studio.undo(user, made, KIND, key())
    studio.starting.begin(user, made, KIND, False)
    for _ in range(FROM):
        studio.redo(user, made, KIND, key())
    mind = studio.minds.seat(made, KIND).mind
    assert mind.answers == FROM and not prior_mean(studio, made).any()
    own = mind.refit(studio.store.comparisons(made, KIND))
    told, wanted = (b.believe(mind.shelf.features.matrix)[0] for b in (mind.belief, own))
    assert np.corrcoef(told, wanted)[0, 1] > 0.9


def test_a_taste_that_is_taken_along_leaves_its_start_behind(
    studio: Any, user: int, key: Any
) -> None:
    made = int(studio.new_profile(user)["id"])
    studio.starting.begin(user, made, KIND, True)
    choose(studio, user, made, key, FROM)
    studio.ahead.settle()
    body, _, _ = studio.export(user, made)
    assert studio.store.versions(made, KIND), "which holds what others like"
    assert b'"who"' not in body and b"narrow" not in body and b"state/0" not in body
    copy = int(studio.import_bundle(user, body)["id"])
    assert studio.store.starts.of(copy, KIND, "starter:text") is None
    assert not studio.store.versions(copy, KIND) and not prior_mean(studio, copy).any()
    mind = studio.minds.seat(copy, KIND).mind
    studio.minds.refit(copy, KIND)
    own = mind.refit(studio.store.comparisons(made, KIND))
    assert np.allclose(liking(studio, copy), own.believe(mind.shelf.features.matrix[:40])[0],
                       atol=1e-4)  # fmt: skip
    choose(studio, user, copy, key, 1)
    assert studio.minds.seat(copy, KIND).mind.answers == FROM + 1


def test_versions_from_before_a_start_and_after_a_plain_one_are_taken_along(
    studio: Any, user: int, key: Any
) -> None:
    made, space = int(studio.new_profile(user)["id"]), "starter:text"

    def put(note: str, space: str = space) -> None:
        state = studio.minds.seat(made, KIND).mind.belief.state()
        studio.store.put_version(made, KIND, "auto", space, 0, state, note)

    put("before")
    studio.starting.begin(user, made, KIND, True)
    put("with others"), put("elsewhere", "other:text")
    studio.starting.begin(user, made, KIND, False)
    put("after")
    copy = int(studio.import_bundle(user, studio.export(user, made)[0])["id"])
    assert {v.note for v in studio.store.versions(copy, KIND)} == {"before", "elsewhere", "after"}


def test_who_helped_and_is_deleted_is_in_nobody_any_more(studio: Any, user: int, key: Any) -> None:
    made = int(studio.new_profile(user)["id"])
    choose(studio, user, made, key, 0)
    studio.starting.begin(user, made, KIND, True)
    choose(studio, user, made, key, FROM)
    studio.ahead.settle()
    alone = int(studio.new_profile(user)["id"])
    goes = others(studio, user)[0]
    gone = studio.delete_profile(user, goes)
    assert gone["left"] == 0 and gone["removed"]["starts"] == 1
    studio.ahead.settle()
    assert not prior_mean(studio, made).any() and not prior_mean(studio, alone).any()
    mind = studio.minds.seat(made, KIND).mind
    assert mind.answers == FROM
    own = mind.refit(studio.store.comparisons(made, KIND))
    assert np.allclose(liking(studio, made), own.believe(mind.shelf.features.matrix[:40])[0],
                       atol=1e-4)  # fmt: skip
    assert len(studio.store.versions(made, KIND)) == 1


def test_who_is_deleted_while_a_start_is_worked_out_is_not_in_it(
    studio: Any, user: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both mixtures are made outside the transaction that stores them."""
    goes, late = others(studio, user)[:2]
    made = int(studio.new_profile(user)["id"])
    take = studio.store.starts.take

    def deleted_first(profile: int) -> Any:
        def taking(*told: Any) -> Any:
            studio.store.delete_profile(profile)
            return take(*told)

        return taking

    monkeypatch.setattr(studio.store.starts, "take", deleted_first(goes))
    with pytest.raises(Bad, match="just been deleted"):
        studio.starting.begin(user, made, KIND, True)
    assert studio.store.starts.of(made, KIND, "starter:text") is None
    monkeypatch.setattr(studio.store.starts, "take", take)
    helpers(studio, user, key, 1)
    assert studio.starting.begin(user, made, KIND, True)["media"][KIND]["on"]
    monkeypatch.setattr(studio.store.starts, "take", deleted_first(late))
    choose(studio, user, made, key, FROM)
    studio.ahead.settle()
    for profile in (goes, late):
        assert studio.store.read(lambda db, gone=profile: starts.naming(db, gone)) == 0


def test_a_mean_outlives_a_cache_that_is_emptied_meanwhile(studio: Any, user: int) -> None:
    class Emptied(dict[int, Any]):
        def __setitem__(self, version: int, mean: Any) -> None:
            """As when another thread empties it at once."""

    studio.starting._means = Emptied()
    made = int(studio.new_profile(user)["id"])
    assert studio.starting.begin(user, made, KIND, True)["media"][KIND]["from"] == 5


def test_what_came_over_a_second_taste_goes_as_well(studio: Any, user: int, key: Any) -> None:
    """The first started from the one that goes, the second from the first: both forget it."""
    goes = others(studio, user)[0]
    first = int(studio.new_profile(user)["id"])
    studio.starting.begin(user, first, KIND, True)
    choose(studio, user, first, key, ENOUGH)
    studio.ahead.settle()
    studio.starting.help(user, first, True)
    studio.starting.help(user, goes, False)
    second = int(studio.new_profile(user)["id"])
    studio.starting.begin(user, second, KIND, True)
    who = studio.store.starts.of(second, KIND, "starter:text").who
    assert goes not in [p for p, _, _ in who] and first in [p for p, _, _ in who]
    studio.delete_profile(user, goes)
    assert not prior_mean(studio, second).any() and knows_nothing(studio, second)


def test_nobody_meets_the_tastes_of_another_user(studio: Any, user: int, key: Any) -> None:
    ada = studio.store.put_user("ada", "hash")
    made = int(studio.new_profile(ada)["id"])
    assert studio.starting.about(ada, made)["media"][KIND]["others"] == 0
    for verb in (studio.starting.about, lambda u, p: studio.starting.help(u, p, True),
                 lambda u, p: studio.starting.begin(u, p, KIND, True)):  # fmt: skip
        with pytest.raises(Missing):
            verb(ada, others(studio, user)[0])


def test_a_state_of_another_space_is_no_helper(studio: Any, user: int, key: Any) -> None:
    """A taste that knows enough, but in a space of its own, is not counted."""
    made, odd = (int(studio.new_profile(user)["id"]) for _ in range(2))
    choose(studio, user, odd, key, ENOUGH)
    studio.ahead.settle()
    mind = studio.minds.seat(odd, KIND).mind
    studio.store.write(lambda db: db.execute("DELETE FROM versions WHERE profile_id = ?", [odd]))
    studio.store.put_version(odd, KIND, "auto", "other:text", mind.seq, mind.belief.state())
    studio.starting.help(user, odd, True)
    assert studio.starting.about(user, made)["media"][KIND]["others"] == 5


def test_through_the_door(client: Any, user: int, key: Any, studio: Any) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    door = f"/api/v1/profiles/{made}"
    assert client.get(f"{door}/start").json()["media"][KIND]["offered"]
    assert client.post(f"{door}/helps", json={"on": True}).json()["helps"]
    told = client.post(f"{door}/start", json={"medium": KIND, "on": True}).json()
    assert told["media"][KIND]["on"] and told["media"][KIND]["from"] == 5
    refused = client.post(f"{door}/start", json={"medium": "picture", "on": True})
    assert refused.status_code == 422 and "5 are needed" in refused.json()["error"]
    assert client.post(f"{door}/start", json={"medium": KIND}).status_code == 422
    assert client.get("/api/v1/profiles/999/start").status_code == 404
