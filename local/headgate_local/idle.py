"""How the local cloud rests: when it counts as idle, and what it lets go of that costs nothing to take up again."""

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

IDLE_SECONDS = 300.0
MADV_DONTNEED = 4


def idle_seconds() -> float:
    """After how many seconds without work what was kept warm is ended; HEADGATE_IDLE_SECONDS sets another number."""
    return float(os.environ.get("HEADGATE_IDLE_SECONDS", IDLE_SECONDS))


def release_file_pages() -> None:
    """Unmap the pages of programs and libraries that this process has read; the kernel keeps them in its cache.

    They come back one by one, without the disk, when they are touched again. A fork costs the same as before, for it
    inherits no such pages. Only pages that are the file's own are let go of: none that was ever written to, which a
    library's relocated tables are although they cannot be written any more. Linux only; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in list(_unwritten()):
        libc.madvise(start, end - start, MADV_DONTNEED)


def _unwritten() -> Iterator[tuple[int, int]]:
    """The address ranges of this process that map a file, cannot be written and hold no page of the process's own."""
    start = end = 0
    candidate = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):  # a range and its permissions, offset, device, inode and path
            start, end = (int(address, 16) for address in fields[0].split("-"))
            candidate = "w" not in fields[1] and len(fields) > 5 and fields[5].startswith("/")
        elif fields[0] == "Anonymous:" and candidate and fields[1] == "0":
            yield start, end
