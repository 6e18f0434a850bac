"""Whether Chromium's compositor gives parts of a page layers of their own.

A page is drawn into one layer. What CSS animates, `will-change`, canvases and whatever is painted over them
are drawn into layers of their own, which the compositor moves, enlarges and blends; how it smooths their
edges depends on what is in the view and on the frame before. In a page with one layer nothing does.
"""

from __future__ import annotations

from typing import Any

from framepress.page import Page

_EVENT = "LayerTree.layerTreeDidChange"


class CompositorLayers:
    """Follows the layers of the document that is open in `page`, from the first question on until `close`."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._on = False
        self._several = True

    def several(self) -> bool:
        """Whether anything had a layer of its own when Chromium last told; True before it has.

        After `Page.picture` that is when it drew the picture: it tells of layers while it paints, and the
        page has answered since.
        """
        if not self._on:
            self._on = True
            self._page.tab.connection.on(_EVENT, self._changed, session=self._page.tab.session)
            self._page.tab.call("LayerTree.enable")
        return self._several

    def close(self) -> None:
        """Follow them no longer."""
        if self._on:
            self._on = False
            self._page.tab.tell("LayerTree.disable")

    def _changed(self, params: dict[str, Any]) -> None:
        layers = [one for one in params.get("layers", []) if one["width"] and one["height"]]
        drawn = sum(bool(one["drawsContent"]) for one in layers)
        # Where the view is at a part of the page, all of them are moved alike.
        moves = {tuple(one.get("transform", ())) for one in layers}
        # None at all: the document has not been drawn yet.
        self._several = not layers or drawn > 1 or len(moves) > 1
