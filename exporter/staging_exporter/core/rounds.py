"""Rule 6: verdicts come only from completed rounds.

A first failure, or a first pass of what was down, opens a round over the affected set: the component, its ancestors of
every sort, the other dependents of those that nobody can see, its descendants. All of them are probed at once. The
round is complete when each has a result that began after it opened, or a failure that ended after it, none is still
confirming, and a vantage check has answered. While its trigger fails, those that decide about it are looked at again
and again, `retry_interval` apart, and those looks are waited for, for a bounded time: `looks` says how many, how long.

While a round covers a component, its verdict waits: it covers those about which its trigger decides. Overlapping rounds
thereby act as one; but a component waits at most `fall x (timeout + retry_interval)` of the slowest that decides about
it: then its verdict is published as it is, and those that were silent are named as suspects. A descendant decides
nothing: it is probed, and not waited for, but one that is more urgent than the trigger is probed once more when that is
confirmed, and waited for, two seconds at most, since the priority depends on it. At the start each component has a
round of its own, over what decides about it, so that a slow one holds up nobody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

from staging_exporter.core.graph import Graph
from staging_exporter.core.health import Health
from staging_exporter.core.looks import LOOKING, LOOKING_LONG, LOOKS, MOST_LOOKS, is_undecided, looks, wanted_looks
from staging_exporter.core.masking import Vantage
from staging_exporter.core.model import Component, Outcome, Reason, State
from staging_exporter.core.records import Record, Records
from staging_exporter.core.rules import FAILS, IS_DOWN


@dataclass(frozen=True, slots=True)
class Round:
    """An open question about `trigger`: `asked` are probed at once, `wanted` awaited, the verdicts of `covers` wait.

    `urgent` are those that need it and are more urgent: what it costs depends on them.

    The `first` one of a component is that of the start, before which nothing is known of it.
    """

    trigger: str
    first: bool
    opened: float
    deadline: float
    asked: frozenset[str]
    wanted: frozenset[str]
    covers: frozenset[str]
    urgent: frozenset[str] = frozenset()


WEIGHING = 2.0  # seconds that the more urgent dependents of what was confirmed are waited for
_HANGING = 1.0  # seconds without an answer, at the least, after which a run is taken to hang


def bound(component: Component) -> float:
    """Seconds that one component may take to confirm a change."""
    return max(component.fall, component.rise) * (component.timeout + component.retry_interval)


def first_round(graph: Graph, name: str, at: float, spread: float) -> Round:
    """What every start opens for each component: the first verdict waits for all that decides about it to have run."""
    deciding = _checked(graph, graph.deciding(name))
    longest = max((bound(graph.components[other]) for other in deciding), default=0.0)
    return Round(name, True, at, at + spread + longest, deciding, deciding, frozenset({name}))


def open_round(graph: Graph, trigger: str, at: float, blind: Collection[str] = ()) -> Round:
    """A round over the affected set of `trigger`; `blind` are checked components that cannot be seen now."""
    causes = _checked(graph, graph.deciding(trigger, blind))
    allowed = max(bound(graph.components[name]) for name in causes)
    descendants = _checked(graph, graph.descendants(trigger))
    in_time = {name for name in descendants if graph.components[name].timeout <= allowed}
    priority = graph.components[trigger].priority
    urgent = frozenset(
        n for n in (in_time & graph.needing(trigger)) - causes if graph.components[n].priority < priority
    )
    return Round(trigger, False, at, at + allowed, causes | in_time, causes, graph.decided_by(trigger, blind), urgent)


def _checked(graph: Graph, names: Collection[str]) -> frozenset[str]:
    return frozenset(name for name in names if not graph.components[name].latent)


def calls_for_a_round(before: Health, after: Health) -> bool:
    """A first failure, a first pass of what was down, or a state that changed without such a notice."""
    if before.known_at is None and after.last == Outcome.PASS:
        return False  # its first round waits for it anyway
    if after.confirming:
        return not before.confirming
    return after.state != before.state and after.state != State.UNKNOWN and not before.confirming


class Rounds:
    """The open rounds, the components that they cover, and those that a round was cut short without."""

    def __init__(self, graph: Graph, at: float, spread: float) -> None:
        """Every component has its first round open; the first runs are spread over `spread` seconds."""
        self._graph = graph
        self._open: dict[tuple[str, bool], Round] = {}
        self._covered: Counter[str] = Counter()
        self._looking: dict[str, set[str]] = {}  # component -> triggers of the open rounds that look at it
        self._looked_at_since: dict[str, float] = {}
        self._blocked_by: dict[tuple[str, bool], str] = {}  # one for whom a round is known to wait: looked at first
        self.unsettled: dict[str, frozenset[str]] = {}
        for name in graph.components:
            self._begin(first_round(graph, name, at, spread))

    @property
    def pending(self) -> bool:
        """True while a round is open."""
        return bool(self._open)

    @property
    def opening(self) -> bool:
        """True until the first round of every component is over."""
        return any(first for _, first in self._open)

    def starting(self, name: str) -> bool:
        """True until the first round of this component is over."""
        return (name, True) in self._open

    def looked_at(self, now: float) -> Collection[str]:
        """Those that open rounds look at because their triggers failed or recovered, and have not for long."""
        return [name for name, since in self._looked_at_since.items() if now < since + LOOKING_LONG]

    def covers(self, name: str) -> bool:
        """True when the verdict on a component has to wait."""
        return self._covered[name] > 0

    def open(self, trigger: str, at: float, blind: Collection[str] = ()) -> frozenset[str] | None:
        """Open a round and return what else it asks; None when this component has one open."""
        if (trigger, False) in self._open:
            return None
        a_round = open_round(self._graph, trigger, at, blind)
        self._begin(a_round)
        return a_round.asked - {trigger}

    def confirm(self, trigger: str, records: Records) -> frozenset[str]:
        """A trigger is confirmed to fail: returns its more urgent dependents that were up when the round began."""
        a_round = self._open.get((trigger, False))
        last = {name: records[name].last for name in a_round.urgent} if a_round else {}
        return frozenset(name for name, run in last.items() if run is not None and run.outcome == Outcome.PASS)

    def widen(self, name: str, blind: Collection[str]) -> frozenset[str]:
        """A component went out of sight: the rounds that it decides about need its dependents, too; returns those."""
        wanted: frozenset[str] = frozenset()
        for trigger in tuple(self._looking.get(name, ())):
            old = self._open[trigger, False]
            new = replace(open_round(self._graph, trigger, old.opened, blind), deadline=old.deadline)
            self._end(old)
            self._begin(new)
            wanted |= new.asked - old.asked
        return wanted

    def resume(self, old: Rounds, kept: frozenset[str], known: Collection[str], blind: Collection[str]) -> None:
        """Go on after a reload: with the rounds that `kept` ones had open, and no wait for what is `known` for sure."""
        left = self._graph.components.keys() - known
        self._open = {key: replace(a_round, wanted=a_round.wanted & left) for key, a_round in self._open.items()}
        for trigger, first in old._open:
            if trigger in kept and not first:
                self._begin(open_round(self._graph, trigger, old._open[trigger, first].opened, blind))
        self.unsettled = {trigger: missed for trigger, names in old.unsettled.items() if (missed := names & kept)}

    def awaited(self, records: Records) -> frozenset[str]:
        """All that the open rounds still wait for."""
        return frozenset().union(*(silent(a_round, records) for a_round in self._open.values()))

    def looks_at(self, name: str, records: Records) -> bool:
        """True when an open round wants one more look at this component, `retry_interval` after the last."""
        return any(self._looks_at(trigger, name, records) for trigger in self._looking.get(name, ()))

    def _looks_at(self, trigger: str, name: str, records: Records) -> bool:
        cause, effect = records[name], records[trigger]
        if effect.health.failing_since is None or (name != trigger and cause.health.state in IS_DOWN):
            return False
        most = max(LOOKS, wanted_looks(cause, effect))
        return looks(cause.health, self._open[trigger, False].opened) < most

    def heard(self, name: str) -> None:
        """A component has reported: no round that was cut short misses it any more."""
        if self.unsettled:
            self.unsettled = {trigger: left for trigger, names in self.unsettled.items() if (left := names - {name})}

    def close(self, now: float, records: Records, vantage: Vantage) -> tuple[frozenset[str], frozenset[str]]:
        """Close the rounds that are complete or overdue; returns the triggers of all of them, and of the overdue."""
        closed: set[str] = set()
        overdue: set[str] = set()
        for a_round in list(self._open.values()):
            late = now >= a_round.deadline
            if not late and (self._waits(a_round, records, now) or not vantage.answered(a_round.opened)):
                continue
            closed.add(a_round.trigger)
            self._end(a_round)
            if waiting := silent(a_round, records):
                self.unsettled[a_round.trigger] = waiting
                overdue.add(a_round.trigger)
        return frozenset(closed), frozenset(overdue)

    def _begin(self, a_round: Round) -> None:
        self._open[a_round.trigger, a_round.first] = a_round
        self._covered.update(a_round.covers)
        for name in () if a_round.first else a_round.wanted:
            self._looking.setdefault(name, set()).add(a_round.trigger)
            self._looked_at_since.setdefault(name, a_round.opened)

    def _end(self, a_round: Round) -> None:
        del self._open[a_round.trigger, a_round.first]
        self._blocked_by.pop((a_round.trigger, a_round.first), None)
        self._covered.subtract(a_round.covers)
        for name in () if a_round.first else a_round.wanted:
            left = self._looking[name]
            left.discard(a_round.trigger)
            if not left:
                del self._looking[name], self._looked_at_since[name]

    def _waits(self, a_round: Round, records: Records, now: float) -> bool:
        key = (a_round.trigger, a_round.first)
        known = self._blocked_by.get(key)
        if known is not None and not _settled(a_round, known, records[known]):
            return True
        blocker = next((n for n in a_round.wanted if not _settled(a_round, n, records[n])), None)
        if blocker is not None:
            self._blocked_by[key] = blocker
        if blocker is not None or a_round.first:
            return blocker is not None
        return self._looks_on(a_round, records, now) or self._weighs(a_round, records, now)

    def _looks_on(self, a_round: Round, records: Records, now: float) -> bool:
        """True while those that decide about a failing trigger have not been looked at often enough."""
        trigger = records[a_round.trigger]
        since = trigger.health.recent.since
        if trigger.health.state not in FAILS or since is None:
            return False
        others = [name for name in a_round.wanted if name != a_round.trigger]
        if any(records[n].health.recent.recovers and records[n].health.state == State.UP for n in others):
            return True
        waited = now - max(a_round.opened, trigger.health.since or 0.0)
        if waited >= LOOKING_LONG:
            return False
        if any(self._hangs(n, records, now) for n in others):
            return True
        since = min(a_round.opened, since)
        seen = {name: looks(records[name].health, since) for name in a_round.wanted}
        if any(seen[n] < MOST_LOOKS and is_undecided(records[n], trigger) for n in others):
            return True
        if waited >= LOOKING and not trigger.health.recent.intermittent:
            return False
        return any(seen[name] < wanted_looks(records[name], trigger) for name in a_round.wanted)

    def _weighs(self, a_round: Round, records: Records, now: float) -> bool:
        """True while it is not known whether more urgent dependents fail, too: one page is better than two."""
        trigger = records[a_round.trigger].health
        if trigger.state not in FAILS or trigger.since is None or now >= trigger.since + WEIGHING:
            return False
        return any(
            last is not None and last.outcome == Outcome.PASS and last.started < trigger.since
            for last in (records[name].last for name in a_round.urgent)
        )

    def _hangs(self, name: str, records: Records, now: float) -> bool:
        """True while a look that was asked for is under way for far longer than usual, and may still answer."""
        component, record = self._graph.components[name], records[name]
        if record.last is None or record.health.state in IS_DOWN or not self.looks_at(name, records):
            return False
        waited = now - record.last.ended - component.retry_interval
        return max(2 * record.health.recent.usual, _HANGING) < waited < component.timeout + _HANGING


def silent(a_round: Round, records: Records) -> frozenset[str]:
    """Those that the round still waits for; it is complete when there are none."""
    return frozenset(name for name in a_round.wanted if not _settled(a_round, name, records[name]))


def _settled(a_round: Round, name: str, record: Record) -> bool:
    health, last = record.health, record.last
    if health.state == State.UNKNOWN and health.reason == Reason.RATE_LIMITED:
        return True  # it must not be asked, so there is no use in waiting
    if last is None or health.confirming:
        return False
    failed = last.outcome in (Outcome.FAIL, Outcome.DEGRADED)
    fresh = last.started >= a_round.opened or (failed and last.ended >= a_round.opened)
    return fresh or (name == a_round.trigger and last.ended >= a_round.opened)
