"""Plans in the cache, as workers use them: made by a survey or found, loaded once, given up when they are
wrong.

kind "plan"      the plan of a group, under its plan key (`plan.plan_key`)
kind "noplan"    why a group has none, under the same key: JSON of `NoPlan`
kind "personal"  sets of variables that plans of a composition take for personal: JSON
kind "void"      plans that have shown themselves wrong, under their digests; the piece says why
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

from framepress import keys
from framepress.cache import Cache
from framepress.errors import CacheFault
from framepress.loaded_plan import LoadedPlan
from framepress.plan import Plan, group_digest, plan_key
from framepress.settings import RenderSettings
from framepress.survey_bench import NoPlan

#: Plans that a worker has open at once. Rows come ordered by group, mostly.
LOADED_MAX = 2

#: Sets of personal variables that are remembered of a composition, those that came last.
SETS_MAX = 32


class Shelf:
    """The plans of one composition under one set of settings."""

    def __init__(self, cache: Cache, composition: str, settings: RenderSettings) -> None:
        self.cache = cache
        self._composition = composition
        self._settings = settings.model_dump(mode="json")
        self._loaded: dict[str, LoadedPlan] = {}

    def key(
        self, environment: str, values: Mapping[str, str], personal: Sequence[str], *, bands: bool
    ) -> str:
        """The plan key of the group that a row belongs to.

        Args:
            values: of the row. personal: variables that differ between the rows of a group.
            bands: whether its pictures may be joined from bands.
        """
        group = group_digest(values, personal)
        return plan_key(environment, self._composition, self._settings, personal, group, bands=bands)

    def find(self, key: str) -> Plan | NoPlan | None:
        """What is known of a group; None: nothing, or its plan was given up, or its plate is gone."""
        refused = self.cache.get_bytes("noplan", key)
        if refused is not None:
            with suppress(ValueError, TypeError, KeyError):
                facts = json.loads(refused)
                return NoPlan(facts["rule"], facts["reason"], tuple(facts["shared"]))
        data = self.cache.get_bytes("plan", key)
        if data is None:
            return None
        try:
            plan = Plan.from_json(data)
        except ValueError:
            return None
        if self.is_void(plan.digest) or self.cache.get("plate", plan.plate) is None:
            return None
        return plan

    def find_wider(
        self, environment: str, values: Mapping[str, str], personal: Sequence[str], *, bands: bool
    ) -> tuple[str, Plan] | None:
        """The plan of a larger group that a row belongs to as well: one that takes more variables for
        personal. Of several the one that takes fewest.

        A list of a few rows, in which most variables have one value, so finds the plan of a long one.

        Returns:
            Its plan key, and the plan; None: there is none.
        """
        known = [names for names in self._sets(environment) if names > set(personal)]
        for names in sorted(known, key=lambda names: (len(names), sorted(names))):
            key = self.key(environment, values, sorted(names), bands=bands)
            found = self.find(key)
            if isinstance(found, Plan):
                return key, found
        return None

    def _sets_key(self, environment: str) -> str:
        return keys.piece_key(
            "personal",
            environment=environment,
            composition=self._composition,
            settings=self._settings,
        )

    def _sets(self, environment: str) -> list[frozenset[str]]:
        data = self.cache.get_bytes("personal", self._sets_key(environment))
        with suppress(ValueError, TypeError):
            return [frozenset(map(str, names)) for names in json.loads(data or b"[]")]
        return []

    def remember(self, plan: Plan) -> None:
        """Have the plan found by smaller groups as well, see `find_wider`."""
        sets = self._sets(plan.environment)
        if set(plan.variables) in sets:
            return
        # Of two processes that do this at once, one set may get lost: then a short list is rendered plain.
        key = self._sets_key(plan.environment)
        kept = [*map(sorted, sets), sorted(plan.variables)][-SETS_MAX:]
        self.cache.remove("personal", key)
        self.cache.put_bytes("personal", key, keys.canonical_json(kept))

    def put(self, key: str, found: Plan | NoPlan) -> None:
        """Keep what a survey found, in place of what was known before."""
        for kind in ("plan", "noplan"):
            self.cache.remove(kind, key)
        if isinstance(found, Plan):
            self.cache.put_bytes("plan", key, found.to_json())
            self.remember(found)
        else:
            self.cache.put_bytes("noplan", key, keys.canonical_json(asdict(found)))

    def load(self, key: str, digest: str | None = None) -> LoadedPlan | None:
        """The plan of a group with its pieces; None: it is no longer in the cache.

        Args:
            digest: of the plan that is wanted; None: whichever there is.
        """
        loaded = self._loaded.get(key)
        # Another process may have given it up, and made another one under the same key.
        if loaded is None or self.is_void(loaded.plan.digest) or digest not in (None, loaded.plan.digest):
            plan = self.find(key)
            loaded = LoadedPlan.load(plan, self.cache) if isinstance(plan, Plan) else None
            self._loaded.pop(key, None)
            if loaded is None or digest not in (None, loaded.plan.digest):
                return None
            while len(self._loaded) >= LOADED_MAX:
                self._loaded.pop(next(iter(self._loaded)))
            self._loaded[key] = loaded
        return loaded

    def forget(self) -> None:
        """Close what is loaded: a plan has been replaced."""
        self._loaded.clear()

    # ---- plans that were wrong ------------------------------------------------------------------

    def is_void(self, digest: str) -> bool:
        """Whether a plan has shown itself wrong."""
        return self.cache.get("void", digest) is not None


def void(cache: Cache, digest: str, reason: str) -> None:
    """Note that a plan is wrong; nothing made under it is used again."""
    with suppress(CacheFault):
        cache.put_bytes("void", digest, reason.encode("utf-8"))


def voided(cache: Cache) -> frozenset[str]:
    """Digests of all plans that are known to be wrong."""
    return frozenset(cache.keys("void"))
