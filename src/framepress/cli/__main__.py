"""`python -m framepress.cli`."""

from __future__ import annotations

from framepress.cli import main

if __name__ == "__main__":
    main()
