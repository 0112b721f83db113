"""The only mutable object: runs are recorded on it, time passes over it, snapshots are taken of it.

`record` and `tick` return the components that are to be probed now, because a round waits for them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from staging_exporter.core.coincidence import Suggestions, suggest, with_coincidences
from staging_exporter.core.deadlines import Deadlines
from staging_exporter.core.error_budget import WaitingFailures, is_own_fault
from staging_exporter.core.graph import Graph
from staging_exporter.core.health import SILENT, Health, begin_window, deployed, expire, forget_failures, observe
from staging_exporter.core.incidents import with_announced
from staging_exporter.core.journal import Journal
from staging_exporter.core.journeys import journey_status, overall, root_causes
from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.masking import Vantage, mask
from staging_exporter.core.memory import Memory, remember
from staging_exporter.core.model import Component, Journey, Observation, Outcome, Reason, State, Topology
from staging_exporter.core.publisher import Publisher
from staging_exporter.core.records import Record
from staging_exporter.core.round import calls_for_a_round
from staging_exporter.core.rules import FAILS, condition_of, is_blind
from staging_exporter.core.schedule import SPREAD
from staging_exporter.core.snapshot import LAG_BUCKETS, Deploy, RootCause, Snapshot
from staging_exporter.core.status import timely
from staging_exporter.core.statuses import Statuses
from staging_exporter.core.tally import Counts, Tally

_NOBODY: frozenset[str] = frozenset()
_OFFLINE = "not probed since the exporter was offline"
_AFTER_MAINTENANCE = "not probed since its maintenance ended"


class Board:
    """All that is known of one environment. Not thread-safe: one event loop owns it."""

    def __init__(
        self,
        topology: Topology,
        at: float,
        spread: float = SPREAD,
        vantage: Collection[Component] = (),
        windows: Collection[MaintenanceWindow] = (),
    ) -> None:
        """`at` is now, `spread` the seconds over which the first runs are spread.

        `vantage` are our own vantage checks, which are probed like components but are none. `windows` are the
        configured maintenance windows. Raises ValueError for a cycle, KeyError for an unknown dependency.
        """
        self.topology = topology
        self.graph = Graph(topology.components)
        self.vantage_checks = {check.name: check for check in vantage}
        self.journal = Journal()
        self._configured_at = at  # what a root cause takes down was another matter before
        self.changes = 0  # grows whenever something that is published may have changed
        checked = {name: component for name, component in topology.components.items() if not component.latent}
        self._records = {name: Record(tally=Tally(component.buckets)) for name, component in checked.items()}
        self._publisher = Publisher(self.graph, topology.recovery, self._records, at, spread)
        self._statuses = Statuses(topology.components, self._records, self._publisher)
        self._vantage = Vantage(dict.fromkeys(self.vantage_checks))
        self._windows = tuple(windows)
        self._lag = Counts(LAG_BUCKETS)
        self._waiting = WaitingFailures()
        self._silent_at = Deadlines()
        self._maintained: frozenset[str] = frozenset()

    def inherit(self, old: Board, unchanged: Collection[str], at: float) -> frozenset[str]:
        """Take over what `old` knows of the components that did not change, so that a reload forgets nothing.

        Returns those of them that are to be probed now, because an open round waits for them.
        """
        kept = frozenset(name for name in unchanged if name in self._records and name in old._records)
        if self.vantage_checks == old.vantage_checks:
            self._vantage = old._vantage
        self.journal = old.journal
        self._lag = old._lag
        self._maintained = self._in_maintenance(at)
        self._waiting = WaitingFailures(old._waiting.names & kept)
        for name, record in self._records.items():
            record.maintained = name in self._maintained
            if name in kept:
                before = old._records[name]
                record.shown, record.remembered = before.shown, before.remembered
                record.last = before.last
                record.tally = before.tally.with_buckets(self.topology.components[name].buckets)
                self._update(name, before.health, at)
        self._publisher.inherit(old._publisher, kept, self._records)
        self._advance(at)
        return self._publisher.rounds.awaited(self._records) & kept

    def record(self, seen: Observation) -> frozenset[str]:
        """One more run is over, of a component or of a vantage check; returns what is to be probed now."""
        name = seen.component
        if name in self.vantage_checks:
            self._record_vantage(seen)
            return _NOBODY
        if not self._vantage.online and seen.outcome != Outcome.PASS:
            seen = replace(seen, outcome=Outcome.UNKNOWN, reason=Reason.OFFLINE)
        record = self._records[name]
        before, after = record.health, observe(record.health, self.topology.components[name], seen)
        self._update(name, after, seen.ended)
        record.last = seen
        record.tally.add(seen)
        if record.tally.budget.add(seen, maintained=record.maintained):
            self._waiting.add(name)
        self._lag.add(seen.lag)
        self._publisher.rounds.heard(name)
        requested = self._open_round(name, seen.ended) if calls_for_a_round(before, after) else _NOBODY
        if after.state in FAILS and before.state not in FAILS:
            requested |= self._publisher.rounds.confirm(name, self._records)
        if is_blind(record.condition) and before.state != State.UNKNOWN:
            requested |= self._publisher.rounds.widen(name, self._publisher.blind)
        self._advance(seen.ended)
        return requested | self._publisher.wanted(seen.ended, self._records)

    def tick(self, now: float) -> frozenset[str]:
        """Time passes: silence, overdue rounds, recovery graces that end. Returns the components to be probed now."""
        before, self._maintained = self._maintained, self._in_maintenance(now)
        doubtful = []
        for name in dict.fromkeys([*self._silent_at.over(now), *sorted(before ^ self._maintained)]):
            record = self._records[name]
            later = expire(record.health, self.topology.components[name], now)
            record.maintained = name in self._maintained
            ended = name in before and not record.maintained
            later = begin_window(later) if ended else later
            if ended and later.failing_since is not None:
                later = forget_failures(later, Reason.NO_EVIDENCE, _AFTER_MAINTENANCE)
                doubtful.append(name)
            self._update(name, later, now)
        self._publisher.grant_after_maintenance(doubtful, now)
        doubtful += self._publisher.end_graces(now, self._records)
        requested = _NOBODY.union(*(self._open_round(name, now) | {name} for name in doubtful))
        self._publisher.rounds.examine_all()
        self._advance(now)
        self._statuses.tick(self.journal)
        return requested | self._publisher.wanted(now, self._records)

    def confirming(self, name: str) -> bool:
        """True while a component, or vantage check, is to be run again soon: its last run wants to be confirmed."""
        if name in self.vantage_checks:
            return (run := self._vantage.last[name]) is not None and run.outcome == Outcome.FAIL
        return self._records[name].health.confirming

    def looks_at(self, name: str) -> bool:
        """True while the verdict on a component that fails wants more runs of this one."""
        return name in self._records and self._publisher.rounds.looks_at(name, self._records)

    def maintain(self, window: MaintenanceWindow, now: float) -> None:
        """Add a maintenance window to the configured ones. Raises KeyError for an unknown component."""
        self.require(window.components)
        self.journal = self.journal.with_window(window, now)
        self.tick(now)

    def deploy(self, components: Collection[str], deploy: Deploy) -> None:
        """These components were deployed: their startup budget begins anew. Raises KeyError for an unknown one."""
        self.require(components)
        self.journal = self.journal.with_deploy(components, deploy)
        for name in self._records.keys() & components:
            health = deployed(self._records[name].health, self.topology.components[name].startup, deploy.at)
            self._update(name, health, deploy.at)

    def memory(self) -> Memory:
        """What a restart must not forget."""
        healths = {name: record.health for name, record in self._records.items()}
        earlier = {name: record.remembered for name, record in self._records.items() if record.remembered}
        return remember(self.topology.environment, healths, earlier, self.journal)

    def recall(self, memory: Memory) -> None:
        """Take up what an earlier process left; call it before the first run is recorded."""
        self.journal = memory.journal
        for name, record in self._records.items():
            record.remembered = memory.components.get(name)
            if was := record.remembered:
                record.health = was.recalled(record.health)

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the published root causes."""
        return tuple(sorted(self._publisher.published.roots))

    @property
    def suggestions(self) -> Suggestions:
        """What the incidents so far say about the configuration."""
        return suggest(self.graph, self.journal.incidents)

    @property
    def pending(self) -> bool:
        """True while a round is open and the verdict may still change."""
        return self._publisher.rounds.pending

    @property
    def unheard(self) -> frozenset[str]:
        """The checked components of which no run has ended yet."""
        return frozenset(name for name, record in self._records.items() if record.last is None)

    def snapshot(self, now: float) -> Snapshot:
        """What is published at `now`."""
        components = timely(self._statuses.current(self.journal))
        journeys = {name: journey_status(journey, components) for name, journey in self.topology.journeys.items()}
        last_seen, at_least = self._publisher.published.last_seen, self.journal.priorities_since(self._configured_at)
        roots = root_causes(components, journeys.values(), last_seen, at_least)
        roots = with_announced(self.journal.incidents, with_coincidences(self.graph, roots))
        return Snapshot(
            environment=self.topology.environment,
            generated_at=now,
            state=overall(roots, components),
            pending=self.pending,
            settled=not self._publisher.rounds.unsettled,
            online=self._vantage.online,
            ready=not self.unheard,
            components=components,
            root_causes=roots,
            journeys=journeys,
            lag=self._lag.frozen(),
        )

    def require(self, components: Collection[str]) -> None:
        """Raises KeyError with the first of them that is not in the configuration."""
        for name in (name for name in components if name not in self.topology.components):
            raise KeyError(name)

    def _update(self, name: str, health: Health, at: float) -> None:
        record = self._records[name]
        self._statuses.mark(name)
        if health.state != State.UNKNOWN and (was := record.remembered):
            record.remembered = None
            health = replace(health, since=was.since) if was.state == health.state else health
        record.health = health
        record.shown = mask(health, self._vantage, record.shown, at, maintained=record.maintained)
        condition = condition_of(record.shown, self.topology.components[name].interval, record.last)
        self.changes += self._publisher.changes(name, condition, self._records, at)
        record.condition = condition
        if health.known_at is not None and health.state != State.UNKNOWN:
            self._silent_at.set(name, health.known_at + SILENT * self.topology.components[name].interval)

    def _record_vantage(self, seen: Observation) -> None:
        was_online = self._vantage.online
        self._vantage = self._vantage.seen(seen)
        self.changes += (flipped := self._vantage.online != was_online)
        for name, record in self._records.items():
            health, began = record.health, record.health.failing_since
            if flipped and was_online and began is not None and not self._vantage.vouches(began):
                health = forget_failures(health, Reason.OFFLINE, _OFFLINE)
            if began is not None or flipped:
                self._update(name, health, seen.ended)
        self._publisher.rounds.examine_all()
        self._advance(seen.ended)

    def _in_maintenance(self, now: float) -> frozenset[str]:
        windows = (*self._windows, *self.journal.windows)
        active = (window for window in windows if window.active(now))
        return frozenset(name for window in active for name in window.components if name in self._records)

    def _open_round(self, trigger: str, at: float) -> frozenset[str]:
        """Open a round unless this component has one open; returns what it wants to be probed."""
        wanted = self._publisher.rounds.open(trigger, at, self._publisher.blind)
        return wanted | self.vantage_checks.keys() if wanted is not None else _NOBODY

    def _advance(self, now: float) -> None:
        published = self._publisher.advance(now, self._records, self._vantage)
        if not self._publisher.pauses:
            self._settle_budgets()
        if not published:
            return
        self.changes += 1
        known, rounds = self.journal.current_roots, self._publisher.rounds
        roots = self._publisher.published.roots
        if (roots or known) and not any(map(rounds.starting, known)):
            self.journal = self.journal.with_verdict(self._root_causes(), now)

    def _settle_budgets(self) -> None:
        """Count the failures of components whose verdict no open round covers any more."""
        known, rounds = self._publisher.published, self._publisher.rounds
        for name in self._waiting.settle(rounds.take_uncovered(), rounds.covers):
            record = self._records[name]
            grace = known.graces.get(name)
            recovering = grace is not None and not grace.over
            own = is_own_fault(known.verdicts[name], record.shown.state, recovering=recovering)
            record.tally.budget.settle(counts=own)
            self._statuses.mark(name)

    def _root_causes(self) -> tuple[RootCause, ...]:
        """The published ones, as a snapshot would have them."""
        published, at_risk_from = self._publisher.published, self._publisher.at_risk_from
        roots = published.roots
        named = ((n, (*published.verdicts[n].roots, *at_risk_from(n))) for n in self._publisher.in_question)
        affected = (n for n, of in named if not roots.isdisjoint(of))
        doubtful = [journey for journey in self.topology.journeys.values() if self._is_in_question(journey)]
        steps = (component for journey in doubtful for _, component in journey.steps)
        components = self._statuses.some({*roots, *affected, *steps}, self.journal)
        journeys = (journey_status(journey, components) for journey in doubtful)
        at_least = self.journal.priorities_since(self._configured_at)
        return root_causes(components, journeys, published.last_seen, at_least)

    def _is_in_question(self, journey: Journey) -> bool:
        return any(component in self._publisher.in_question for _, component in journey.steps)
