"""Memory that ran out is known by every sign of it, and told in words."""

import errno
from typing import Any

import numpy as np
import pytest
import torch

from engine.memory import NO_MEMORY, plainly, ran_out

HUGE = 1 << 50


def caught(act: Any) -> BaseException:
    with pytest.raises((MemoryError, RuntimeError, OSError)) as found:
        act()
    return found.value


def test_torch_on_the_cpu_and_numpy_say_it_each_in_their_own_way() -> None:
    """Both really fail: a petabyte is not there."""
    by_torch = caught(lambda: torch.empty(HUGE, dtype=torch.uint8))
    assert not isinstance(by_torch, MemoryError), "else this module is not needed"
    assert ran_out(by_torch)
    assert ran_out(caught(lambda: np.empty(HUGE * 1024, np.uint8)))


@pytest.mark.parametrize(
    "wrong",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.97 GB)"),
        RuntimeError("[enforce fail] not enough memory: you tried to allocate 8589934592 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_other_signs(wrong: BaseException) -> None:
    assert ran_out(wrong)
    with pytest.raises(MemoryError) as told, plainly():
        raise wrong
    assert str(told.value) == NO_MEMORY


@pytest.mark.parametrize(
    "wrong",
    [
        RuntimeError("mat1 and mat2 must have the same dtype"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("not enough memory"),
    ],
)
def test_what_is_something_else_stays_what_it_is(wrong: Exception) -> None:
    assert not ran_out(wrong)
    with pytest.raises(type(wrong)) as told, plainly():
        raise wrong
    assert told.value is wrong


def test_words_that_are_there_stay() -> None:
    with pytest.raises(MemoryError, match="smaller size"), plainly():
        raise MemoryError("ask for a smaller size")
