"""Stored XSS: a sample of the payloads in every text, every page looked at in one visit.

All of them are in bench hostile.
"""

from typing import Any

from tests.hostile.pages import payloads, plant, running, seen_to_work, visit
from tests.hostile.world import World


def test_there_are_two_hundred_payloads() -> None:
    every = payloads()
    assert len(set(every)) == len(every) >= 200
    assert all(len(p) <= 200 for p in every)


def test_no_text_becomes_a_part_of_a_page(crowded: World, browser: Any) -> None:
    texts = payloads()[::9][:25]
    profile = plant(crowded, texts)
    with running(crowded) as address:
        watch = visit(browser, address, profile, texts)
        control = seen_to_work(browser, address)
    assert watch.wrong() == {}
    assert len(watch.shown) >= 20, "the texts were there to be seen"
    assert control.keys() >= {"dialogs", "foreign", "elements"}, "or nothing was proved"
