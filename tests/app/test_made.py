"""What was made earlier: pages, use again, delete; settings inside a PNG; a strip of strengths."""

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import drawing, flags
from app.compass import Compass
from app.create import turned
from app.tastes import taste_of
from app.wire import Missing
from engine.starter.drawer.known import starter
from tests.app.people import inky

WANTED = {"medium": "picture", "prompt": "a cat", "n": 1, "strength": 1.0, "seed": 3,
          "depth": None, "max_tokens": 20}  # fmt: skip
ONCE = cache(starter)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.starter.drawer.known.starter", ONCE)


@pytest.fixture
def profile(studio: Any, user: int, key: Any) -> int:
    return inky(studio, user, key)


def draw(studio: Any, user: int, profile: int, **more: Any) -> int:
    lines = list(studio.generate(user, profile, {**WANTED, **more}, lambda: False))
    return int(lines[-1]["generation"])


def told(body: bytes) -> dict[str, str]:
    found: dict[str, str] = Image.open(io.BytesIO(body)).text  # type: ignore[attr-defined]
    return found


def test_pages_go_back_to_the_first_and_tell_how_to_make_it_again(
    studio: Any, user: int, profile: int
) -> None:
    assert studio.made.page(user, profile, "picture") == {"made": [], "more": None}
    numbers = [
        draw(studio, user, profile, depth="instant", prompt=f"a cat {k}", seed=k, strength=0.5)
        for k in range(5)
    ]
    one = studio.made.page(user, profile, "picture", limit=2)
    two = studio.made.page(user, profile, "picture", one["more"], limit=2)
    three = studio.made.page(user, profile, "picture", two["more"], limit=2)
    assert [r["id"] for p in (one, two, three) for r in p["made"]] == numbers[::-1]
    assert three["more"] is None and studio.made.page(user, profile, "text")["made"] == []
    last = one["made"][0]
    assert (last["prompt"], last["seed"], last["strength"]) == ("a cat 4", 4, 0.5)
    assert last["results"][0]["media"].startswith("/api/v1/media/")


def test_one_is_deleted_and_what_was_answered_stays(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    keep, gone = (draw(studio, user, profile, depth="instant", n=2) for _ in range(2))
    before = studio.like(user, profile, (gone, "personal", 0), True, key())["seq"]
    assert studio.made.remove(user, profile, gone) == {"removed": gone}
    assert [r["id"] for r in studio.made.page(user, profile, "picture")["made"]] == [keep]
    assert studio.store.comparisons(profile, "picture")[-1].seq == before
    with pytest.raises(Missing, match=f"generation {gone}"):
        studio.made.remove(user, profile, gone)


def test_drawn_pictures_come_as_png_and_tell_only_what_may_be_told(
    studio: Any, user: int, profile: int
) -> None:
    number = draw(studio, user, profile)
    body = studio.made.picture(user, profile, (number, "personal", 1))
    assert told(body)["Description"] == "a cat" and "Seed: 23757" in told(body)["parameters"]
    studio.metadata = False
    hidden = studio.made.picture(user, profile, (number, "personal", 1))
    assert told(hidden) == {}
    one, other = (np.asarray(Image.open(io.BytesIO(b)).convert("RGB")) for b in (body, hidden))
    assert (one == other).all()
    silent = draw(studio, user, profile, seed=4)
    rows = studio.generation(profile, silent)["results"]
    assert all(told(drawing.from_url(r["image"])) == {} for r in rows if "image" in r)
    with pytest.raises(Missing):
        studio.made.picture(user, profile, (number, "personal", 0))


def test_the_flag_reaches_the_options() -> None:
    words = ["run", "--disable-metadata", "--no-browser"]
    assert flags.read(flags.parse(words), {}).disable_metadata
    assert not flags.read(flags.parse(["run"]), {}).disable_metadata
    assert flags.read(flags.parse(["run"]), {"PENCHANT_DISABLE_METADATA": "yes"}).disable_metadata


def strip(studio: Any, user: int, profile: int, **more: Any) -> list[dict[str, Any]]:
    wanted = {"prompt": "a cat", "seed": 3, "index": 0, "depth": None, **more}
    return list(studio.made.strip(user, profile, wanted, lambda: False))


def pixels(url: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(drawing.from_url(url))).convert("RGB")).astype(int)


