"""The plan of a group: what is known of it, or a survey that makes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from framepress.errors import BrowserCrash, FrameTimeout
from framepress.plan import Plan
from framepress.render_steps import RenderSteps
from framepress.shelf import Shelf
from framepress.survey import Survey
from framepress.survey_bench import NoPlan, Unwanted, Workbench, keep_plain_frames
from framepress.variants import Variant

#: How often a survey is begun anew after its browser failed.
SURVEY_TRIES = 3


class GroupPlans:
    """Finds and makes the plans of one composition's groups.

    Args:
        shelf: where they are kept; None: there is no cache, and nothing may be asked for.
    """

    def __init__(self, steps: RenderSteps, shelf: Shelf | None) -> None:
        self._steps = steps
        self._shelf = shelf

    def survey(
        self,
        samples: Sequence[Variant],
        personal: Sequence[str],
        beat: Callable[[str, int, int], None],
        *,
        fresh: bool,
        find: bool = False,
        wider: bool = False,
        helped: bool = False,
        bands: bool = False,
    ) -> tuple[str, Plan | NoPlan | None, bool]:
        """Find or make the plan of a group.

        Args:
            beat: called with what is being done, frames that are done, and frames in all.
            fresh: make it anew, whatever is known. find: make nothing. wider: then the plan of a larger group
                will do. helped, bands: see `Survey`.

        Returns:
            Its plan key, or that of the larger group, what is known of it, and whether it was known before.

        Raises:
            RowFailure: a sample cannot be rendered at all. CacheFault: the plate cannot be kept.
        """
        shelf = self._shelf
        assert shelf is not None
        self._steps.warm.page()
        key = shelf.key(self._steps.environment, samples[0].values, personal, bands=bands)
        known = None if fresh else shelf.find(key)
        if isinstance(known, Plan):
            # It may come from the shared cache, and what was remembered may have been dropped.
            shelf.remember(known)
        elif known is None and find and wider:
            larger = shelf.find_wider(self._steps.environment, samples[0].values, personal, bands=bands)
            key, known = larger or (key, None)
        if known is not None or find:
            return key, known, True
        for attempt in range(1, SURVEY_TRIES + 1):
            try:
                with self._steps.warm.guard():
                    survey = Survey(
                        self._bench(beat), samples, shelf.cache, personal, helped=helped, bands=bands
                    )
                    found = survey.run()
                break
            except (BrowserCrash, FrameTimeout):
                if attempt == SURVEY_TRIES:
                    raise
        shelf.forget()
        shelf.put(key, found)
        return key, found, False

    def keep_plain_frames(
        self,
        samples: Sequence[Variant],
        beat: Callable[[str, int, int], None],
        *,
        group: str | None,
    ) -> None:
        """Make the plain frames that a survey in another worker compares with.

        Args:
            group: its plan key; once it is known that there is no plan, nothing more is made.
        """
        assert self._shelf is not None
        cache = self._shelf.cache

        def wanted() -> bool:
            return group is None or cache.get("noplan", group) is None

        self._steps.warm.page()
        with suppress(Unwanted):
            for sample in samples:
                with self._steps.warm.guard_but(Unwanted):
                    keep_plain_frames(self._bench(beat), sample, cache, wanted=wanted)

    def _bench(self, beat: Callable[[str, int, int], None]) -> Workbench:
        return Workbench(
            open=self._steps.open,
            page=self._steps.warm.page,
            environment=lambda: self._steps.environment,
            composition=self._steps.composition.digest,
            settings=self._steps.settings.model_dump(mode="json"),
            beat=beat,
        )
