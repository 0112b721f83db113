"""Rule 6: verdicts come only from completed rounds.

A first failure, or a first pass of what was down, opens a round over the affected set: the component, its ancestors of
every sort, the other dependents of those that nobody can see, its descendants. All of them are probed at once. The
round is complete when each has a result that began after it opened, or a failure that ended after it, none is still
confirming, and a vantage check has answered. While its trigger fails, those that decide about it are looked at again
and again, and those looks are waited for, for a bounded time: `looks` says how many and how long, `schedule` how soon.

While a round covers a component, its verdict waits: it covers those about which its trigger decides. Overlapping rounds
thereby act as one; but a component waits at most `fall x (timeout + retry_interval)` of the slowest that decides about
it: then its verdict is published as it is, and those that were silent are named as suspects. A descendant decides
nothing: it is probed, and not waited for, but one that is more urgent than the trigger is probed once more when that is
confirmed, and waited for, two seconds at most, since the priority depends on it. At the start each component has a
round of its own, over what decides about it, so that a slow one holds up nobody else.

A round is examined when something that it waits for has reported; all are examined at each tick, since time passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from staging_exporter.core.graph import Graph
from staging_exporter.core.index import Index
from staging_exporter.core.looks import (
    LOOKING,
    LOOKING_LONG,
    LOOKS,
    MOST_LOOKS,
    is_older,
    is_undecided,
    looks,
    wanted_looks,
)
from staging_exporter.core.masking import Vantage
from staging_exporter.core.model import Outcome, State
from staging_exporter.core.records import Records
from staging_exporter.core.round import Key, Round, first_rounds, is_settled, open_round, silent
from staging_exporter.core.rules import FAILS, IS_DOWN
from staging_exporter.core.shared_evidence import SharedEvidence

WEIGHING = 2.0  # seconds that the more urgent dependents of what was confirmed are waited for
_MANY = 50  # components that a round looks at, from which on it is examined at ticks alone
_HANGING = 1.0  # seconds without an answer, at the least, after which a run is taken to hang


class Rounds:
    """The open rounds, the components that they cover, and those that a round was cut short without."""

    def __init__(self, graph: Graph, at: float, spread: float) -> None:
        """Every component has its first round open; the first runs are spread over `spread` seconds."""
        self._graph = graph
        self._open: dict[Key, Round] = {}
        self._first_open = 0
        self._covered: Counter[str] = Counter()
        self._looking: Index[str] = Index()  # component -> triggers of the open rounds that look at it
        self._weighing: Index[str] = Index()  # component -> triggers of those to which it is urgent
        self._looked_at_since: dict[str, float] = {}
        self._blocked_by: dict[Key, str] = {}  # a component that the round is known to wait for
        self._blocking: Index[Key] = Index()  # the same, the other way round
        self._to_examine: dict[Key, None] = {}
        self._uncovered: set[str] = set()
        self.unsettled: dict[str, frozenset[str]] = {}
        self._missed: Index[str] = Index()  # component -> triggers of the rounds that were cut short without it
        self._shared = SharedEvidence()
        for a_round in first_rounds(graph, at, spread):
            self._begin(a_round)

    @property
    def pending(self) -> bool:
        """True while a round is open."""
        return bool(self._open)

    @property
    def opening(self) -> bool:
        """True until the first round of every component is over."""
        return self._first_open > 0

    def starting(self, name: str) -> bool:
        """True until the first round of this component is over."""
        return (name, True) in self._open

    def looked_at(self, now: float) -> Collection[str]:
        """Those that open rounds look at because their triggers failed or recovered, and have not for long."""
        return [name for name, since in self._looked_at_since.items() if now < since + LOOKING_LONG]

    def covers(self, name: str) -> bool:
        """True when the verdict on a component has to wait."""
        return name in self._covered

    @property
    def cover_everything(self) -> bool:
        """True when the verdict on every component has to wait."""
        return len(self._covered) == len(self._graph.components)

    def open(self, trigger: str, at: float, blind: Collection[str] = ()) -> frozenset[str] | None:
        """Open a round and return what else it asks; None when this component has one open."""
        if (trigger, False) in self._open:
            return None
        a_round = open_round(self._graph, trigger, at, blind)
        self._begin(a_round)
        return a_round.asked - {trigger}

    def confirm(self, trigger: str, records: Records) -> frozenset[str]:
        """A trigger is confirmed to fail: returns what decides about it, and is more urgent, and passes."""
        a_round = self._open.get((trigger, False))
        last = {name: records[name].last for name in a_round.urgent | a_round.wanted} if a_round else {}
        return frozenset(name for name, run in last.items() if run is not None and run.outcome == Outcome.PASS)

    def widen(self, name: str, blind: Collection[str]) -> frozenset[str]:
        """A component went out of sight: the rounds that it decides about need its dependents, too; returns those."""
        wanted: frozenset[str] = frozenset()
        for trigger in tuple(self._looking.get(name)):
            old = self._open[trigger, False]
            new = replace(open_round(self._graph, trigger, old.opened, blind), deadline=old.deadline)
            self._end(old)
            self._begin(new)
            wanted |= new.asked - old.asked
        return wanted

    def resume(self, old: Rounds, kept: frozenset[str], known: Collection[str], blind: Collection[str]) -> None:
        """Go on after a reload: with the rounds that `kept` ones had open, and no wait for what is `known` for sure."""
        left = self._graph.components.keys() - known
        evidence = {names: names & left for names in {a_round.evidence for a_round in self._open.values()}}
        for key, a_round in self._open.items():
            self._open[key] = replace(a_round, wanted=a_round.wanted & left, evidence=evidence[a_round.evidence])
        self.examine_all()
        for trigger, first in old._open:
            if trigger in kept and not first:
                self._begin(open_round(self._graph, trigger, old._open[trigger, first].opened, blind))
        for trigger, names in old.unsettled.items():
            self._set_unsettled(trigger, names & kept if trigger in self._graph.components else frozenset())

    def awaited(self, records: Records) -> frozenset[str]:
        """All that the open rounds still wait for."""
        self._shared.forget()
        own = (silent(a_round, a_round.wanted, records) for a_round in self._open.values())
        shared = {a_round.evidence: a_round for a_round in self._open.values()}
        return frozenset().union(*own, *(self._shared.silent(a_round, records) for a_round in shared.values()))

    def looks_at(self, name: str, records: Records) -> bool:
        """True when an open round wants one more look at this component."""
        return any(self._looks_at(trigger, name, records) for trigger in self._looking.get(name))

    def _looks_at(self, trigger: str, name: str, records: Records) -> bool:
        cause, effect = records[name], records[trigger]
        if effect.health.failing_since is None or (name != trigger and cause.health.state in IS_DOWN):
            return False
        confirmed = effect.health.state in FAILS
        if confirmed and name != trigger and is_older(cause, effect):
            return True
        most = max(LOOKS, wanted_looks(cause, effect)) - (not confirmed)
        return looks(cause.health, self._open[trigger, False].opened) < most

    def heard(self, name: str) -> None:
        """A component has reported: no round that was cut short misses it any more."""
        self.changed(name)
        for trigger in self._missed.pop(name):
            self._set_unsettled(trigger, self.unsettled[trigger] - {name})

    def changed(self, name: str) -> None:
        """What is known of a component changed: the rounds that wait for it may be complete."""
        self._to_examine.update(dict.fromkeys(self._blocking.get(name)))
        for trigger in (*self._looking.get(name), *self._weighing.get(name)):
            key = trigger, False
            if key not in self._blocked_by and len(self._open[key].wanted) < _MANY:
                self._to_examine[key] = None

    def take_uncovered(self) -> set[str]:
        """The components that some round covered and none does any more, since the last call."""
        uncovered, self._uncovered = self._uncovered, set()
        return uncovered

    def examine_all(self) -> None:
        """Time has passed, or a vantage check answered: any round may be over."""
        self._to_examine = dict.fromkeys(self._open)

    def close(self, now: float, records: Records, vantage: Vantage) -> tuple[frozenset[str], frozenset[str]]:
        """Close the rounds that are complete or overdue; returns the triggers of all of them, and of the overdue."""
        closed: set[str] = set()
        overdue: set[str] = set()
        examined, self._to_examine = self._to_examine, {}
        self._shared.forget()
        for a_round in [self._open[key] for key in examined]:
            late = now >= a_round.deadline
            if not late and (self._waits(a_round, records, now) or not vantage.answered(a_round.opened)):
                continue
            closed.add(a_round.trigger)
            self._end(a_round)
            others = self._shared.silent(a_round, records) - {a_round.trigger}
            if waiting := silent(a_round, a_round.wanted, records) | others:
                self._set_unsettled(a_round.trigger, waiting)
                overdue.add(a_round.trigger)
        return frozenset(closed), frozenset(overdue)

    def _begin(self, a_round: Round) -> None:
        self._open[a_round.key] = a_round
        self._to_examine[a_round.key] = None
        self._covered.update(a_round.covers)
        if a_round.first:
            self._first_open += 1
            return
        for name in a_round.wanted:
            self._looking.add(name, a_round.trigger)
            self._looked_at_since.setdefault(name, a_round.opened)
        for name in a_round.urgent:
            self._weighing.add(name, a_round.trigger)

    def _end(self, a_round: Round) -> None:
        del self._open[a_round.key]
        self._to_examine.pop(a_round.key, None)
        self._set_blocker(a_round, None)
        for name in a_round.covers:
            self._covered[name] -= 1
            if not self._covered[name]:
                del self._covered[name]
                self._uncovered.add(name)
        if a_round.first:
            self._first_open -= 1
            return
        for name in a_round.wanted:
            self._looking.discard(name, a_round.trigger)
            if name not in self._looking:
                del self._looked_at_since[name]
        for name in a_round.urgent:
            self._weighing.discard(name, a_round.trigger)

    def _set_blocker(self, a_round: Round, blocker: str | None) -> None:
        if (before := self._blocked_by.pop(a_round.key, None)) is not None:
            self._blocking.discard(before, a_round.key)
        if blocker is not None:
            self._blocked_by[a_round.key] = blocker
            self._blocking.add(blocker, a_round.key)

    def _set_unsettled(self, trigger: str, missed: frozenset[str]) -> None:
        for name in self.unsettled.pop(trigger, ()):
            self._missed.discard(name, trigger)
        if missed:
            self.unsettled[trigger] = missed
        for name in missed:
            self._missed.add(name, trigger)

    def _waits(self, a_round: Round, records: Records, now: float) -> bool:
        known = self._blocked_by.get(a_round.key)
        if known is not None and not is_settled(a_round, known, records[known]):
            return True
        blocker = next((n for n in a_round.wanted if not is_settled(a_round, n, records[n])), None)
        blocker = blocker or self._shared.missing(a_round, records)
        self._set_blocker(a_round, blocker)
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
        older = [n for n in others if is_older(records[n], trigger)]
        if waited < LOOKING and any(wanted_looks(records[n], trigger) for n in older):
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
