"""A reason is a second small event about an answer that stands without it."""

from typing import Any

import pytest


def picked(client: Any, key: Any) -> tuple[int, int]:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    question = client.get(f"/api/v1/profiles/{made}/question?medium=text").json()
    body = {"question_id": question["id"], "outcome": {"picks": [question["items"][0]["id"]]},
            "idempotency_key": key()}  # fmt: skip
    return made, client.post("/api/v1/answers", json=body).json()["seq"]


def test_a_reason_is_given_changed_undone_and_put_back(client: Any, key: Any) -> None:
    made, seq = picked(client, key)
    door = f"/api/v1/profiles/{made}/answers/{seq}/reason"
    body = {"chips": ["shorter"], "idempotency_key": key()}
    assert client.post(door, json=body).json() == {
        "seq": seq, "chips": ["shorter"], "words": "", "duplicate": False}  # fmt: skip
    assert client.post(door, json=body).json()["duplicate"]
    assert client.post(door, json={**body, "chips": ["longer"]}).status_code == 409
    more = {"chips": ["calmer", "shorter"], "words": " it\nbreathes ", "idempotency_key": key()}
    assert client.post(door, json=more).json()["words"] == "it breathes"

    def told() -> Any:
        return client.get(f"/api/v1/profiles/{made}/belief?medium=text").json()["reasons"]

    assert told() == {"of": 1, "words": ["it breathes"], "taps": [
        {"word": "shorter", "times": 1}, {"word": "calmer", "times": 1}]}  # fmt: skip
    step = f"/api/v1/profiles/{made}/"
    client.post(step + "undo", json={"medium": "text", "idempotency_key": key()})
    assert told()["of"] == 0
    client.post(step + "redo", json={"medium": "text", "idempotency_key": key()})
    assert told()["of"] == 1
    lines = client.get(f"/api/v1/profiles/{made}/export?what=answers").text
    assert '"reason": ["shorter", "calmer"], "reason_words": "it breathes"' in lines


@pytest.mark.parametrize(("body", "status"), [
    ({"chips": ["nicer"]}, 422), ({"words": "x" * 201}, 422), ({"chips": "shorter"}, 422),
    ({"chips": ["shorter"], "more": 1}, 422),
])  # fmt: skip
def test_what_is_no_reason_is_refused(client: Any, key: Any, body: Any, status: int) -> None:
    made, seq = picked(client, key)
    door = f"/api/v1/profiles/{made}/answers/"
    sent = {**body, "idempotency_key": key()}
    assert client.post(f"{door}{seq}/reason", json=sent).status_code == status
    fine = {"chips": ["shorter"], "idempotency_key": key()}
    assert client.post(f"{door}99/reason", json=fine).status_code == 404
    assert (
        client.post(f"/api/v1/profiles/{made + 5}/answers/1/reason", json=fine).status_code == 404
    )
