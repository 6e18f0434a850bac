"""Where to look while a part of the personal layer changes: the fewest pixels for the fewest moves. Pure.

Captures cost by area and by number; moving the view costs some captures more, for what is seen first after a
move is not believed at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from framepress.rects import Rect

#: What a capture costs beside its pixels, in pixels; what a move costs, in captures of what is looked at.
CAPTURE_COST, MOVE_COST = 300_000, 4

#: Share of a part from which on it is captured whole, which needs nothing that was captured before.
WHOLE_SHARE = 0.9


def views(needs: Sequence[Rect | None], whole: Rect) -> list[Rect | None]:
    """The rectangle to capture at each frame, so that all of them together cost the least.

    Args:
        needs: what changes at each frame, inside of `whole`; None: nothing.
        whole: the part.

    Returns:
        Of the same length; None where nothing changes. Each covers what its frame needs.
    """
    frames = [at for at, need in enumerate(needs) if need is not None]
    rects = [need for need in needs if need is not None]
    edges = [(rect.x, rect.y, rect.right, rect.bottom) for rect in rects]
    # best[n]: least cost of the first n, and where the last run of equal rectangles among them begins.
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(rects) + 1):
        found: tuple[int, int] | None = None
        left, top, right, bottom = edges[end - 1]
        # By numbers, not by rectangles: of a clip of 180 frames this is done 16,000 times per part.
        for start in range(end - 1, -1, -1):
            x, y, x_end, y_end = edges[start]
            left, top, right, bottom = min(left, x), min(top, y), max(right, x_end), max(bottom, y_end)
            area = (right - left) * (bottom - top)
            cost = best[start][0] + (end - start + MOVE_COST) * (CAPTURE_COST + area)
            if found is None or cost < found[0]:
                found = (cost, start)
        assert found is not None
        best.append(found)
    chosen: list[Rect | None] = [None] * len(needs)
    end = len(rects)
    while end:
        start = best[end][1]
        joined = rects[start]
        for rect in rects[start + 1 : end]:
            joined = joined.joined(rect)
        if joined.area >= WHOLE_SHARE * whole.area:
            joined = whole
        for at in frames[start:end]:
            chosen[at] = joined
        end = start
    return chosen
