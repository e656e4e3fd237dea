"""Every limit, one below, at and above; bodies that are too large, too deep, too slow."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from app import bodies, flags_people
from app.api import TEXT, TextsIn
from app.bodies import BODY, DEEPEST, UPLOADS, Refused, guarded
from app.limits import ALONE, LIMITS, NAMES, Limits, Rules
from app.wire import Bad, Full


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("what", ["comparisons", "acts"])
def test_a_minute_holds_so_many_and_no_more(what: str) -> None:
    clock, most = Clock(), getattr(LIMITS, what)
    rules = Rules(LIMITS, clock)
    for _ in range(most - 1):
        rules.spend(1, what)
        clock.now += 0.1
    rules.spend(1, what)
    with pytest.raises(Full, match=f"more than {most} ") as full:
        rules.spend(1, what)
    rules.spend(2, what)  # somebody else is not kept waiting
    clock.now += full.value.seconds - 1
    with pytest.raises(Full):
        rules.spend(1, what)
    clock.now += 1
    rules.spend(1, what)


@pytest.mark.parametrize("what", ["requests", "streams"])
def test_so_much_at_once_and_no_more(what: str) -> None:
    rules, most = Rules(LIMITS), getattr(LIMITS, what)
    for _ in range(most):
        rules.enter(1, what)
    with pytest.raises(Full, match=str(most)):
        rules.enter(1, what)
    rules.enter(2, what)
    rules.leave(1, what)
    rules.enter(1, what)


def test_the_queue_of_making_is_bounded_for_one_and_for_all() -> None:
    rules, most = Rules(LIMITS), 64
    for user in range(16):
        for _ in range(LIMITS.making):
            rules.making(user, most)
        if user < 15:
            with pytest.raises(Full, match="of yours"):
                rules.making(user, most)
    with pytest.raises(Full, match="64 things"):
        rules.making(99, most)
    rules.made(3)
    rules.making(99, most)
    with pytest.raises(Full, match="64 things"):
        rules.making(3, most)


@pytest.mark.parametrize("what", ["profiles", "items"])
def test_so_many_things_and_no_more(what: str) -> None:
    rules, most = Rules(LIMITS), getattr(LIMITS, what)
    rules.room(1, what, most - 1, "things")
    for there in (most, most + 1):
        with pytest.raises(Bad, match=f"{most} is the most"):
            rules.room(1, what, there, "things")


def test_limits_are_lifted_by_nought_and_set_for_one_person() -> None:
    rules = Rules(Limits(comparisons=0, requests=0, profiles=0, making=0))
    for _ in range(500):
        rules.spend(1, "comparisons")
        rules.enter(1, "requests")
    rules.room(1, "profiles", 10**6, "profiles")
    rules = Rules(LIMITS)
    rules.set(1, {"comparisons": 1})
    rules.spend(1, "comparisons")
    with pytest.raises(Full):
        rules.spend(1, "comparisons")
    rules.spend(2, "comparisons")
    assert rules.told(1) == {**rules.told(2), "comparisons": 1}
    for wrong in ({"queue": 1}, {"wings": 2}, {"acts": -1}):
        with pytest.raises(Bad):
            rules.set(1, wrong)


def test_the_flag_knows_every_limit_and_nothing_else() -> None:
    assert flags_people.LIMITS == NAMES
    assert flags_people.parsed("comparisons=0, making=8") == {"comparisons": 0, "making": 8}
    for wrong in ("wings=1", "acts", "acts=-1", "acts=1e3", "acts=9999999999"):
        with pytest.raises(flags_people.Wrong, match="NAME=NUMBER"):
            flags_people.parsed(wrong)
    assert all(getattr(ALONE, n) == 0 or getattr(ALONE, n) >= getattr(LIMITS, n) for n in NAMES)


@pytest.mark.parametrize("letter", ["x", "ä", "😀"])
def test_a_text_has_eight_kilobytes_in_every_alphabet(letter: str) -> None:
    size = len(letter.encode())
    for more, good in ((-size, True), (0, True), (size, False)):
        text = letter * ((TEXT + more) // size)
        if good:
            TextsIn.model_validate({"texts": [text]})
        else:
            with pytest.raises(ValueError, match="8192 bytes"):
                TextsIn.model_validate({"texts": [text]})


def test_a_like_counts_among_the_answers_of_a_minute(client: Any, studio: Any) -> None:
    studio.rules.standard = Limits(comparisons=1)
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    like = {"generation": 1, "side": "plain", "index": 0, "liked": True,
            "idempotency_key": "k2345678"}  # fmt: skip
    told = [client.post(f"/api/v1/profiles/{made}/like", json=like) for _ in range(2)]
    assert [t.status_code for t in told] == [404, 429]
    assert int(told[1].headers["retry-after"]) > 1


# bodies


def read(
    body: list[bytes], path: str = "/api/v1/answers", kind: str = "application/json", **more: Any
) -> Any:
    """The body as the door lets it through."""

    async def all_of_it() -> bytes:
        pieces = iter(body)

        async def receive() -> Any:
            if more.get("slow"):
                await asyncio.sleep(more["slow"])
            piece = next(pieces, None)
            if piece is None:
                await asyncio.sleep(3600)
            left = len(body) - 1 - body.index(piece) if len(set(body)) == len(body) else 1
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        headers = {"content-type": kind, **more.get("headers", {})}
        inner = guarded({"path": path}, headers, receive)
        whole, going = b"", True
        while going:
            message = await inner()
            whole, going = whole + message["body"], message["more_body"]
        return whole

    return asyncio.run(all_of_it())


def nested(deep: int, make: Callable[[Any], Any]) -> bytes:
    value: Any = 1
    for _ in range(deep):
        value = make(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize("make", [lambda v: [v], lambda v: {"a": v}, lambda v: {'a"[': [v]}])
def test_json_nests_as_deep_as_allowed_and_no_deeper(make: Callable[[Any], Any]) -> None:
    step = 2 if make(1) == {'a"[': [1]} else 1
    for deep, good in ((DEEPEST - step, True), (DEEPEST, True), (DEEPEST + step, False)):
        body = nested(deep // step, make)
        if good:
            assert read([body]) == body
        else:
            with pytest.raises(Refused, match="deeper than 32") as refused:
                read([body[:9], body[9:]])
            assert refused.value.status == 422


def test_brackets_inside_words_are_not_depth() -> None:
    body = json.dumps({"text": '[{"' * 200 + '\\"' * 50, "more": ["[" * 40]}).encode()
    assert read([body]) == body
    with pytest.raises(Refused):
        read([b"[" * 100_000])


@pytest.mark.parametrize("path, kind, most", [
    ("/api/v1/answers", "application/json", BODY),
    ("/api/v1/profiles/1/items", "application/json", BODY),
    ("/api/v1/profiles/1/items", "multipart/form-data; boundary=x", UPLOADS["/items"]),
    ("/api/v1/import", "application/octet-stream", UPLOADS["/import"]),
])  # fmt: skip
def test_a_body_is_as_large_as_its_door(path: str, kind: str, most: int) -> None:
    for length in (most - 1, most):
        guarded({"path": path}, {"content-length": str(length), "content-type": kind}, None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="larger than") as refused:
        guarded({"path": path}, {"content-length": str(most + 1), "content-type": kind}, None)  # type: ignore[arg-type]
    assert refused.value.status == 413
    for wrong in ("-1", "1e9", "", "²"):
        with pytest.raises(Refused) as refused:
            guarded({"path": path}, {"content-length": wrong}, None)  # type: ignore[arg-type]
        assert refused.value.status == 400


def test_a_body_whose_length_is_not_told_is_counted() -> None:
    with pytest.raises(Refused, match="larger than 1 MB"):
        read([b"x" * 600_000, b"y" * 600_000])


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PIECE", 0.05)
    with pytest.raises(Refused, match="too slowly") as refused:
        read([b"{", b"}"], slow=0.2)
    assert refused.value.status == 408
    monkeypatch.setattr(bodies, "PIECE", 5.0)
    monkeypatch.setattr(bodies, "WHOLE", 0.1)
    with pytest.raises(Refused, match="too slowly"):
        read([bytes([k]) for k in range(60)], slow=0.02)
