"""Brings GSAP beside the story. Its licence allows use free of charge, but no copy in this repository.

    python examples/story/fetch_gsap.py

Needs npm. Writes `gsap.min.js` into this folder, from the npm package named below.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "gsap@3.13.0"
MEMBER = "package/dist/gsap.min.js"


def main() -> None:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(f"npm is not on the PATH; put dist/gsap.min.js of {PACKAGE} into {Path(__file__).parent}.")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            member = tar.extractfile(MEMBER)
            assert member is not None
            Path(__file__).with_name("gsap.min.js").write_bytes(member.read())
    print(f"gsap.min.js of {PACKAGE}: https://gsap.com/standard-license")


if __name__ == "__main__":
    main()
