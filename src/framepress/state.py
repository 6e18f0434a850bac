"""Where a user's own records of runs lie when the out folder is a bucket: ``$XDG_STATE_HOME/framepress``.

Source: XDG Base Directory Specification, 0.8; the default is ``~/.local/state``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from framepress.errors import StorageFault


def state_folder(environ: Mapping[str, str]) -> Path:
    """The folder, made if need be, readable by the user alone.

    Raises:
        StorageFault: it cannot be made.
    """
    base = environ.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored, says the specification.
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or "/") / ".local" / "state"
    folder = root / "framepress"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise StorageFault(
            f"{folder} cannot be made: {exc.strerror}. Set XDG_STATE_HOME to a folder that can be written.",
            rule="not-writable",
        ) from exc
    return folder
