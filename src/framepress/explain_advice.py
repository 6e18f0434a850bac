"""What defeats or slows reuse in a composition, and what its author can change; pure.

Each finding is one `Advice`: where, why it is slow, what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from framepress.explanation import Advice, ExplainedGroup, ExplainedVariable, PersonalElement
from framepress.looks import EVERYWHERE, GROUP, INLINE, TEXT, Differences, grown, ink_of, is_inside

#: A personal element is large from this share of the picture on.
LARGE_AREA = 0.3

#: It counts as on screen the whole time from this share of the frames on.
WHOLE_TIME = 0.95

#: An element that grew is worth a word if its area did by this factor, and is this share of the picture.
GROWN_FACTOR, GROWN_AREA = 1.5, 0.03

#: Rows per group below which groups count as too many: plans then take more than a tenth of the time.
MANY_GROUPS_BELOW = 30


@dataclass(frozen=True)
class Layout:
    """What is known of the elements of a group.

    Attributes:
        personal: places. causes: place of each -> the elements in it that differ by themselves.
        names: place -> what people call the element.
        differences: marks and ink of all elements.
        effects: place -> properties that make its contents one picture.
        size: of the page, CSS pixels.
    """

    personal: Sequence[str]
    causes: Mapping[str, Sequence[str]]
    names: Mapping[str, str]
    differences: Differences
    effects: Mapping[str, set[str]]
    size: tuple[int, int]

    def name(self, place: str) -> str:
        return self.names.get(place, place)

    def area(self, place: str) -> float:
        """Share of the picture that an element and all in it paint on at any time."""
        ink = ink_of(place, self.differences)
        if ink is None:
            return 0.0
        width, height = self.size
        across = max(0.0, min(ink[2], width) - max(ink[0], 0.0))
        down = max(0.0, min(ink[3], height) - max(ink[1], 0.0))
        return across * down / (width * height)


def advise(
    groups: Sequence[ExplainedGroup],
    layouts: Sequence[Layout | None],
    variables: Sequence[ExplainedVariable],
    *,
    rows: int,
    groups_in_all: int,
    frame_count: int,
) -> tuple[Advice, ...]:
    """All findings, most important first, none twice."""
    found: dict[tuple[str, str], Advice] = {}
    for group, layout in zip(groups, layouts, strict=True):
        for one in _of_group(group, layout, variables, frame_count):
            found.setdefault((one.about, one.where), one)
    for one in _of_list(variables, rows, groups_in_all):
        found.setdefault((one.about, one.where), one)
    return tuple(found.values())


def _of_group(
    group: ExplainedGroup,
    layout: Layout | None,
    variables: Sequence[ExplainedVariable],
    frame_count: int,
) -> Iterator[Advice]:
    if group.rule is not None:
        yield from _without_plan(group, layout, variables)
    yield from _stateful(group)
    if layout is None:
        return
    for place, element in zip(layout.personal, group.personal, strict=True):
        grown_too_far = list(_grown(place, layout)) if place not in EVERYWHERE else []
        yield from grown_too_far or _large(element, group, frame_count)
    yield from _never_free(group)
    if group.cost and group.plain_seconds and group.cost.row_seconds > 0.9 * group.plain_seconds:
        yield Advice(
            about="does-not-pay",
            where=f"group {group.group}",
            why=f"a row takes {group.cost.row_seconds:.1f} s by its plan and {group.plain_seconds:.1f} s "
            "without: most of its picture is personal, most of the time",
            change="make what is personal smaller or shorter, or render with --reuse off",
        )


# ---- no plan at all -----------------------------------------------------------------------------

#: Rule of a group without plan -> what its author can change.
_CHANGES = {
    "length-differs": "give the root data-duration, so that every row has the same length and size",
    "layers": "let personal elements and what lies over them be separate boxes, none inside the other, "
    "without effects around both",
    "rest": "find what a script writes into elements that are the same for all rows (a counter, a random "
    "number, a date), and keep it in the personal element",
    "ink-outside": "keep shadows and drawings within a few dozen pixels of their boxes",
    "disagrees": "look for blending between the personal element and what is around it; such a page is "
    "rendered without reuse",
    "mixes": "take mix-blend-mode or backdrop-filter off this element and off everything in it; what is "
    "the same for all rows may have them",
    "stateful": "drive the page by its time: CSS animations, the Web Animations API, window.__timelines or "
    "the hf-seek event, in place of timers and requestAnimationFrame",
}


def _without_plan(
    group: ExplainedGroup, layout: Layout | None, variables: Sequence[ExplainedVariable]
) -> Iterator[Advice]:
    assert group.rule is not None
    where = f"group {group.group}"
    why = f"its {group.rows_in_group} rows are rendered whole: {(group.reason or '').rstrip('.')}"
    if group.rule == "everything-personal" and layout is not None:
        yield from _everywhere(group, layout, variables)
    elif group.rule == "group-small":
        yield Advice(
            about="group-small",
            where=where,
            why=why,
            change="nothing if the list is to be longer: explain tells what will be shared then",
        )
    elif group.rule in _CHANGES:
        yield Advice(about=group.rule, where=where, why=why, change=_CHANGES[group.rule])
    elif group.rule != "everything-personal":
        yield Advice(
            about="no-plan",
            where=where,
            why=why,
            change="render one of its rows by itself to see what is wrong with the page",
        )


def _everywhere(
    group: ExplainedGroup, layout: Layout, variables: Sequence[ExplainedVariable]
) -> Iterator[Advice]:
    causes = [cause for place in layout.personal if place in EVERYWHERE for cause in layout.causes[place]]
    guilty = [one for one in variables if one.kind == "everything"]
    for one in guilty:
        yield Advice(
            about="everything-personal",
            where=one.variable,
            why="its value changes the whole picture, so nothing is common to rows with different values",
            change="use it only inside the elements that show it, not in a rule, attribute or style of "
            f"<html> or <body>; or render each of its {one.values} values by itself: "
            f"--only COLUMN=VALUE for the column of {one.variable}",
        )
    for cause in causes:
        around = [place for place in EVERYWHERE if is_inside(cause, place)]
        effects = [(place, sorted(layout.effects.get(place, ()))) for place in around]
        named = [f"{', '.join(found)} on {layout.name(place)}" for place, found in effects if found]
        marks = layout.differences.marks
        if named:
            yield Advice(
                about="group-effect",
                where=layout.name(cause),
                why=f"{' and '.join(named)} makes the whole picture one piece, so all of it is personal",
                change="take the effect off, or put it on an element that holds only what it is meant for",
            )
        elif cause not in EVERYWHERE and marks.get("0/1", 0) & TEXT:
            yield Advice(
                about="text-beside",
                where=layout.name(cause),
                why="text stands directly in <body> beside it, and what is in one line moves together",
                change="put all text of <body> into elements of its own",
            )
        elif cause in EVERYWHERE and not guilty:
            yield Advice(
                about="everything-personal",
                where=layout.name(cause),
                why="its own style, attributes, text or size differ from row to row",
                change="set colours, backgrounds and custom properties on the element that shows them, and "
                "give the page a fixed size",
            )


# ---- more personal than need be -----------------------------------------------------------------


def _grown(root: str, layout: Layout) -> Iterator[Advice]:
    """Why a personal element is larger than what differs in it."""
    marks = layout.differences.marks
    bare = {place: bits & ~GROUP for place, bits in marks.items()}
    told = False
    for cause in layout.causes[root]:
        if cause == root or told:
            continue
        base = grown(cause, bare)
        area, own = layout.area(root), layout.area(base)
        percent = f"{area:.0%} of the picture is personal where {own:.1%} differs"
        if base != root and is_inside(base, root) and _much_larger(area, own):
            effects = ", ".join(sorted(layout.effects.get(root, ()))) or "an effect"
            told = True
            yield Advice(
                about="group-effect",
                where=layout.name(root),
                why=f"{effects} on it paints its contents as one picture, so all of it is captured for "
                f"{layout.name(base)}: {percent}",
                change=f"put {effects} on the elements inside, or move {layout.name(base)} out of it",
            )
        elif _much_larger(area, layout.area(cause)) and marks.get(cause, 0) & (INLINE | TEXT):
            told = True
            yield Advice(
                about="text-beside",
                where=layout.name(root),
                why=f"text stands in it beside {layout.name(cause)} and moves with it: {area:.0%} of the "
                f"picture is personal where {layout.area(cause):.1%} differs",
                change=f"put {layout.name(cause)} into a block of its own with a fixed size",
            )


def _much_larger(area: float, own: float) -> bool:
    return area >= GROWN_AREA and area >= GROWN_FACTOR * own


def _large(one: PersonalElement, group: ExplainedGroup, frame_count: int) -> Iterator[Advice]:
    # Why everything is personal is told elsewhere.
    if one.area < LARGE_AREA or group.rule is not None:
        return
    whole_time = one.seen_frames >= WHOLE_TIME * frame_count
    time = "the whole time" if whole_time else f"for {one.seen_seconds:.1f} s"
    yield Advice(
        about="large",
        where=one.element,
        why=f"it covers {one.area:.0%} of the picture {time}, and is captured in every frame in which it "
        "differs from the one before",
        change="keep in it only what differs: a background, frame or picture that all rows share goes "
        "into an element beside it; and let it come to rest soon",
    )


def _never_free(group: ExplainedGroup) -> Iterator[Advice]:
    cut = group.intervals
    if len(cut) < 2 or not group.personal or any(one.encoded == "once" for one in cut):
        return
    whole = [one for one in group.personal if one.first_frame is not None]
    first = min(one.first_frame for one in whole if one.first_frame is not None) if whole else 0
    yield Advice(
        about="never-free",
        where=f"group {group.group}",
        why=f"something personal is seen in every key-frame interval (from frame {first} on), so all of "
        "them are encoded per row",
        change=f"an opening or an ending without anything personal, {cut[0].stop - cut[0].start} frames or "
        "more on the grid of key frames, is encoded once for all",
    )


def _stateful(group: ExplainedGroup) -> Iterator[Advice]:
    if group.stateful and group.rule != "stateful":
        yield Advice(
            about="stateful",
            where=", ".join(group.stateful),
            why="the page cannot be entered in the middle, so every frame of every row is stepped through "
            "with one view for all that is personal",
            change=_CHANGES["stateful"],
        )


# ---- the list -----------------------------------------------------------------------------------


def _of_list(variables: Sequence[ExplainedVariable], rows: int, groups_in_all: int) -> Iterator[Advice]:
    per_group = rows / max(1, groups_in_all)
    for one in variables:
        if one.kind == "shared" and per_group < MANY_GROUPS_BELOW:
            yield Advice(
                about="many-groups",
                where=one.variable,
                why=f"its {one.values} values make {groups_in_all} groups of {per_group:.0f} rows each, and "
                "each needs a plate and a survey of its own, which take as long as some three clips",
                change="show it inside an element of its own, in place of a rule that changes what all see; "
                "or give it fewer values",
            )
