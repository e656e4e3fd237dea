"""Memory that ran out, by its many signs. Imports no torch: whoever asks may not have loaded it.

Python raises MemoryError, torch OutOfMemoryError on a GPU of NVIDIA's and a bare RuntimeError on
the CPU and on a Mac, the system an OSError.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

NO_MEMORY = "there is not enough memory for this; close other programs, or ask for less at a time"
# In the words of torch's allocators: the CPU's on Linux, on macOS and Windows, a Mac's GPU, CUDA's.
SIGNS = ("DefaultCPUAllocator", "can't allocate memory", "not enough memory", "out of memory",
         "STATUS_ALLOC_FAILED")  # fmt: skip


def ran_out(wrong: BaseException) -> bool:
    """Whether this error says that memory ran out, here or on a GPU."""
    if isinstance(wrong, OSError):
        return wrong.errno == errno.ENOMEM
    if isinstance(wrong, RuntimeError):
        told = str(wrong)
        return type(wrong).__name__ == "OutOfMemoryError" or any(sign in told for sign in SIGNS)
    return isinstance(wrong, MemoryError)


@contextmanager
def plainly(said: str = NO_MEMORY) -> Iterator[None]:
    """Every sign of it leaves the block as a MemoryError with words for a person: its own, where
    it was a MemoryError that has some.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as wrong:
        if not ran_out(wrong) or (isinstance(wrong, MemoryError) and str(wrong)):
            raise
        raise MemoryError(said) from wrong
