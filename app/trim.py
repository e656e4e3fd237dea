"""Memory that was freed goes back to the system.

A fit reads a whole history into many small things and lets go of them again; glibc keeps the holes
that this leaves, more with every history that got longer, though nothing in Python holds them.
"""

import ctypes
import sys


def give_back() -> None:
    """Hand free pages back: about a millisecond. Nothing where the system has no such call."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
