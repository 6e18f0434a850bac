"""Looks at the pages of a group once more, for what its plan does not say: which elements differ by
themselves and why more than those is personal, what each variable changes, where personal elements are seen.

A plan must be right; this is for a person, so a few moments of each row will do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from framepress.clip import Clip
from framepress.errors import EnvironmentFault, FramepressError
from framepress.looks import (
    EVERYWHERE,
    Differences,
    FrameLooks,
    grown,
    is_inside,
    parent_of,
    personal_places,
    rect_in_picture,
)
from framepress.looks import compare as compare_looks
from framepress.plan import Plan
from framepress.rects import Rect
from framepress.renderer import Renderer
from framepress.variants import Variant

#: Moments of each row that are compared, evenly spread.
MOMENTS = 12

#: Variables that are tried out one by one: each costs a page and its moments.
VARIABLES_MAX = 16

#: Called with what is being done, how much of it is done, and how much there is.
Beat = Callable[[str, int, int], None]

Seen = tuple[Rect | None, ...]


@dataclass
class Probe:
    """What was found.

    Attributes:
        clip: of the first row.
        personal: places of the personal elements. above: of elements painted over them.
        names: place -> tag, id and class, of these, what differs in them, and what lies between.
        differences: between the rows, at a few moments.
        effects: place -> properties that make its contents one picture, at any of these moments.
        seen: per frame, where each personal element is seen. above_seen: the same of those above.
        changes: variable -> elements that look different when it alone is another; only what was tried.
        stateful: why the page cannot be entered in the middle.
    """

    clip: Clip
    personal: tuple[str, ...]
    above: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    differences: Differences = field(default_factory=Differences)
    effects: dict[str, set[str]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    above_seen: list[Seen] = field(default_factory=list)
    changes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stateful: tuple[str, ...] = ()

    def causes(self, root: str) -> list[str]:
        """The elements in a personal one that differ by themselves."""
        inside = [place for place in self.differences.frames if is_inside(place, root)]
        return [one for one in inside if not any(one != other and is_inside(one, other) for other in inside)]


class Prober:
    """Looks at one group. `renderer` is used and left as it is, with another page open."""

    def __init__(self, renderer: Renderer, samples: Sequence[Variant], beat: Beat) -> None:
        self._renderer = renderer
        self._samples = samples
        self._beat = beat
        self._first: dict[int, FrameLooks] = {}

    def probe(self, plan: Plan | None, variables: Collection[str]) -> Probe:
        """Find all facts.

        Args:
            plan: of the group; None: it has none, and what is personal is judged by a few moments.
            variables: those that differ between rows of the group.

        Raises:
            FramepressError: the first row cannot be rendered.
        """
        clip = self._renderer.open(self._samples[0])
        self._first = self._looks(clip)
        differences = self._compare(clip)
        personal = plan.personal if plan else personal_places(differences.frames, differences.marks)
        found = Probe(clip, personal, plan.above if plan else (), differences=differences)
        self._try_variables(found, variables)
        self._look_at_frames(found)
        return found

    # ---- rows against each other ----------------------------------------------------------------

    def _moments(self, clip: Clip) -> list[int]:
        return sorted({clip.frame_count * (2 * k + 1) // (2 * MOMENTS) for k in range(MOMENTS)})

    def _visit(self, clip: Clip, frames: Sequence[int]) -> Iterator[int]:
        """Go through frames of the open page; a stateful one passes all of those before, too."""
        page = self._renderer.warm.page()
        wanted = set(frames)
        for index in range(max(frames) + 1):
            if index and index not in wanted and not page.stateful:
                continue
            page.seek(index, clip.fps)
            if index in wanted:
                yield index

    def _looks(self, clip: Clip) -> dict[int, FrameLooks]:
        page = self._renderer.warm.page()
        return {
            frame: FrameLooks(**page.evaluate("__framepress.looks()"))
            for frame in self._visit(clip, self._moments(clip))
        }

    def _looks_of(self, variant: Variant, like: Clip) -> dict[int, FrameLooks] | None:
        """The looks of a row; None: it cannot be rendered, or has another length or size."""
        try:
            clip = self._renderer.open(variant)
            if (clip.encoder, clip.frame_count) != (like.encoder, like.frame_count):
                return None
            return self._looks(clip)
        except EnvironmentFault:
            raise
        except FramepressError:
            return None

    def _compare(self, clip: Clip) -> Differences:
        rows = [self._first]
        for number, sample in enumerate(self._samples[1:], 1):
            self._beat("looking at rows", number, len(self._samples))
            looks = self._looks_of(sample, clip)
            if looks is not None:
                rows.append(looks)
        return compare_looks(rows)

    # ---- variables one by one -------------------------------------------------------------------

    def _try_variables(self, found: Probe, variables: Collection[str]) -> None:
        tried = sorted(variables)[:VARIABLES_MAX]
        for number, name in enumerate(tried):
            self._beat("trying variables", number, len(tried))
            variant = self._with_other(name)
            looks = self._looks_of(variant, found.clip) if variant is not None else None
            if looks is None:
                continue
            changed = compare_looks([self._first, looks])
            roots = {self._root_of(place, found, changed.marks) for place in changed.frames}
            found.changes[name] = tuple(sorted(roots))

    def _with_other(self, name: str) -> Variant | None:
        """The first row with another row's value of one variable; None: all samples have the same."""
        first = self._samples[0]
        for other in self._samples[1:]:
            value = other.values.get(name)
            if value is not None and value != first.values.get(name):
                files = {**other.files, **first.files}
                return Variant(values={**first.values, name: value}, files=files)
        return None

    @staticmethod
    def _root_of(place: str, found: Probe, marks: Mapping[str, int]) -> str:
        """The personal element that an element is part of, or what it would make personal by itself."""
        for root in found.personal:
            if is_inside(place, root) and root not in EVERYWHERE:
                return root
        return grown(place, marks)

    # ---- where they are seen --------------------------------------------------------------------

    def _look_at_frames(self, found: Probe) -> None:
        renderer, clip = self._renderer, found.clip
        renderer.open(self._samples[0])
        page = renderer.warm.page()
        asked = _places_between(found)
        page.seek(0, clip.fps)
        names = page.evaluate(f"__framepress.namesAt({json.dumps(asked)})")
        found.names = dict(zip(asked, names, strict=True))
        layers = json.dumps([*found.personal, *found.above])
        moments = set(self._moments(clip))
        for frame in range(clip.frame_count):
            self._beat("looking at frames", frame, clip.frame_count)
            if frame:
                page.seek(frame, clip.fps)
            inks = page.evaluate(f"__framepress.seenAt({layers})")
            rects = tuple(self._rect(ink, clip) for ink in inks)
            found.seen.append(rects[: len(found.personal)])
            found.above_seen.append(rects[len(found.personal) :])
            if frame in moments:
                effects = page.evaluate(f"__framepress.effectsAt({json.dumps(asked)})")
                for place, properties in zip(asked, effects, strict=True):
                    found.effects.setdefault(place, set()).update(properties)
        found.stateful = page.stateful

    @staticmethod
    def _rect(ink: Sequence[float] | None, clip: Clip) -> Rect | None:
        size = (clip.encoder.width, clip.encoder.height)
        return rect_in_picture(ink, clip.encoder.width / clip.document.width, *size)


def _places_between(found: Probe) -> list[str]:
    """Personal elements, what differs in them, and all that lies between; those above; what variables
    change.
    """
    places = {*found.personal, *found.above}
    places |= {place for roots in found.changes.values() for place in roots}
    for root in found.personal:
        for cause in found.causes(root):
            at: str | None = cause
            while at is not None and is_inside(at, root):
                places.add(at)
                at = parent_of(at)
    return sorted(places)
