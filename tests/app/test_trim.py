"""What the C library is told about memory."""

import subprocess
import sys

import pytest

HEAPS = """
import ctypes, sys, threading
from app.trim import give_back, one_heap
told = one_heap() if {one} else None
kept = []
ready = threading.Barrier(5)
def work():
    ready.wait()
    kept.extend(bytearray(20_000) for _ in range(50))
    ready.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
ready.wait()
ready.wait()
give_back()
c = ctypes.CDLL(None)
stdout = ctypes.c_void_p.in_dll(c, "stdout")
c.malloc_info(0, stdout)
c.fflush(None)
print("told", told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_threads_share_one_heap_once_told() -> None:
    def heaps(one: bool) -> tuple[int, str]:
        words = [sys.executable, "-c", HEAPS.format(one=one)]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return told.count("<heap nr="), told.splitlines()[-1]

    assert heaps(True) == (1, "told True")
    assert heaps(False)[0] > 1
