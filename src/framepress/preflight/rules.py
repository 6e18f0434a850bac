"""Findings, and the table of rules with their severities.

A finding never holds a value of a row; whoever may see values looks them up by row and field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from framepress.rects import Rect

Severity = Literal["error", "warning", "note"]

#: From what must be seen to first.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for.

    Attributes:
        title: for a heading, in plain words.
        severity: `error` where a clip is certainly not what was meant, `warning` where a person should look,
            `note` where that is good to know.
        cure: what to do about it.
    """

    title: str
    severity: Severity
    cure: str


#: Stable name -> rule. Programs match on the names.
RULES: dict[str, Rule] = {
    # ---- layout -----------------------------------------------------------------------------------
    "text-cut": Rule("text is cut off", "error", "give the box more room, or the text data-fit"),
    "text-ellipsis": Rule("text ends in an ellipsis", "warning", "shorten the value, or make room"),
    "out-of-frame": Rule("text runs out of the picture", "error", "give the text a width, or data-fit"),
    "out-of-safe-area": Rule(
        "text leaves the safe area", "warning", "keep text 5 % away from the edges; players cover them"
    ),
    "more-lines": Rule(
        "text needs more lines than there is room for", "warning", "make room for another line, or data-fit"
    ),
    "text-overlap": Rule("text lies over other text", "error", "give both of them room of their own"),
    "glyph-missing": Rule(
        "a character is in no font", "error", "put a font that has it into the composition's fonts/"
    ),
    "glyph-fallback": Rule(
        "a character is drawn in another font", "warning", "add a font for that script to the composition"
    ),
    "contrast-low": Rule("text is hard to read: contrast under 3:1", "warning", "change one of the colours"),
    "image-missing": Rule("a picture is missing", "error", "put the file where the list says it is"),
    "image-broken": Rule("a picture file is damaged", "error", "replace the file"),
    "image-upscaled": Rule("a picture is blown up more than 1.5 times", "warning", "use a larger picture"),
    "image-cropped": Rule(
        "more than half of a picture is cropped away", "warning", "use a picture of the box's proportions"
    ),
    # ---- values -----------------------------------------------------------------------------------
    "value-blank": Rule("the value is only blanks", "error", "clear the cell, or fill it in"),
    "value-placeholder": Rule("a placeholder was left in", "error", "fill in what it stands for"),
    "value-null": Rule("the value is a program's word for nothing", "error", "clear the cell"),
    "value-null-name": Rule(
        "the value could be a program's word for nothing", "warning", "check it: there are people called Null"
    ),
    "value-test": Rule("the value looks like a test", "warning", "leave the row out, or correct it"),
    "value-spaces": Rule("there are stray or doubled blanks", "warning", "trim the value"),
    "value-case": Rule("a name is all capitals or all lower case", "warning", "write it as its bearer does"),
    "value-mojibake": Rule("text was read in the wrong encoding", "error", "export the list as UTF-8"),
    "value-entity": Rule("HTML stands in the value", "error", "write the character itself"),
    "value-control": Rule("there are invisible control characters", "warning", "remove them"),
    "value-outlier": Rule("a number is far from all others", "warning", "check it"),
    "value-long": Rule("a text is far longer than all others", "warning", "check it"),
    "value-date": Rule("a date is impossible or not meant", "error", "correct the date"),
    "row-duplicate": Rule("the row repeats an earlier one", "warning", "leave it out"),
    # ---- the table and the template ---------------------------------------------------------------
    "no-effect": Rule("a column changes nothing that is seen", "warning", "remove it, or use its variable"),
    "column-unused": Rule("no variable uses this column", "note", "nothing: it goes into the results"),
    "row-refused": Rule("the row breaks a rule of the composition", "error", "correct the value"),
    "row-broken": Rule("the page fails with this row", "error", "see the message"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may be.

    Attributes:
        rule: a name of `RULES`.
        severity: of the rule, unless the case is milder.
        row: number of the row, from 1; None: the template or the whole table.
        field: the variable or column; None: not known.
        detail: what was found, without values.
        time_s: when it is seen, seconds; None: always.
        box: where, in pixels of the composition; None: nowhere in particular.
        element: what the author calls the element.
    """

    rule: str
    severity: Severity
    row: int | None
    field: str | None
    detail: str
    time_s: float | None = None
    box: Rect | None = None
    element: str = ""

    @property
    def kind(self) -> str:
        """What it is grouped by: the rule, and the field where there is one."""
        return f"{self.rule}:{self.field}" if self.field else self.rule


def finding(
    rule: str,
    detail: str,
    *,
    row: int | None = None,
    field: str | None = None,
    severity: Severity | None = None,
    time_s: float | None = None,
    box: Rect | None = None,
    element: str = "",
) -> Finding:
    """A finding with the severity of its rule, or a milder one."""
    return Finding(rule, severity or RULES[rule].severity, row, field, detail, time_s, box, element)


@dataclass(frozen=True, slots=True)
class RowReport:
    """What the layout of one row gave.

    Attributes:
        findings: in the order in which they are seen.
        widths: variable -> CSS pixels that its text takes on one line at the default's size.
        failed: the page could not be laid out at all.
    """

    row: int
    findings: tuple[Finding, ...] = ()
    widths: dict[str, float] = field(default_factory=dict)
    failed: bool = False


def worst(findings: list[Finding] | tuple[Finding, ...]) -> Severity | None:
    """The severity of the worst of them; None: there are none."""
    found = {one.severity for one in findings}
    return next((severity for severity in SEVERITIES if severity in found), None)
