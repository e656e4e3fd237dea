"""The short way of a vote answers as the route does, byte for byte where it counts."""

import json
from typing import Any

import pytest

from app.lane import PATH

ODD = {
    "not JSON": b"{",
    "no object": b"[1]",
    "a field too much": b'{"question_id": 1, "outcome": "skip", "idempotency_key": "k2345678", "x": 1}',  # noqa: E501
    "a short key": b'{"question_id": 1, "outcome": "skip", "idempotency_key": "k"}',
    "no such question": b'{"question_id": 77, "outcome": "skip", "idempotency_key": "k2345678"}',
    "empty": b"",
}


@pytest.mark.parametrize("body", ODD.values(), ids=list(ODD))
def test_what_is_odd_is_refused_as_the_route_refuses_it(client: Any, body: bytes) -> None:
    head = {"content-type": "application/json"}
    here = client.post(PATH, content=body, headers=head)
    # Another spelling of the type goes past the lane to the route itself.
    there = client.post(PATH, content=body, headers={"content-type": "Application/json"})
    assert here.status_code == there.status_code
    assert 400 <= here.status_code < 500
    assert here.json() == there.json()
    assert here.json()["error"]


def test_a_body_that_nests_too_deeply_ends_at_the_door(client: Any) -> None:
    body = b'{"question_id": 1, "outcome": ' + b"[" * 9000 + b"]" * 9000 + b"}"
    reply = client.post(PATH, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 422
    assert "nests deeper" in reply.json()["error"]


def test_what_the_door_did_not_look_at_as_json_is_not_read_here(client: Any) -> None:
    head = {"content-type": "application/jsonx"}
    reply = client.post(PATH, content=ODD["no such question"], headers=head)
    assert reply.status_code == 422, "404 comes of reading it"
    assert "valid dictionary" in reply.json()["error"]


def test_a_vote_and_its_repeat_have_one_shape_on_both_ways(client: Any, key: Any) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    asked = client.get(f"/api/v1/profiles/{made}/question").json()
    body = {"question_id": asked["id"], "outcome": {"picks": [asked["items"][0]["id"]]},
            "idempotency_key": key()}  # fmt: skip
    first = client.post(PATH, json=body)
    again = client.post(
        PATH, content=json.dumps(body), headers={"content-type": "Application/json"}
    )
    assert first.status_code == again.status_code == 200
    assert first.headers["content-type"] == "application/json"
    assert first.headers["x-frame-options"] == "DENY"
    one, two = first.json(), again.json()
    assert (one.pop("duplicate"), two.pop("duplicate")) == (False, True)
    assert one["seq"] == two["seq"]
    assert one["next"]["id"] == two["next"]["id"]


def test_a_repeat_after_a_restart_brings_the_question_that_the_answer_brought(
    client: Any, studio: Any, key: Any
) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    asked = client.get(f"/api/v1/profiles/{made}/question").json()
    studio.ahead.settle()
    body = {"question_id": asked["id"], "outcome": {"picks": [asked["items"][0]["id"]]},
            "idempotency_key": key()}  # fmt: skip
    first = client.post(PATH, json=body).json()
    studio.ahead.settle()
    studio.minds.forget(made)  # nothing of it is in memory, as after a restart
    again = client.post(PATH, json=body).json()
    assert again["duplicate"] and again["next"]["id"] == first["next"]["id"]


def test_the_next_question_is_on_the_disk_with_the_answer(
    client: Any, studio: Any, key: Any
) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    asked = client.get(f"/api/v1/profiles/{made}/question").json()
    studio.ahead.settle()
    before = studio.store.commits
    body = {"question_id": asked["id"], "outcome": {"picks": [asked["items"][0]["id"]]},
            "idempotency_key": key()}  # fmt: skip
    reply = client.post(PATH, json=body).json()
    assert studio.store.commits == before + 1, "one wait for the disk, for both"
    assert studio.store.question(reply["next"]["id"]).profile == made
