"""What a worker keeps of the memory that it frees, and what it gives back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Takes and frees 40 blocks of 1 MB. Prints the anonymous memory, in MB, before, after, and given back.
PROGRAM = """
import ctypes
from framepress.freed_memory import give_back_memory, keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def block(size):
    at = libc.malloc(size)
    ctypes.memset(at, 1, size)
    return at

def anonymous_mb():
    with open("/proc/self/status") as status:
        return int(status.read().split("RssAnon:")[1].split()[0]) // 1024

if KEEP:
    keep_freed_memory()
before = anonymous_mb()
blocks = [block(1 << 20) for _ in range(40)]
for at in blocks:
    libc.free(at)
after = anonymous_mb()
give_back_memory()
print(before, after, anonymous_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what glibc does")
@pytest.mark.parametrize("keep", [False, True])
def test_a_worker_keeps_what_it_frees_until_it_is_to_give_it_back(keep: bool) -> None:
    program = PROGRAM.replace("KEEP", str(keep))
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after, given_back = map(int, output.stdout.split())
    assert (after - before > 30) is keep
    assert given_back - before < 10
