"""The routes of /api/v1: the loop, and a table of requests that must be refused."""

import json
from typing import Any

import pytest

PNG = bytes.fromhex("89504e470d0a1a0a")


def first(client: Any, medium: str = "picture") -> tuple[int, Any]:
    profile = client.post("/api/v1/profiles", json={}).json()["id"]
    return profile, client.get(f"/api/v1/profiles/{profile}/question?medium={medium}").json()


def vote(question: Any, key: str, n: int = 3) -> dict[str, Any]:
    picks = [i["id"] for i in question["items"]][: n if question["kind"] == "grid" else 1]
    return {"question_id": question["id"], "outcome": {"picks": picks}, "idempotency_key": key}


def test_answer_is_stored_once_and_brings_the_next_question(client: Any, key: Any) -> None:
    profile, question = first(client)
    body = vote(question, key())
    one = client.post("/api/v1/answers", json=body).json()
    two = client.post("/api/v1/answers", json=body).json()
    assert (one["seq"], one["duplicate"], two["seq"], two["duplicate"]) == (1, False, 1, True)
    assert one["next"]["id"] == two["next"]["id"] != question["id"]
    assert one["next"]["progress"]["answers"] == 1
    found = client.get(f"/api/v1/profiles/{profile}").json()
    assert found["answers"] == {"picture": 1, "text": 0}


def test_the_same_key_with_another_answer_is_refused(client: Any, key: Any) -> None:
    _, question = first(client)
    body = vote(question, key())
    assert client.post("/api/v1/answers", json=body).status_code == 200
    body["outcome"] = {"picks": [question["items"][4]["id"]]}
    assert client.post("/api/v1/answers", json=body).status_code == 409


def test_a_reload_shows_the_same_question(client: Any) -> None:
    profile, question = first(client)
    again = client.get(f"/api/v1/profiles/{profile}/question?medium=picture").json()
    assert again["id"] == question["id"]


def test_undo_asks_again_and_redo_goes_on(client: Any, key: Any) -> None:
    profile, question = first(client)
    after = client.post("/api/v1/answers", json=vote(question, key())).json()["next"]
    step = {"medium": "picture", "idempotency_key": key()}
    undone = client.post(f"/api/v1/profiles/{profile}/undo", json=step).json()
    assert undone["undone"] == 1 and undone["next"]["id"] == question["id"]
    assert undone["next"]["progress"]["answers"] == 0 and undone["next"]["can_redo"]
    step["idempotency_key"] = key()
    redone = client.post(f"/api/v1/profiles/{profile}/redo", json=step).json()
    assert redone["redone"] == 1 and redone["next"]["id"] == after["id"]


def test_undo_with_nothing_to_undo_says_so(client: Any, key: Any) -> None:
    profile, question = first(client)
    step = {"medium": "picture", "idempotency_key": key()}
    undone = client.post(f"/api/v1/profiles/{profile}/undo", json=step).json()
    assert undone["undone"] is None and undone["next"]["id"] == question["id"]


def test_items_do_not_tell_their_style_before_the_vote(client: Any) -> None:
    _, question = first(client)
    assert all("about" not in item for item in question["items"])


def test_media_is_a_picture_with_our_headers(client: Any) -> None:
    _, question = first(client)
    reply = client.get(question["items"][0]["media"])
    assert reply.headers["content-type"] == "image/webp" and reply.content[:4] == b"RIFF"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_belief_has_doubt_wherever_it_has_a_score(client: Any, key: Any) -> None:
    profile, question = first(client)
    client.post("/api/v1/answers", json=vote(question, key()))
    seen = client.get(f"/api/v1/profiles/{profile}/belief?medium=picture").json()
    assert all(a["low"] <= a["mean"] <= a["high"] for a in seen["axes"])
    every = [*seen["best"], *seen["worst"], *seen["unsure"], *seen["map"]]
    assert every and all(row["std"] > 0 for row in every)


def test_delete_leaves_nothing(client: Any, key: Any) -> None:
    profile, question = first(client)
    client.post("/api/v1/answers", json=vote(question, key()))
    gone = client.delete(f"/api/v1/profiles/{profile}").json()
    assert gone["left"] == 0 and gone["removed"]["answers"] == 1
    assert client.get(f"/api/v1/profiles/{profile}").status_code == 404


