"""Tables that name code by string and import nothing until it is chosen."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One line of a table: where the code lives and what a person reads about it.

    `target` is "package.module:Name". `paper` is the source. `traits` says what the method can do
    beyond its base contract (for example "scores": it has `believe`, not only `prob`).
    """

    target: str
    label: str
    paper: str = ""
    traits: frozenset[str] = frozenset()

    def load(self) -> Any:
        """Import the module and return the named object. A real ImportError passes through."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)


class Registry(Mapping[str, Entry]):
    """A read-only table from a short name to an Entry."""

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self._entries) or "none yet"
            raise KeyError(f"no {self.kind} called {name!r}; known: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
