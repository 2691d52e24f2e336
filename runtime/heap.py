"""What a long-running process does about its memory once it has loaded what it needs."""

import ctypes
import gc
from contextlib import suppress

# Of glibc's <malloc.h>.
_M_ARENA_MAX = -8


def keep_one() -> None:
    """Have the C library's threads share one heap; where it isn't glibc, it does as it likes.

    Each new thread may get a heap of its own, and what one frees another can't use: a worker would grow for hours.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def keep_loaded() -> None:
    """Leave what is loaded by now out of every collection of garbage: it stays, and needs no second look.

    It then no longer decides how much garbage may pile up before the next full one, a quarter of what lives; the
    second collection is what makes Python count anew.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