def test_a_bundle_comes_back_as_an_equal_profile(client: Any, key: Any) -> None:
    profile, question = first(client)
    client.post("/api/v1/answers", json=vote(question, key()))
    bundle = client.get(f"/api/v1/profiles/{profile}/export?what=bundle").content
    made = client.post("/api/v1/import", content=bundle)
    assert made.status_code == 201 and made.json()["answers"]["picture"] == 1
    for number in (profile, made.json()["id"]):
        text = client.get(f"/api/v1/profiles/{number}/export?what=answers").text
        assert len(text.splitlines()) == 1


BAD_ANSWERS: list[tuple[str, Any]] = [
    ("no body", None),
    ("a list", []),
    ("no outcome", {"question_id": 1, "idempotency_key": "k" * 8}),
    ("empty picks", {"question_id": 1, "outcome": {"picks": []}, "idempotency_key": "k" * 8}),
    ("foreign item", {"question_id": 1, "outcome": {"picks": [10**6]}, "idempotency_key": "k" * 8}),
    ("a word for a grid", {"question_id": 1, "outcome": "both_good", "idempotency_key": "k" * 8}),
    ("unknown word", {"question_id": 1, "outcome": "maybe", "idempotency_key": "k" * 8}),
    ("text id", {"question_id": "1", "outcome": "skip", "idempotency_key": "k" * 8}),
    ("true as id", {"question_id": True, "outcome": "skip", "idempotency_key": "k" * 8}),
    ("huge id", {"question_id": 2**70, "outcome": "skip", "idempotency_key": "k" * 8}),
    ("no key", {"question_id": 1, "outcome": "skip"}),
    ("short key", {"question_id": 1, "outcome": "skip", "idempotency_key": "k"}),
    ("key with markup", {"question_id": 1, "outcome": "skip", "idempotency_key": "<script>xx"}),
    ("strength of 99", {"question_id": 1, "outcome": "skip", "strength": 99,
                        "idempotency_key": "k" * 8}),
    ("negative time", {"question_id": 1, "outcome": "skip", "ms": -1, "idempotency_key": "k" * 8}),
    ("unknown field", {"question_id": 1, "outcome": "skip", "idempotency_key": "k" * 8, "x": 1}),
    ("no such question", {"question_id": 999, "outcome": "skip", "idempotency_key": "k" * 8}),
]  # fmt: skip


@pytest.mark.parametrize("body", [b for _, b in BAD_ANSWERS], ids=[n for n, _ in BAD_ANSWERS])
def test_bad_answers_are_refused_and_nothing_is_written(client: Any, body: Any) -> None:
    profile, _ = first(client)
    reply = client.post("/api/v1/answers", json=body)
    assert 400 <= reply.status_code < 500 and len(reply.json()["error"]) > 10
    assert client.get(f"/api/v1/profiles/{profile}").json()["answers"]["picture"] == 0


