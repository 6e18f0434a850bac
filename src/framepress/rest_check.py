"""Everything of a row that is not personal, against its plan: by styles and by pixels, at a few moments.

How elements look at every frame is compared while the page is gone through (`planned`); a rule on an
attribute changes pixels and no box, so a few pictures at a quarter of the size are compared as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from framepress.agreement import largest_area
from framepress.errors import PlanWrong
from framepress.layer_camera import picture_that_stays
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.plan import Plan

#: Size of the pictures that are compared at a few moments, against the picture itself.
CHECK_SCALE = 0.25

#: Code values by which a pixel of such a picture may differ, and connected pixels that may differ by more: a
#: region is drawn in other tiles than the whole, and gradients differ by up to 2.
CHECK_OFF_MAX, CHECK_AREA_MAX = 6, 2

#: Code values by which lines one pixel wide may differ there: 30 were seen at the lower edge of a box.
CHECK_EDGE_OFF_MAX = 48

#: Times that the rest of a row is looked at before a plan is given up for it: a machine at work may show a
#: picture before all of it is drawn, and a plan costs as much as several clips.
REST_TRIES = 2


def look_at_rest(
    page: Page, personal: Sequence[str], frames: Sequence[int], fps: Fraction
) -> list[tuple[bytes, int]]:
    """The rest of the open page at some frames: a picture at a quarter of the size, and its looks as a
    number.
    """
    page.evaluate(f"__framepress.setLayers({json.dumps(list(personal))})")
    page.evaluate('__framepress.showLayer("rest")')
    size = page.look_at(None, scale=CHECK_SCALE)
    found: list[tuple[bytes, int]] = []
    wanted = set(frames)
    # A stateful page passes through every frame on its way.
    for index in range(max(frames) + 1) if page.stateful else sorted(wanted | {0}):
        page.seek(index, fps)
        if index in wanted:
            look = int(page.evaluate("__framepress.restLook(true)"))
            # The view was moved: tiles of the first picture may not be there yet.
            picture = page.picture(index, size) if found else picture_that_stays(page, index, size)
            found.append((picture, look))
    return found


def check_rest(page: Page, plan: Plan) -> None:
    """Compare the rest of the open page with the plan's at its moments.

    Raises:
        PlanWrong: it differs.
    """
    frames = [check.frame for check in plan.checks]
    misfit = ""
    for _ in range(1 if page.stateful else REST_TRIES):
        misfit = _rest_misfit(plan, look_at_rest(page, plan.personal, frames, plan.fps))
        if not misfit:
            return
    raise PlanWrong(misfit, plan=plan.digest, rule="rest-differs")


def _rest_misfit(plan: Plan, found: Sequence[tuple[bytes, int]]) -> str:
    """What is wrong with the rest of a row at the first moment at which it is not that of the plan, or ""."""
    for check, (picture, look) in zip(plan.checks, found, strict=True):
        if look != check.look:
            what = "elements that were taken for common to all rows have another style"
        elif picture != check.picture and not _alike(picture, check.picture):
            what = "the picture beside the personal elements is not the one that all rows share"
        else:
            continue
        return f"At frame {check.frame}, {what}."
    return ""


def _alike(one: bytes, other: bytes) -> bool:
    a, b = (PictureReader(2, 2).decode_png(png).to_ndarray(format="rgb24") for png in (one, other))
    if a.shape != b.shape:
        return False
    by = np.abs(a.astype(np.int16) - b.astype(np.int16)).max(axis=2)
    off = by > CHECK_OFF_MAX
    if largest_area(off)[0] <= CHECK_AREA_MAX:
        return True
    # An edge between two pixels of the small picture falls on one side or the other from load to load.
    thick = off[1:, 1:] & off[1:, :-1] & off[:-1, 1:] & off[:-1, :-1]
    return not thick.any() and int(by.max()) <= CHECK_EDGE_OFF_MAX
