"""The checks of `doctor` as a table for people and as JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from framepress.doctor import Check

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def check_table(checks: Sequence[Check]) -> Table:
    """One line per check. The status is a word as well as a colour."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("way out", overflow="fold")
    for check in checks:
        style = _STYLES[check.status]
        table.add_row(check.name, f"[{style}]{check.status}[/]", escape(check.found), escape(check.way_out))
    return table


def json_lines(checks: Sequence[Check]) -> Iterator[str]:
    """One object per check, ``"type": "check"``, and a last one, ``"type": "summary"``; pure ASCII."""
    for check in checks:
        yield json.dumps({"type": "check"} | asdict(check))
    counts = {status: sum(check.status == status for check in checks) for status in _STYLES}
    yield json.dumps({"type": "summary"} | counts)