HOSTILE: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("foreign host", "GET", "/api/v1/profiles", {"headers": {"host": "evil.example"}}, 403),
    ("foreign origin", "POST", "/api/v1/profiles",
     {"json": {}, "headers": {"origin": "http://evil.example"}}, 403),
    ("null origin", "POST", "/api/v1/profiles", {"json": {}, "headers": {"origin": "null"}}, 403),
    ("cross-site", "POST", "/api/v1/profiles",
     {"json": {}, "headers": {"sec-fetch-site": "cross-site"}}, 403),
    ("text instead of JSON", "POST", "/api/v1/profiles",
     {"content": "name=x", "headers": {"content-type": "text/plain"}}, 422),
    ("broken JSON", "POST", "/api/v1/profiles",
     {"content": "{", "headers": {"content-type": "application/json"}}, 422),
    ("deep JSON", "POST", "/api/v1/profiles",
     {"content": "[" * 5000, "headers": {"content-type": "application/json"}}, 400),
    ("body over 1 MB", "POST", "/api/v1/profiles", {"json": {"name": "x" * (1 << 20)}}, 413),
    ("lying length", "POST", "/api/v1/profiles",
     {"content": b"{}", "headers": {"content-length": "many"}}, 400),
    ("name too long", "POST", "/api/v1/profiles", {"json": {"name": "x" * 81}}, 422),
    ("number as name", "POST", "/api/v1/profiles", {"json": {"name": 5}}, 422),
    ("no such profile", "GET", "/api/v1/profiles/77", {}, 404),
    ("text as profile", "GET", "/api/v1/profiles/../x", {}, 404),
    ("profile beyond 64 bits", "GET", f"/api/v1/profiles/{10**30}", {}, 422),
    ("unknown medium", "GET", "/api/v1/profiles/1/question?medium=smell", {}, 422),
    ("unknown kind", "GET", "/api/v1/profiles/1/question?kind=heap", {}, 422),
    ("media walk", "GET", "/api/v1/media/..%2f..%2fetc%2fpasswd", {}, 404),
    ("media not there", "GET", "/api/v1/media/999999", {}, 404),
    ("static walk", "GET", "/static/..%2fstudio.py", {}, 404),
    ("empty name", "PATCH", "/api/v1/profiles/1", {"json": {"name": " "}}, 422),
    ("colour with style", "PATCH", "/api/v1/profiles/1", {"json": {"colour": "red;x:y"}}, 422),
    ("bundle of noise", "POST", "/api/v1/import", {"content": b"\x00" * 5000}, 422),
    ("bundle of pickle", "POST", "/api/v1/import", {"content": b"\x80\x04\x95"}, 422),
    ("empty bundle", "POST", "/api/v1/import", {"content": b""}, 422),
    ("too many results", "POST", "/api/v1/profiles/1/generate",
     {"json": {"medium": "picture", "prompt": "x", "n": 99}}, 422),
    ("strength over 1", "POST", "/api/v1/profiles/1/generate",
     {"json": {"medium": "picture", "prompt": "x", "strength": 2}}, 422),
    ("empty prompt", "POST", "/api/v1/profiles/1/generate",
     {"json": {"medium": "picture", "prompt": ""}}, 422),
    ("items as text", "POST", "/api/v1/profiles/1/items", {"content": "hello"}, 415),
    ("empty texts", "POST", "/api/v1/profiles/1/items", {"json": {"texts": []}}, 422),
    ("a picture that is none", "POST", "/api/v1/profiles/1/items",
     {"files": [("files", ("x.png", b"MZ not a picture", "image/png"))]}, 422),
    ("an SVG", "POST", "/api/v1/profiles/1/items",
     {"files": [("files", ("x.svg", b"<svg onload=alert(1)/>", "image/svg+xml"))]}, 422),
    ("a torn PNG", "POST", "/api/v1/profiles/1/items",
     {"files": [("files", ("x.png", PNG, "image/png"))]}, 422),
    ("a version that is not there", "POST", "/api/v1/profiles/1/restore",
     {"json": {"version": 5}}, 404),
    ("login without accounts", "POST", "/api/v1/login", {"json": {"name": "a", "password": "b"}},
     409),
    ("Gradio's upload", "POST", "/gradio_api/upload", {"content": b"x"}, 403),
    ("Gradio's queue", "POST", "/gradio_api/queue/join", {"json": {}}, 403),
]  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE, ids=[c[0] for c in HOSTILE])
def test_hostile_requests_are_refused_and_nothing_is_written(client: Any, case: Any) -> None:
    _, method, path, request, status = case
    client.post("/api/v1/profiles", json={"name": "first"})
    before = [json.dumps(p) for p in client.get("/api/v1/profiles").json()["profiles"]]
    reply = client.request(method, path, **request)
    assert reply.status_code == status, reply.text[:300]
    assert len(reply.json()["error"]) > 8 or status == 404
    assert [json.dumps(p) for p in client.get("/api/v1/profiles").json()["profiles"]] == before


def test_a_picture_bomb_is_refused(client: Any) -> None:
    import io

    from PIL import Image

    profile, _ = first(client)
    out = io.BytesIO()
    Image.new("1", (5000, 4000)).save(out, "PNG")
    files = [("files", ("big.png", out.getvalue(), "image/png"))]
    reply = client.post(f"/api/v1/profiles/{profile}/items", files=files)
    assert reply.status_code == 422 and "16 million" in reply.json()["error"]
