"""The cases: what is rendered, with what it is compared, what is to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerbench.press import PressRun
from peerbench.workshop import Workshop

from reusebench.compositions import write_composition
from reusebench.flat import Flatness, flatness_of
from reusebench.peer import Peer
from reusebench.runs import Press

Row = dict[str, Any]

#: Batches of HyperFrames: one before framepress and one after, so that a drift of the machine hits both.
PEER_BATCHES = 2

FLAT_SIZE = (320, 180)

#: Rounds of a group of one row, each once with reuse and once without.
ROUNDS_OF_ONE = 3

#: Rows of the list that has left a plan in the cache for `late`.
EARLIER_ROWS = 6

#: Another value of the global variable of `global`.
NEXT_CAMPAIGN = "Thank you for this year,"


@dataclass
class Outcome:
    """One line of the result.

    Attributes:
        target: times HyperFrames, or None where framepress is compared with itself.
        runs: of framepress; more than one only for a group of one row.
        plain: runs with `--reuse off`, if that is the comparison.
    """

    name: str
    title: str
    rows: int
    target: float | None = None
    runs: list[PressRun] = field(default_factory=list)
    plain: list[PressRun] = field(default_factory=list)
    peer: Peer | None = None
    flatness: Flatness | None = None

    @property
    def clips_per_hour(self) -> float:
        return statistics.median(run.clips_per_hour for run in self.runs)

    @property
    def plain_clips_per_hour(self) -> float | None:
        return statistics.median(run.clips_per_hour for run in self.plain) if self.plain else None


@dataclass
class Session:
    """What the cases of one run of the benchmark share.

    Attributes:
        rows: makes N rows; options are those of `rows.make_rows`.
        reuse_peer: take HyperFrames' numbers from an earlier run in the same work folder where they fit.
    """

    workshop: Workshop
    press: Press
    rows: Callable[..., list[Row]]
    row_count: int
    peer_row_count: int
    flat_row_count: int
    reuse_peer: bool
    say: Callable[[str], None]
    _peers: dict[str, Peer] = field(default_factory=dict)

    def composition(self, name: str) -> Path:
        return write_composition(name, self.press.work / "compositions" / name)

    def beside_peer(self, name: str, measure: Callable[[], PressRun]) -> tuple[PressRun, Peer]:
        """Run framepress between two batches of HyperFrames with composition `name`.

        HyperFrames is measured once for each composition of a run, beside the first case that asks.
        """
        if (known := self._peers.get(name)) is not None:
            return measure(), known
        peer = Peer(self.workshop, name, self.composition(name))
        self._peers[name] = peer
        if self.reuse_peer and peer.recall():
            self.say(f"{name}: HyperFrames as measured on {peer.result.measured_at}")
            return measure(), peer
        # Other rows than those of framepress: no two clips of a run are alike.
        rows = self.rows(1 + PEER_BATCHES * self.peer_row_count, seed=2)
        peer.warm_up(rows)
        batches = [rows[1 + n * self.peer_row_count :][: self.peer_row_count] for n in range(PEER_BATCHES)]
        self._measure_peer(peer, name, batches[0])
        run = measure()
        for batch in batches[1:]:
            self._measure_peer(peer, name, batch)
        peer.keep()
        return run, peer

    def _measure_peer(self, peer: Peer, name: str, rows: Sequence[Row]) -> None:
        peer.measure(rows)
        self.say(f"{name}: HyperFrames {peer.result.seconds_per_clip[-1]:.2f} s per clip")


def card(session: Session) -> Outcome:
    return _beside_peer(session, "card", "`examples/card`", 10)


def still(session: Session) -> Outcome:
    return _beside_peer(session, "still", "the same without moving background", 12)


def window(session: Session) -> Outcome:
    return _beside_peer(session, "window", "personal part on screen 2 of 6 seconds", 20)


def lower(session: Session) -> Outcome:
    return _beside_peer(session, "lower", "only the name of `examples/card`, as a lower third", 12)


def lower_third(session: Session) -> Outcome:
    return _beside_peer(session, "lower-third", "`examples/lower-third`: a video behind it, 8 s", 12)


def everything(session: Session) -> Outcome:
    """Everything personal: with reuse between two halves of the same rows without."""
    outcome = Outcome("everything", "everything personal", session.row_count)
    composition, rows = session.composition("everything"), session.rows(session.row_count)
    if session.press.knows_reuse:
        halves = [part for part in (rows[::2], rows[1::2]) if part]
        for part in halves[:1]:
            outcome.plain.append(_plain(session, composition, part))
        outcome.runs.append(session.press.run(composition, rows, out="everything", cache="everything"))
        for part in halves[1:]:
            outcome.plain.append(_plain(session, composition, part))
    else:
        outcome.runs.append(session.press.run(composition, rows, out="everything", cache="everything"))
    session.press.forget("everything", "everything")
    return outcome


def one(session: Session) -> Outcome:
    """A group of one row: rounds with reuse and without in turn, each with its own cold cache."""
    outcome = Outcome("one", "a group of one", 1)
    composition = session.composition("card")
    for row in session.rows(ROUNDS_OF_ONE):
        outcome.runs.append(session.press.run(composition, [row], out="one", cache="one"))
        if session.press.knows_reuse:
            outcome.plain.append(_plain(session, composition, [row]))
    return outcome


def late(session: Session) -> Outcome:
    """One row by itself after a list: rounds with what the list has left and without reuse in turn."""
    outcome = Outcome("late", "one row by itself, after a list", 1)
    composition = session.composition("card")
    session.press.run(composition, session.rows(EARLIER_ROWS), out="late", cache="late")
    for number, row in enumerate(session.rows(ROUNDS_OF_ONE, first=EARLIER_ROWS + 1)):
        out = f"late-{number}"
        outcome.runs.append(session.press.run(composition, [row], out=out, cache="late", keep=True))
        if session.press.knows_reuse:
            outcome.plain.append(_plain(session, composition, [row]))
        session.press.forget(out, out)
    session.press.forget("late", "late")
    return outcome


def again(session: Session) -> Outcome:
    """A second run of the same list into another folder: all its clips are there already."""
    outcome = Outcome("again", "second run, nothing changed", session.row_count, 1_000)
    composition, rows = session.composition("card"), session.rows(session.row_count)
    session.press.run(composition, rows, out="again", cache="again")
    out = "again-copy" if session.press.knows_reuse else "again"
    run, outcome.peer = session.beside_peer(
        "card", lambda: session.press.run(composition, rows, out=out, cache="again", keep=True)
    )
    outcome.runs.append(run)
    if not session.press.knows_reuse:
        outcome.title += " (same folder: nothing to copy)"
    session.press.forget("again-copy", "again")
    session.press.forget("again", "again")
    return outcome


def global_(session: Session) -> Outcome:
    """One value of all rows changes, the rest is as in the run before: measured is the second run."""
    outcome = Outcome("global", "one global value changed, the rest equal", session.row_count, 10)
    composition = session.composition("campaign")
    session.press.run(composition, session.rows(session.row_count), out="global-1", cache="global")
    changed = session.rows(session.row_count, campaign=NEXT_CAMPAIGN)
    run, outcome.peer = session.beside_peer(
        "card", lambda: session.press.run(composition, changed, out="global-2", cache="global", keep=True)
    )
    outcome.runs.append(run)
    session.press.forget("global-1", "global")
    session.press.forget("global-2", "global")
    return outcome


def flat(session: Session) -> Outcome:
    """Many rows of small clips: late rows cost what early ones do."""
    outcome = Outcome("flat", "many rows at 320x180", session.flat_row_count)
    run = session.press.run(
        session.composition("card"),
        session.rows(session.flat_row_count),
        out="flat",
        cache="flat",
        options=("--scale", f"{FLAT_SIZE[1]}p"),
        size=FLAT_SIZE,
    )
    outcome.runs.append(run)
    outcome.flatness = flatness_of(run)
    session.press.forget("flat", "flat")
    return outcome


#: All cases in the order in which they run.
CASES: dict[str, Callable[[Session], Outcome]] = {
    "card": card,
    "still": still,
    "window": window,
    "lower": lower,
    "lower-third": lower_third,
    "everything": everything,
    "one": one,
    "late": late,
    "again": again,
    "global": global_,
    "flat": flat,
}


def _beside_peer(session: Session, name: str, title: str, target: float) -> Outcome:
    outcome = Outcome(name, title, session.row_count, target)
    composition, rows = session.composition(name), session.rows(session.row_count)
    run, outcome.peer = session.beside_peer(
        name, lambda: session.press.run(composition, rows, out=name, cache=name)
    )
    outcome.runs.append(run)
    return outcome


def _plain(session: Session, composition: Path, rows: Sequence[Row]) -> PressRun:
    return session.press.run(composition, rows, out="plain", cache="plain", options=("--reuse", "off"))
