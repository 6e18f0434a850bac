"""What meets in a row for the first time: something personal, and something that all rows share.

Which of two elements lies over the other was seen on the pictures of the rows that a survey checks, but only
where they met there. A name that is longer than all of those, or a bar that is higher, may reach under a
common element that is not among those painted over the layer (`Plan.above`), or over one that is. So each row
tells of pairs that meet in it (`met.js`), and of those that the plan does not know the page is asked, at that
frame, in which order they are painted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from framepress.errors import PlanMisfit
from framepress.layer_groups import LayerState
from framepress.looks import is_inside
from framepress.page import Page
from framepress.plan import Plan, Touch

#: Places of a personal element and of one that is not.
Pair = tuple[str, str]

#: How much deeper (CSS pixels) and in how much more area (times) than in the rows that were checked two may
#: meet whose pictures agreed there although their order is another: their edges touched, or what they share
#: is transparent. Elements are taken to paint some pixels farther than they do.
DEEPER_MAX, LARGER_MAX = 1, 2


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two elements that paint in one place.

    Attributes:
        depth, area: see `Touch`.
        is_over: the common one is painted over the personal one.
    """

    frame: int
    pair: Pair
    depth: int
    area: int
    is_over: bool


def meetings(
    page: Page, states: Sequence[LayerState], personal: Sequence[str], fps: Fraction, known: set[Pair]
) -> Iterator[Meeting]:
    """All that met in a row, but for pairs that are known; of those that met in more and more place, several.
    Their order is that of the frame at which they first met.

    Moves the page and shows all of it, if there are any.

    Args:
        personal: places of the personal elements, in the order of the states' own.
        known: may change on the way.

    Raises:
        See `Page.seek`.
    """
    told = (
        (state.index, (personal[index], place), depth, area)
        for state in states
        for index, place, depth, area in state.met
    )
    orders: dict[Pair, bool] = {}
    for frame, group in groupby((one for one in told if one[1] not in known), key=lambda one: one[0]):
        found = list(group)
        fresh = [pair for _, pair, _, _ in found if pair not in orders]
        if fresh:
            page.evaluate('__framepress.showLayer("")')
            page.seek(frame, fps)
            asked = json.dumps([(other, own) for own, other in fresh])
            orders.update(zip(fresh, page.evaluate(f"__framepress.areOver({asked})"), strict=True))
        for _, pair, depth, area in found:
            yield Meeting(frame, pair, depth, area, orders[pair])


def as_planned(found: Sequence[Meeting], above: Sequence[str]) -> tuple[tuple[Pair, ...], tuple[Touch, ...]]:
    """What met in the rows that were checked: pairs in the order of the plan, and the others, how far.

    Args:
        above: places of what the plan has over the personal layer.
    """
    touched: dict[Pair, tuple[int, int]] = {}
    for one in found:
        if one.is_over is not _is_above(one.pair, above):
            depth, area = touched.get(one.pair, (0, 0))
            touched[one.pair] = max(depth, one.depth), max(area, one.area)
    known = {one.pair for one in found} - touched.keys()
    return tuple(sorted(known)), tuple(Touch(*pair, *most) for pair, most in sorted(touched.items()))


class MetCheck:
    """The pairs of a row, against its plan.

    Args:
        page: with the row's document.
        known: pairs that are as the plan has them; what is found to be so is added.
    """

    def __init__(self, page: Page, plan: Plan, known: set[Pair]) -> None:
        self._page = page
        self._plan = plan
        self._known = known
        self._touched = {(one.personal, one.other): one for one in plan.touched}

    def check(self, states: Sequence[LayerState]) -> None:
        """Look at pairs that are new; moves the page and shows all of it if there are any.

        Raises:
            PlanMisfit: one is painted in another order than the plan has it. Others: see `Page.seek`.
        """
        plan = self._plan
        for one in meetings(self._page, states, plan.personal, plan.fps, self._known):
            touch = self._touched.get(one.pair)
            if one.is_over is _is_above(one.pair, plan.above):
                if touch is None:
                    self._known.add(one.pair)
            elif touch is None or not _is_within(one, touch):
                self._refuse(one)

    def _refuse(self, found: Meeting) -> None:
        _, other = found.pair
        name = self._page.evaluate(f"__framepress.namesAt([{json.dumps(other)}])")[0]
        where = "over" if found.is_over else "under"
        raise PlanMisfit(
            f"At frame {found.frame}, {name} is painted {where} something personal that it did not meet "
            "there in the rows of which the plan was made.",
            rule="met",
        )


def _is_above(pair: Pair, above: Sequence[str]) -> bool:
    return any(is_inside(pair[1], place) for place in above)


def _is_within(found: Meeting, touch: Touch) -> bool:
    return found.depth <= touch.depth + DEEPER_MAX and found.area <= touch.area * LARGER_MAX
