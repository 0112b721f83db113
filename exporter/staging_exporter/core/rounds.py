"""Rule 6: verdicts come only from completed rounds.

A first failure, or a first pass of what was down, opens a round over the affected set: the component, its ancestors of
every sort, the other dependents of those that nobody can see, its descendants. All of them are probed at once. The
round is complete when each has a result that began after it opened, or a failure that ended after it, none is still
confirming, and a vantage check has answered. While its trigger fails, those that decide about it are looked at again
and again, `retry_interval` apart: six times where the trigger fails at each run, twelve times where it fails now and
then, or where one of them does, since a component that answers every second request must be seen to fail before its
dependents are called a root cause. Those looks are waited for as long as a time that is bounded.

While a round covers a component, its verdict waits: it covers those about which its trigger decides. Overlapping rounds
thereby act as one; but a component waits at most `fall x (timeout + retry_interval)` of the slowest that decides about
it: then its verdict is published as it is, and those that were silent are named as suspects. A descendant decides
nothing: it is probed, and not waited for. At the start each component has a round of its own,
over what decides about it, so that a slow one holds up nobody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

from staging_exporter.core.evidence import Fit, fit
from staging_exporter.core.graph import Graph
from staging_exporter.core.health import Health
from staging_exporter.core.masking import Vantage
from staging_exporter.core.model import Component, Outcome, Reason, State
from staging_exporter.core.records import Record, Records
from staging_exporter.core.rules import FAILS, IS_DOWN, NOT_READY


@dataclass(frozen=True, slots=True)
class Round:
    """An open question about `trigger`: `asked` are probed at once, `wanted` awaited, the verdicts of `covers` wait.

    The `first` one of a component is that of the start, before which nothing is known of it.
    """

    trigger: str
    first: bool
    opened: float
    deadline: float
    asked: frozenset[str]
    wanted: frozenset[str]
    covers: frozenset[str]


OWN_LOOKS = 3  # at a component that fails at each run
LOOKS = 6  # at what decides about a component that fails at each run
MOST_LOOKS = 12  # at what decides about one that fails now and then
LOOKING = 8.0  # seconds that they are waited for after it was confirmed
LOOKING_LONG = 16.0
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
    return Round(trigger, False, at, at + allowed, causes | in_time, causes, graph.decided_by(trigger, blind))


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

    def resume(self, old: Rounds, kept: frozenset[str], known: Collection[str]) -> None:
        """Go on after a reload: with the rounds that `kept` ones had open, and no wait for what is `known` for sure."""
        left = self._graph.components.keys() - known
        self._open = {key: replace(a_round, wanted=a_round.wanted & left) for key, a_round in self._open.items()}
        for trigger, first in old._open:
            if trigger in kept and not first:
                self._begin(open_round(self._graph, trigger, old._open[trigger, first].opened))
        self.unsettled = {trigger: missed for trigger, names in old.unsettled.items() if (missed := names & kept)}

    def awaited(self, records: Records) -> frozenset[str]:
        """All that the open rounds still wait for."""
        return frozenset().union(*(silent(a_round, records) for a_round in self._open.values()))

    def looks_again(self, name: str, records: Records) -> bool:
        """True when an open round wants one more look at this component, `retry_interval` after the last."""
        return any(
            records[trigger].health.failing_since is not None
            and (name == trigger or records[name].health.state not in IS_DOWN)
            and self._wants(trigger, name, records)
            for trigger in self._looking.get(name, ())
        )

    def looks_at(self, name: str, record: Record) -> bool:
        """True while an open round looks at this component again and again."""
        opened = (self._open[trigger, False].opened for trigger in self._looking.get(name, ()))
        return any(looks(record.health, since) < LOOKS for since in opened)

    def _wants(self, trigger: str, name: str, records: Records) -> bool:
        cause, effect = records[name].health, records[trigger].health
        most = max(LOOKS, _wanted_looks(name == trigger, cause, effect))
        return looks(cause, self._open[trigger, False].opened) < most

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

    def _end(self, a_round: Round) -> None:
        del self._open[a_round.trigger, a_round.first]
        self._blocked_by.pop((a_round.trigger, a_round.first), None)
        self._covered.subtract(a_round.covers)
        for name in () if a_round.first else a_round.wanted:
            left = self._looking[name]
            left.discard(a_round.trigger)
            if not left:
                del self._looking[name]

    def _waits(self, a_round: Round, records: Records, now: float) -> bool:
        key = (a_round.trigger, a_round.first)
        known = self._blocked_by.get(key)
        if known is not None and not _settled(a_round, known, records[known]):
            return True
        blocker = next((n for n in a_round.wanted if not _settled(a_round, n, records[n])), None)
        if blocker is not None:
            self._blocked_by[key] = blocker
        return blocker is not None or self._looks_on(a_round, records, now)

    def _looks_on(self, a_round: Round, records: Records, now: float) -> bool:
        """True while those that decide about a failing trigger have not been looked at often enough."""
        if a_round.first:
            return False
        trigger = records[a_round.trigger].health
        if trigger.state not in FAILS or trigger.recent.since is None:
            return False
        confirmed = max(a_round.opened, trigger.since or 0.0)
        steady = not trigger.recent.intermittent
        if now >= confirmed + LOOKING_LONG:
            return False
        if any(name != a_round.trigger and self._hangs(name, records[name], now) for name in a_round.wanted):
            return True
        if steady and now >= confirmed + LOOKING:
            return False
        since = min(a_round.opened, trigger.recent.since)
        return any(
            looks(records[name].health, since) < _wanted_looks(name == a_round.trigger, records[name].health, trigger)
            for name in a_round.wanted
        )

    def _hangs(self, name: str, record: Record, now: float) -> bool:
        """True while a look that was asked for is under way for far longer than usual, and may still answer."""
        component, last = self._graph.components[name], record.last
        if last is None or record.health.state in IS_DOWN or not self.looks_at(name, record):
            return False
        waited = now - last.ended - component.retry_interval
        return max(2 * record.health.recent.usual, _HANGING) < waited < component.timeout + _HANGING


_NOT_SEEN = NOT_READY | {State.UNKNOWN}


def _wanted_looks(is_trigger: bool, cause: Health, trigger: Health) -> int:
    if is_trigger:
        return MOST_LOOKS if trigger.recent.intermittent else OWN_LOOKS
    confirmed = cause.state in FAILS and not cause.recent.intermittent
    if confirmed or cause.state in IS_DOWN or cause.state in _NOT_SEEN:
        return 0
    undecided = cause.recent.since is not None and fit(cause.recent, trigger.recent, 10.0) == Fit.OPEN
    return MOST_LOOKS if undecided or trigger.recent.intermittent else LOOKS


def looks(health: Health, since: float) -> int:
    """How many conclusive runs ended since then."""
    return health.recent.failures_since(since)[1]


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
