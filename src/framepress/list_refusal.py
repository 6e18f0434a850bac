"""Lists that are refused as a whole, once their rows are bound and before anything is rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from framepress.errors import InputError
from framepress.ledger import Ledger
from framepress.ledger_rows import FORMAT_STRIDE

#: Findings told in the message when bad rows stop a run; the rest are counted.
FINDINGS_TOLD_MAX = 20


def refuse_conflicts(ledger: Ledger, list_name: str) -> None:
    """Refuse rows that would write different clips into one file.

    Args:
        list_name: what messages call the list.

    Raises:
        InputError: there are such rows.
    """
    conflicts = ledger.conflicts()
    if conflicts:
        out, numbers = conflicts[0]
        rows = ", ".join(dict.fromkeys(str(number % FORMAT_STRIDE) for number in numbers))
        more = f" {len(conflicts) - 1} more names are shared so." if len(conflicts) > 1 else ""
        raise InputError(
            f'{list_name}: rows {rows} would all write "{out}", but they ask for different '
            f'clips.{more} Give each row its own "out", or name files with --out-name "{{@row}}.mp4".',
            rule="out-conflict",
        )


def refuse_bad_rows(ledger: Ledger, counts: Mapping[str, int]) -> None:
    """Refuse a list some of whose rows were rejected; the message has the first findings.

    Args:
        counts: of the ledger.

    Raises:
        InputError: always.
    """
    told: dict[str, None] = {}
    repeated = 0
    rules: Counter[str] = Counter()
    for row in ledger.iter_rows({"rejected"}):
        error = row.error or {}
        rules[str(error.get("rule", ""))] += 1
        text = f"  {error.get('message', '')}"
        if ledger.formats and text in told:
            repeated += 1  # the same row in another format
        elif len(told) < FINDINGS_TOLD_MAX:
            told[text] = None
    left = counts["rejected"] - len(told) - repeated
    more = f"\n  and {left} more" if left > 0 else ""
    what = "clips" if ledger.formats else "rows"
    raise InputError(
        f"{counts['rejected']} of {sum(counts.values())} {what} cannot be rendered; nothing was rendered.\n"
        + "\n".join(told)
        + more
        + "\nMend them, or go on without them: --bad-rows skip.",
        rule=rules.most_common(1)[0][0],
    )
