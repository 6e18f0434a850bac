"""Files of other hosts that rows name: fetched politely before their rows render, kept in a `RemoteFolder`.

Polite: a few requests per host at a time, one per address and run, a pause for the host when it asks for
one, and tries ever further apart.
"""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from framepress.remote_addresses import (
    HostRule,
    NotAllowed,
    allowed_rule,
    canonical_address,
    parse_hosts,
)
from framepress.remote_folder import RemoteFolder
from framepress.remote_source import Failed, Fetched, Outcome
from framepress.remote_tries import Final, RemoteTries, Transient

#: Tries of one address, and the pauses between them: doubled each time, of which a random part is waited.
TRIES_MAX, PAUSE_S, PAUSE_S_MAX = 4, 0.5, 20.0

#: Requests at a time, in all and of one host.
THREADS, PER_HOST = 16, 4

#: Outcomes that are remembered during a run; pictures that many rows share are asked for once.
OUTCOMES_MAX = 50_000


@dataclass(frozen=True)
class RemoteOptions:
    """Which hosts rows may name, and where their files are kept.

    Attributes:
        folder: created when it is first needed.
        pause_s: the first pause between two tries; tests shorten it.
    """

    folder: Path
    rules: tuple[HostRule, ...]
    pause_s: float = PAUSE_S


def remote_options(
    allowed: Iterable[str], private: Iterable[str], folder: Callable[[], Path]
) -> RemoteOptions | None:
    """What a command line allows; None: nothing.

    Args:
        folder: where files are kept; asked only if something is allowed.

    Raises:
        UsageError: a host is none.
    """
    rules = parse_hosts(allowed, private)
    return RemoteOptions(folder(), rules) if rules else None


@dataclass
class _Host:
    """Politeness towards one host."""

    slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(PER_HOST))
    not_before: float = 0.0


class RemoteFiles:
    """Fetches what rows name. May be used by several threads; close it."""

    def __init__(self, options: RemoteOptions, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.options = options
        self._folder = RemoteFolder(options.folder)
        self._sleep = sleep
        self._tries = RemoteTries(options.rules, self._folder, THREADS)
        self._hosts: dict[str, _Host] = {}
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()
        self._lock = threading.Lock()
        self._random = random.Random()

    def close(self) -> None:
        """End connections. What was fetched stays."""
        self._tries.close()

    def fetch_all(self, addresses: Iterable[str]) -> None:
        """Fetch several side by side; `get` answers afterwards.

        Raises:
            StorageFault: the folder cannot be written.
        """
        wanted = [one for one in dict.fromkeys(addresses) if not self._is_known(one)]
        if len(wanted) == 1:
            self.get(wanted[0])
        elif wanted:
            with ThreadPoolExecutor(min(THREADS, len(wanted)), "fetch") as threads:
                list(threads.map(self.get, wanted))

    def get(self, address: str) -> Outcome:
        """The file of an address, fetched if this run has not asked for it yet.

        Raises:
            StorageFault: the folder cannot be written.
        """
        canonical = canonical_address(address)
        if self._is_known(address):
            with self._lock:
                return self._outcomes[address]
        if canonical is None:
            outcome: Outcome = Failed("remote-address", "is no address of a web server", allowed=False)
        else:
            try:
                allowed_rule(canonical, self.options.rules)
                outcome = self._tried(canonical)
            except NotAllowed as exc:
                outcome = Failed("remote-host", str(exc), allowed=False)
        with self._lock:
            self._outcomes[address] = outcome
            if len(self._outcomes) > OUTCOMES_MAX:
                self._outcomes.popitem(last=False)
        return outcome

    def adopt(self, path: Path, digest: str) -> None:
        """Keep a file of this disk as if it had been fetched.

        Raises:
            StorageFault: the folder cannot be written.
        """
        self._folder.adopt(path, digest)

    def _is_known(self, address: str) -> bool:
        """Whether this run has asked for it. What many rows share is asked for once: it is seen all the time,
        and only what was not seen for long is forgotten."""
        with self._lock:
            if address not in self._outcomes:
                return False
            self._outcomes.move_to_end(address)
            return True

    def _tried(self, address: str) -> Outcome:
        host = self._host(address)
        reason = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                pause = min(self.options.pause_s * 2 ** (attempt - 1), PAUSE_S_MAX)
                # A random part of it, so that many who failed together do not come back together.
                self._sleep(self._random.uniform(pause / 2, pause))
            with host.slots:
                wait = host.not_before - time.monotonic()
                if wait > 0:
                    self._sleep(wait)
                try:
                    return Fetched(self._tries.once(address))
                except Transient as exc:
                    reason = str(exc)
                    if exc.after_s:
                        host.not_before = max(host.not_before, time.monotonic() + exc.after_s)
                except Final as exc:
                    return Failed(exc.rule, str(exc))
                except NotAllowed as exc:
                    return Failed("remote-host", str(exc), allowed=False)
        return Failed("remote-failed", f"could not be fetched in {TRIES_MAX} tries: {reason}")

    def _host(self, address: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(urlsplit(address).netloc, _Host())
