"""A sample of the fuzz of every route; the long run is bench hostile."""

import json

import pytest

from tests.hostile.routes import fuzz, hostile_bodies
from tests.hostile.world import JSON, World

# Ten times what the slowest takes on a quiet core; bench hostile has the figure.
SECONDS = 10.0


def test_requests_out_of_the_document_break_nothing(crowded: World) -> None:
    made = fuzz(crowded, 2, seed=1)
    assert made.crashes == [] and made.executions > 150
    assert made.slowest[0] < SECONDS, made.slowest
    assert {200, 404, 422} <= set(made.statuses), "right and wrong ones, and things not there"


def test_bodies_that_no_document_describes_break_nothing(crowded: World) -> None:
    made = hostile_bodies(crowded, every=23)
    assert made.crashes == [] and made.executions > 500
    assert made.slowest[0] < SECONDS, made.slowest


@pytest.mark.parametrize("deep", [b"[" * 10_000, b'{"texts":' * 10_000 + b"1" + b"}" * 10_000])
def test_own_passages_nested_ten_thousand_deep_are_refused_in_words(
    crowded: World, deep: bytes
) -> None:
    path = f"/api/v1/profiles/{crowded.known['profile'][0]}/items"
    made = crowded.send("POST", path, deep, JSON)
    assert not made.broke and made.status == 422 and "deep" in made.error


@pytest.mark.parametrize("path", ["import", "profiles/1/items", "profiles/1/adapters/import"])
@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_a_body_read_by_hand_that_is_too_large_or_too_deep_is_answered_once(
    crowded: World, path: str, kind: str
) -> None:
    large, deep = [b" " * (1 << 20)] * 65, [b"[" * 70_000, b"]" * 70_000]
    for body in (large, deep):
        made = crowded.send("POST", f"/api/v1/{path}", body, {"content-type": kind})
        assert not made.broke and 400 <= made.status < 500 and made.error, (path, made)


def test_seventy_thousand_names_are_not_complained_of_one_by_one(crowded: World) -> None:
    body = json.dumps({f"k{i}": 0 for i in range(70_000)}).encode()
    made = crowded.send("POST", "/api/v1/answers", body, JSON)
    assert 400 <= made.status < 500 and made.error
    assert len(made.body) < 400 and b"k0" not in made.body
    texts = {"texts": ["a: b, " * 1000] * 20}
    profile = crowded.studio.new_profile(crowded.user)["id"]
    made = crowded.json("POST", f"profiles/{profile}/items", texts)
    assert made.status == 201, "colons in a text are no names"


def test_what_is_wrong_with_own_passages_is_said_in_a_line(crowded: World) -> None:
    path = f"/api/v1/profiles/{crowded.known['profile'][0]}/items"
    for body in ({"texts": ["\ud800"]}, {"texts": [7]}, {"texts": ["x"], "code": 1}):
        made = crowded.send("POST", path, json.dumps(body).encode(), JSON)
        assert made.status == 422 and len(made.error) < 200 and "\n" not in made.error
