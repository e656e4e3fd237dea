"""What can go wrong with the store, each with the cure in its message."""


class Conflict(ValueError):
    """The write contradicts what is stored: a key used twice, a question answered already."""


class Busy(RuntimeError):
    """Another process holds the data folder."""


class TooNew(RuntimeError):
    """The file was written by a newer version of the program."""


class Damaged(RuntimeError):
    """The file is not intact, or not ours."""


class Unwritable(OSError):
    """A write did not reach the disk: no space, an I/O error, a closed store."""
