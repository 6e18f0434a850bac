"""Copies of files that share their blocks where the file system can, and never their inode.

A hard link would make two names of one file: whoever changes one changes the other. A reflink (btrfs, XFS,
bcachefs, overlays on these) is a copy that costs nothing until one of the two is written to.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import BinaryIO

#: ioctl number of FICLONE. Source: linux/fs.h, _IOW(0x94, 9, int).
_FICLONE = 0x40049409

#: Bytes copied at a time.
CHUNK_BYTES = 1 << 20

#: How a kernel or file system says that it has no shortcut for these two files.
_NO_SHORTCUT = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.EBADF,
     errno.ETXTBSY, errno.EISDIR, errno.EOVERFLOW}
)  # fmt: skip


def copy_file(source: BinaryIO, target: BinaryIO) -> None:
    """Copy all of `source` into the empty file `target`, written front to back; a reflink where possible.

    Both are real files, at their beginning; nothing was written to `target`.

    Raises:
        OSError: as the file system says, such as a full disk.
    """
    if _reflinked(source.fileno(), target.fileno()):
        return
    if not _copied_in_kernel(source.fileno(), target.fileno()):
        while chunk := source.read(CHUNK_BYTES):
            target.write(chunk)


def _reflinked(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as exc:
        if exc.errno not in _NO_SHORTCUT:
            raise
        return False
    return True


def _copied_in_kernel(source: int, target: int) -> bool:
    """Copy without passing the bytes through this process; False: nothing was copied."""
    if not hasattr(os, "copy_file_range"):
        return False
    copied = 0
    size = os.fstat(source).st_size
    while copied < size:
        try:
            count = os.copy_file_range(source, target, size - copied)
        except OSError as exc:
            if copied or exc.errno not in _NO_SHORTCUT:
                raise
            return False
        if count == 0:
            # Some file systems answer 0 at once instead of refusing (source: man 2 copy_file_range, BUGS).
            if copied:
                raise OSError(errno.EIO, "the file became shorter while it was copied")
            return False
        copied += count
    return True
