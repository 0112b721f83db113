"""The only mutable object: runs are recorded on it, time passes over it, snapshots are taken of it.

`record` and `tick` answer with the components that are to be probed now, because a round asks for them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from staging_exporter.core.graph import Graph
from staging_exporter.core.health import Health, deployed, expire, forgive, observe
from staging_exporter.core.journal import Journal
from staging_exporter.core.journeys import journey_status, overall, root_causes
from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.masking import overlay
from staging_exporter.core.memory import Memory, Remembered, remember
from staging_exporter.core.model import Component, Observation, Outcome, Reason, State, Topology
from staging_exporter.core.rounds import Rounds, calls_for_a_round
from staging_exporter.core.rules import FAILS, Condition, stops_explaining
from staging_exporter.core.schedule import SPREAD
from staging_exporter.core.snapshot import LAG_BUCKETS, ComponentStatus, Deploy, Snapshot
from staging_exporter.core.status import checked_status, latent_status, timely
from staging_exporter.core.tally import Counts, Tally
from staging_exporter.core.vantage import Vantage
from staging_exporter.core.verdict_lifecycle import Published, conclude

_NOBODY: frozenset[str] = frozenset()
_PAUSE = 0.2  # seconds between two verdicts while first results pour in


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
        checked = [name for name, component in topology.components.items() if not component.latent]
        self._health = dict.fromkeys(checked, Health())
        self._shown = dict.fromkeys(checked, Health())
        self.vantage_checks = {check.name: check for check in vantage}
        self._vantage = Vantage(dict.fromkeys(self.vantage_checks))
        self._windows = tuple(windows)
        self.journal = Journal()
        self._remembered: dict[str, Remembered] = {}
        self._maintained: frozenset[str] = _NOBODY
        self._conditions = dict.fromkeys(checked, Condition(State.UNKNOWN))
        self._last: dict[str, Observation] = {}
        self._tallies = {name: Tally() for name in checked}
        self._lag = Counts(LAG_BUCKETS)
        self._rounds = Rounds(self.graph, at, spread)
        self._latent_since: dict[str, float] = {}
        self._published = conclude(self.graph, Published(), self._conditions, self.graph.order, at, 0.0)
        self._news, self._drafted, self._eased = False, True, False
        self._overdue, self._published_at = _NOBODY, float("-inf")
        self.changes = 0  # grows whenever something that is published may have changed

    def inherit(self, old: Board, unchanged: Collection[str], at: float) -> frozenset[str]:
        """Take over what `old` knows of the components that did not change, so that a reload forgets nothing.

        Returns those of them that are to be probed now, because an open round waits for them.
        """
        kept = frozenset(name for name in unchanged if name in self._health and name in old._health)
        if self.vantage_checks == old.vantage_checks:
            self._vantage = old._vantage
        self.journal = old.journal
        self._remembered = {name: was for name, was in old._remembered.items() if name in kept}
        self._maintained = self._in_maintenance(at)
        for name in kept:
            self._shown[name] = old._shown[name]
            self._set_health(name, old._health[name], at)
            self._tallies[name] = old._tallies[name]
            if name in old._last:
                self._last[name] = old._last[name]
        self._lag = old._lag
        self._latent_since = dict(old._latent_since)
        same = {*kept, *(name for name, component in self.topology.components.items() if component.latent)}
        self._published = self._published.inherit(old._published, same)
        self._rounds.resume(old._rounds, kept, {name for name in self._last if not self._health[name].confirming})
        self._advance(at)
        return self._rounds.awaited(self._health, self._last) & kept

    def record(self, seen: Observation) -> frozenset[str]:
        """One more run is over, of a component or of a vantage check; returns what is to be probed now."""
        name = seen.component
        if name in self.vantage_checks:
            self._record_vantage(seen)
            return _NOBODY
        if not self._vantage.online and seen.outcome != Outcome.PASS:
            seen = replace(seen, outcome=Outcome.UNKNOWN, reason=Reason.OFFLINE)
        before = self._health[name]
        after = observe(before, self.topology.components[name], seen)
        self._set_health(name, after, seen.ended)
        self._last[name] = seen
        self._tallies[name].add(seen)
        self._lag.add(seen.lag)
        self._rounds.heard(name)
        asked = self._ask(name, seen.ended) if calls_for_a_round(before, after) else _NOBODY
        self._advance(seen.ended)
        return asked

    def tick(self, now: float) -> frozenset[str]:
        """Time passes: silence, overdue rounds, excuses that end. Returns the components to be probed now."""
        maintained = self._in_maintenance(now)
        changed, self._maintained = maintained ^ self._maintained, maintained
        for name, health in self._health.items():
            later = expire(health, self.topology.components[name], now)
            if later is not health or name in changed:
                self._set_health(name, later, now)
        asked = self._end_excuses(now)
        self._advance(now)
        return asked

    def confirming(self, name: str) -> bool:
        """True while a component, or vantage check, is to be run again soon: its last run wants to be confirmed."""
        if name in self.vantage_checks:
            run = self._vantage.last[name]
            return run is not None and run.outcome == Outcome.FAIL
        return self._health[name].confirming

    def maintain(self, window: MaintenanceWindow, now: float) -> None:
        """Add a maintenance window to the configured ones. Raises KeyError for an unknown component."""
        self._know(window.components)
        self.journal = self.journal.with_window(window, now)
        self.tick(now)

    def deploy(self, components: Collection[str], deploy: Deploy) -> None:
        """These components were deployed: their startup budget begins anew. Raises KeyError for an unknown one."""
        self._know(components)
        self.journal = self.journal.with_deploy(components, deploy)
        for name in components:
            if name in self._health:
                self._set_health(name, deployed(self._health[name], deploy.at), deploy.at)

    def memory(self) -> Memory:
        """What a restart must not forget."""
        return remember(self.topology.environment, self._health, self._remembered, self.journal)

    def recall(self, memory: Memory) -> None:
        """Take up what an earlier process left; call it before the first run is recorded."""
        self.journal = memory.journal
        self._remembered = {name: kept for name, kept in memory.components.items() if name in self._health}
        for name, kept in self._remembered.items():
            self._health[name] = replace(self._health[name], first_failure=kept.first_failure, spent=kept.spent)

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the root causes that stand."""
        return tuple(sorted(self._published.roots))

    @property
    def pending(self) -> bool:
        """True while a round is open and the verdict may still change."""
        return self._rounds.pending

    @property
    def ready(self) -> bool:
        """True when every check has run once."""
        return len(self._last) == len(self._health)

    def snapshot(self, now: float) -> Snapshot:
        """What is published at `now`."""
        standing, known = self._published.roots, self.topology.components
        components = timely({name: self._status(component, standing) for name, component in known.items()})
        journeys = {name: journey_status(journey, components) for name, journey in self.topology.journeys.items()}
        held = {name: held for name, held in self._published.held.items() if components[name].state == State.UNKNOWN}
        roots = root_causes(components, journeys.values(), held)
        return Snapshot(
            environment=self.topology.environment,
            generated_at=now,
            state=overall(roots, components),
            pending=self.pending,
            settled=not self._rounds.unsettled,
            online=self._vantage.online,
            ready=self.ready,
            components=components,
            root_causes=roots,
            journeys=journeys,
            lag=self._lag.frozen(),
        )

    def _status(self, component: Component, roots: frozenset[str]) -> ComponentStatus:
        name = component.name
        verdict = self._published.verdicts[name]
        if component.latent:
            return latent_status(component, verdict, self._latent_since.get(name), roots)
        unsettled = self._rounds.unsettled.get(name, _NOBODY) & self.graph.ancestors(name) if verdict.root else _NOBODY
        return checked_status(
            component,
            self._shown[name],
            replace(verdict, suspects=tuple(sorted({*verdict.suspects, *unsettled}))) if unsettled else verdict,
            self._published.excuses.get(name),
            self._last.get(name),
            self._tallies[name].frozen(),
            roots,
            self.journal.deploys.get(name),
        )

    def _know(self, components: Collection[str]) -> None:
        for name in components:
            if name not in self.topology.components:
                raise KeyError(name)

    def _set_health(self, name: str, health: Health, at: float) -> None:
        if health.state != State.UNKNOWN and (kept := self._remembered.pop(name, None)) and kept.state == health.state:
            health = replace(health, since=kept.since)
        self._health[name] = health
        shown = overlay(health, self._vantage, self._shown[name], at, maintained=name in self._maintained)
        self._shown[name] = shown
        failing_since = None if shown.state == State.UP else shown.failing_since
        condition = Condition(shown.state, shown.reason, failing_since, shown.detail, shown.since)
        before = self._conditions[name]
        if condition == before:
            return
        if stops_explaining(before.state, condition.state):
            self._before_recovery(at)
        self._news = True
        self.changes += 1
        self._conditions[name] = condition

    def _before_recovery(self, at: float) -> None:
        """What a recovery leaves behind shows beside the verdicts right before it: draw them up if that was put off."""
        self._eased = True
        if not self._drafted:
            self._publish((), at)
            self._drafted = True

    def _record_vantage(self, seen: Observation) -> None:
        was_online = self._vantage.online
        self._vantage = self._vantage.seen(seen)
        for name, health in self._health.items():
            doubtful = health.failing_since is not None and not self._vantage.vouches(health.failing_since)
            lost = was_online and not self._vantage.online
            self._set_health(name, forgive(health) if lost and doubtful else health, seen.ended)
        self._advance(seen.ended)

    def _in_maintenance(self, now: float) -> frozenset[str]:
        windows = (*self._windows, *self.journal.windows)
        return frozenset(name for window in windows if window.active(now) for name in window.components)

    def _ask(self, trigger: str, at: float) -> frozenset[str]:
        """Open a round; returns whom it asks."""
        asked = self._rounds.open(trigger, at)
        return asked | self.vantage_checks.keys() if asked is not None else _NOBODY

    def _end_excuses(self, now: float) -> frozenset[str]:
        """What still fails when its excuse ends is asked once more before it is blamed."""
        excuses = self._published.excuses
        ended = [name for name, excuse in excuses.items() if now >= excuse.until]
        if not ended:
            return _NOBODY
        self._news = True
        left = {name: excuse for name, excuse in excuses.items() if name not in ended}
        self._published = replace(self._published, excuses=left)
        failing = [name for name in ended if self._conditions[name].state in FAILS]
        return _NOBODY.union(*(self._ask(name, now) | {name} for name in failing))

    def _advance(self, now: float) -> None:
        """Close the rounds that are complete or overdue, and publish what no open round covers."""
        closed, overdue = self._rounds.close(now, self._health, self._last, self._vantage)
        self._news |= bool(closed)
        self._overdue |= overdue
        if not self._news:
            return
        if self._rounds.opening and not self._eased and self._published_at <= now < self._published_at + _PAUSE:
            self._drafted = False
            return
        names = [name for name in self.graph.order if name in self._overdue or not self._rounds.covers(name)]
        self._drafted = bool(names) or self._eased
        if self._drafted:
            self._publish(names, now)
        self._news, self._eased, self._overdue = False, False, _NOBODY

    def _publish(self, names: Collection[str], now: float) -> None:
        before = self._published
        self.changes += 1
        self._published_at = now
        self._published = conclude(self.graph, before, self._conditions, names, now, self.topology.recovery)
        for name, verdict in self._published.verdicts.items():
            if name not in self._health and before.verdicts[name].state != verdict.state:
                self._latent_since[name] = now
        known = self.journal.standing
        if self._published.roots != known and not any(map(self._rounds.starting, known)):
            self.journal = self.journal.with_verdict(self.snapshot(now).root_causes, now)