def test_a_strip_goes_from_plain_to_yours_on_one_seed(studio: Any, user: int, profile: int) -> None:
    # The full fit that follows answers must not come between the two.
    studio.minds.refit(profile, "picture")
    lines = strip(studio, user, profile)
    made = {r["strength"]: r for r in lines if r["type"] == "sample"}
    assert list(made) == [0.0, 0.25, 0.5, 0.75, 1.0] and lines[-1] == {"type": "done"}
    number = draw(studio, user, profile)
    rows = {r["side"]: r["image"] for r in studio.generation(profile, number)["results"]
            if "image" in r}  # fmt: skip
    # The same picture, once in a batch of five and once in a batch of two: rounding of another
    # batch size can tip single pixels at full strength, not the picture.
    assert np.abs(pixels(made[0.0]["image"]) - pixels(rows["plain"])).max() <= 2
    assert np.abs(pixels(made[1.0]["image"]) - pixels(rows["personal"])).mean() < 0.5
    away, left = ([np.abs(pixels(r["image"]) - pixels(rows[side])).mean() for r in made.values()]
                  for side in ("plain", "personal"))  # fmt: skip
    # How far is no line: a quarter of the way may already turn black ink into colours.
    assert away[0] < 0.1 < away[1]
    assert left[0] > left[4] < left[1]
    assert len(studio.store.generations(profile)) == 1


def test_a_strip_heeds_the_compass_as_create_does(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes: list[Any] = []
    monkeypatch.setattr(
        drawing, "strip", lambda _studio, _request, wish, _index: iter(wishes.append(wish) or ())
    )
    plain = taste_of(studio, profile, "picture")
    Compass.of(studio).point(user, profile, "picture", ("colourfulness", "lightness"), 45.0)
    strip(studio, user, profile)
    pool = plain.pool[:50]
    (taste,) = [w.taste for w in wishes]
    bent = turned(studio, profile, "picture")[0]
    assert np.allclose(taste.score(pool)[0], bent.score(pool)[0], atol=1e-5)
    assert not np.allclose(taste.score(pool)[0], plain.score(pool)[0], atol=1e-2)


def test_a_strip_of_what_cannot_be_says_why(studio: Any, user: int, profile: int) -> None:
    assert "Nearest" in strip(studio, user, profile, prompt="the theory of numbers")[-1]["error"]
    nobody = studio.new_profile(user)["id"]
    assert "three picks" in strip(studio, user, nobody)[-1]["error"]
    with pytest.raises(Missing):
        strip(studio, studio.store.put_user("other", "x"), profile)


def test_the_routes_check_who_asks_and_what(client: Any, studio: Any, user: int, key: Any) -> None:
    mine = inky(studio, user, key)
    number = draw(studio, user, mine)
    at = f"/api/v1/profiles/{mine}/made"
    page = client.get(at).json()
    assert [r["id"] for r in page["made"]] == [number]
    picture = client.get(page["made"][0]["results"][0]["media"])
    assert picture.headers["content-type"] == "image/png" and picture.content[:4] == b"\x89PNG"
    reply = client.post(f"/api/v1/profiles/{mine}/strip", json={"prompt": "a cat", "index": 1})
    assert reply.text.count('"type": "sample"') == 5
    for path, status in ((f"{at}?limit=99", 422), (f"{at}?medium=smell", 422),
                         (f"{at}/{number}/personal/77", 422), (f"{at}/{number}/other/1", 422),
                         (f"{at}/999/personal/1", 404)):  # fmt: skip
        assert client.get(path).status_code == status, path
    other = studio.new_profile(studio.store.put_user("other", "x"))["id"]
    assert client.get(f"/api/v1/profiles/{other}/made").status_code == 404
    assert client.delete(f"/api/v1/profiles/{other}/made/{number}").status_code == 404
    assert client.delete(f"{at}/{number}").json() == {"removed": number}
    assert client.delete(f"{at}/{number}").status_code == 404
