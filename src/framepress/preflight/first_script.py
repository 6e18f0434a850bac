"""A script of ours put before everything else in a document that is not loaded by a navigation of ours."""

from __future__ import annotations

from framepress.html_parts import Kind
from framepress.html_scan import scan


def with_script(html: str, script: str) -> str:
    """A document whose first script is this one.

    It stands at the beginning of the head, or else behind the document type, which must stay in front.
    """
    return FirstScript(script).put_into(html)


class FirstScript:
    """Puts one script into many documents that begin alike; where it goes is looked up once per beginning.

    Attributes:
        script: the script. element: as HTML.
    """

    def __init__(self, script: str) -> None:
        assert "</script" not in script.lower() and "<!--" not in script
        self.script = script
        self.element = f"<script>{script}</script>"
        self._beginning = ""

    def place(self, html: str) -> int:
        """Where in a document the script goes."""
        if not self._beginning or not html.startswith(self._beginning):
            self._beginning = html[: _place(html)]
        return len(self._beginning)

    def put_into(self, html: str) -> str:
        """See `with_script`."""
        at = self.place(html)
        return f"{html[:at]}{self.element}{html[at:]}"


def _place(html: str) -> int:
    page = scan(html)
    head = next((tag.end for tag in page.tags if tag.name == "head"), None)
    if head is None:
        head = next((region.end for region in page.regions if region.kind is Kind.DOCTYPE), 0)
    return head
