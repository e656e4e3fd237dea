"""Login: cookie, wrong passwords, logout, and that two users see nothing of each other."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.accounts import Accounts
from app.lockout import NAME_TRIES
from app.main import build
from app.security import Gate

PAIRS = {"ann": "secret one", "bob": "secret two"}


@pytest.fixture
def gate(studio: Any) -> Any:
    accounts = Accounts(studio.store, PAIRS)
    return Gate(build(studio, accounts), accounts)


@pytest.fixture
def ann(gate: Any) -> Iterator[Any]:
    with TestClient(gate, base_url="http://localhost") as made:
        _login(made, "ann")
        yield made


def _login(client: Any, name: str, password: str | None = None) -> Any:
    body = {"name": name, "password": password or PAIRS[name]}
    return client.post("/api/v1/login", json=body)


def test_every_route_but_the_open_ones_wants_a_login(gate: Any) -> None:
    stranger = TestClient(gate, base_url="http://localhost")
    paths = stranger.get("/api/v1/health").status_code, gate.app.openapi()["paths"]
    assert paths[0] == 200 and len(paths[1]) > 12
    for path, verbs in paths[1].items():
        if path in ("/api/v1/health", "/api/v1/login", "/api/v1/join"):
            continue
        for verb in verbs:
            reply = stranger.request(verb, path.replace("{profile}", "1").replace("{item}", "1"))
            assert reply.status_code == 401, (verb, path)


def test_a_page_view_is_led_to_the_login(gate: Any) -> None:
    stranger = TestClient(gate, base_url="http://localhost", follow_redirects=False)
    reply = stranger.get("/", headers={"accept": "text/html"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/login")


def test_the_cookie_is_closed_to_scripts_and_other_sites(gate: Any) -> None:
    client = TestClient(gate, base_url="http://localhost")
    header = _login(client, "ann").headers["set-cookie"].lower()
    assert "httponly" in header and "samesite=strict" in header


def test_over_https_the_cookie_is_for_https_alone(gate: Any) -> None:
    client = TestClient(gate, base_url="https://localhost")
    header = _login(client, "ann").headers["set-cookie"].lower()
    assert "; secure" in header and "samesite=strict" in header and "max-age=1209600" in header
    plain = TestClient(gate, base_url="http://localhost")
    assert "secure" not in _login(plain, "ann").headers["set-cookie"].lower()


def test_below_a_root_path_the_doors_are_the_same(gate: Any) -> None:
    client = TestClient(
        gate, base_url="http://localhost", root_path="/penchant", follow_redirects=False
    )
    # The server puts the root path before every path.
    page = client.get("/penchant/", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/penchant/login")
    assert client.get("/penchant/api/v1/health").status_code == 200
    assert client.get("/penchant/login").status_code == 200
    assert client.get("/penchant/api/v1/profiles").status_code == 401
    given = {"name": "ann", "password": PAIRS["ann"]}
    header = client.post("/penchant/api/v1/login", json=given).headers["set-cookie"]
    assert "path=/penchant" in header.lower()
    reply = client.get("/penchant/api/v1/profiles")
    assert reply.status_code == 200 and reply.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert client.post("/penchant/gradio_api/queue/join", json={}).status_code == 403


def test_behind_a_proxy_the_names_that_were_given_are_ours_and_no_others(studio: Any) -> None:
    accounts = Accounts(studio.store, PAIRS)
    gate = Gate(build(studio, accounts), accounts, False, ("studio.example",))
    ours = TestClient(gate, base_url="https://studio.example")
    assert _login(ours, "ann").status_code == 200  # Origin and Host agree
    origin = {"origin": "https://studio.example"}
    assert ours.post("/api/v1/profiles", json={}, headers=origin).status_code == 201
    evil = {"origin": "https://evil.example"}
    assert ours.post("/api/v1/profiles", json={}, headers=evil).status_code == 403
    for host in ("evil.example", "studio.example.evil.example", "192.0.2.1"):
        other = TestClient(gate, base_url=f"https://{host}")
        reply = other.get("/api/v1/health")
        assert reply.status_code == 403 and "--host-name" in reply.json()["error"]


def test_two_users_see_nothing_of_each_other(gate: Any, ann: Any) -> None:
    profile = ann.post("/api/v1/profiles", json={"name": "A"}).json()["id"]
    bob = TestClient(gate, base_url="http://localhost")
    _login(bob, "bob")
    assert bob.get("/api/v1/profiles").json() == {"profiles": []}
    for verb, path in (
        ("GET", ""), ("DELETE", ""), ("GET", "/question"), ("GET", "/belief"), ("GET", "/export"),
        ("GET", "/events"), ("GET", "/checks"), ("GET", "/why/1"),
    ):  # fmt: skip
        assert bob.request(verb, f"/api/v1/profiles/{profile}{path}").status_code == 404
    assert ann.get(f"/api/v1/profiles/{profile}").status_code == 200


def test_logout_ends_the_session_for_good(ann: Any) -> None:
    token = ann.cookies["penchant_session"]
    assert ann.post("/api/v1/logout").status_code == 200
    ann.cookies.set("penchant_session", token)
    assert ann.get("/api/v1/profiles").status_code == 401


def test_wrong_passwords_are_slowed_down(gate: Any) -> None:
    client = TestClient(gate, base_url="http://localhost")
    for _ in range(NAME_TRIES):
        assert "wrong" in _login(client, "ann", "guess").json()["error"]
    reply = _login(client, "ann")
    assert reply.status_code == 429 and "too many tries" in reply.json()["error"]
    assert 25 <= int(reply.headers["retry-after"]) <= 30


def test_passwords_are_hashed_by_argon2id(studio: Any, gate: Any) -> None:
    stored = studio.store.user("ann").password_hash
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_only_a_hash_of_the_token_is_stored(studio: Any, ann: Any) -> None:
    token = ann.cookies["penchant_session"].encode()
    for file in studio.store.folder.rglob("penchant.db*"):
        assert token not in file.read_bytes()
