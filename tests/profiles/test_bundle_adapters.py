"""Adapters in a bundle: carried as they are, taken in only by someone who checks them."""

import pytest

from profiles import bundle_format
from profiles.bundle import BadBundle, Carried, read_bundle, write_bundle
from profiles.store import Store
from tests.profiles.desk import full_desk
from tests.profiles.test_bundle import everything


def test_adapters_go_along_unread_and_come_in_only_past_a_check(store: Store) -> None:
    full = full_desk(store)
    rows = [Carried("a", "text", "lm", False, b"one"), Carried("b", "text", "lm", True, b"two")]
    data, seen = write_bundle(store, full.profile, rows), []
    with pytest.raises(BadBundle, match="carries adapters"):
        read_bundle(store, full.user, data)
    read_bundle(store, full.user, data, seen.extend)
    assert seen == rows

    def no(_: object) -> None:
        raise BadBundle("no")

    before, told = everything(store), bundle_format.unpack(data)["adapters"]
    for admit, change in (
        (no, {}), (seen.extend, {"adapters": b'{"name": "a"}\n'}),
        (seen.extend, {"adapters": told.replace(b"false", b"true")}),
        (seen.extend, {"adapters": told.replace(b"/1", b"/0")}),
        (seen.extend, {"adapters": b""}),
    ):  # fmt: skip
        parts = bundle_format.unpack(data) | change
        with pytest.raises(BadBundle):
            read_bundle(store, full.user, bundle_format.pack(parts), admit)
    assert everything(store) == before
