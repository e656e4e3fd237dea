"""Memory that was freed goes back to the system.

A fit reads a whole history into many small things and lets go of them again; glibc keeps the holes
that this leaves, more with every history that got longer, though nothing in Python holds them. And
it keeps them for each thread apart: 4,000 people in waves of 200 left 1,623 MB in eight heaps and
1,542 in one. Votes were not slower: threads that share an interpreter seldom ask at once.
"""

import ctypes
import sys
from typing import Any

M_ARENA_MAX = -8


def one_heap() -> bool:
    """All threads share one heap; call before any starts. False where it cannot be told so."""
    tell = _glibc("mallopt")
    return tell is not None and bool(tell(M_ARENA_MAX, 1))


def give_back() -> None:
    """Hand free pages back: about a millisecond. Nothing where the system has no such call."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Any:
    """A call of the C library; None elsewhere, and in musl, which has neither."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
