"""Who is inside a study: passes by the hash of what a browser holds, and by their address."""

from collections import OrderedDict
from typing import Generic, TypeVar

MOST, FROM_ONE = 10_000, 2_000
Pass = TypeVar("Pass")


class Passes(Generic[Pass]):
    """At most MOST, FROM_ONE of them from one address, which beyond that drops its own oldest: a
    flood from one place takes nobody else's away. Each call costs the same however many there are.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, tuple[str, Pass]] = OrderedDict()
        self._by: dict[str, OrderedDict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, key: bytes, made: Pass, address: str) -> None:
        own = self._by.setdefault(address, OrderedDict())
        own[key] = None
        self._held[key] = (address, made)
        if len(own) > FROM_ONE:
            self.drop(next(iter(own)))
        elif len(self._held) > MOST:
            self.drop(next(iter(self._held)))

    def get(self, key: bytes) -> Pass | None:
        found = self._held.get(key)
        return found[1] if found else None

    def drop(self, key: bytes) -> None:
        found = self._held.pop(key, None)
        if found is None:
            return
        own = self._by[found[0]]
        del own[key]
        if not own:
            del self._by[found[0]]
