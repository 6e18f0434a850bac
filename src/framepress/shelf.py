"""Plans in the cache, as workers use them: made by a survey or found, loaded once, given up when they are
wrong.

kind "plan"      the plan of a group, under its plan key (`plan.plan_key`)
kind "noplan"    why a group has none, under the same key: JSON of `NoPlan`
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

    def put(self, key: str, found: Plan | NoPlan) -> None:
        """Keep what a survey found, in place of what was known before."""
        for kind in ("plan", "noplan"):
            self.cache.remove(kind, key)
        if isinstance(found, Plan):
            self.cache.put_bytes("plan", key, found.to_json())
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
