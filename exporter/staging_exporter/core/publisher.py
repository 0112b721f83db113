"""Rules 6 and 7 put to work: the open rounds, the published verdicts, and why the next publication is due.

Component states are published at once, verdicts only here. `Due` says why a publication is due:

| why | what is published, and when |
|---|---|
| `changed`: a state changed, a round closed, a recovery grace ended | verdicts on all that no open round covers |
| `overdue`: the rounds of these components ran out of time | their verdicts as well, whatever covers them |
| `recovered`: a component stopped explaining others | at once, and drafts even when rounds cover every component |
| `postponed`: something changed and no drafts were made | drafts, immediately before the next recovery |

Drafts are the verdicts that would be published if no round were open. A recovery grace is granted to what the drafts of
the moment before explain by the recovered component; so they must be up to date then, but need not be before.
While the first runs come in, publications are at least `_PAUSE` apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from staging_exporter.core.diagnosis import Verdict
from staging_exporter.core.graph import Graph
from staging_exporter.core.masking import Vantage
from staging_exporter.core.model import State
from staging_exporter.core.records import Record, Records, blind_ones, conditions_of
from staging_exporter.core.rounds import Rounds
from staging_exporter.core.rules import FAILS, stops_explaining
from staging_exporter.core.verdict_lifecycle import Published, RecoveryGrace, conclude, patience

_PAUSE = 0.2  # seconds between two publications while the first runs come in
_RECOVERING = 10.0  # seconds between two runs of what still fails after its root cause recovered, at most
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Due:
    """Why a publication is due; the table above says what each of these asks for."""

    changed: bool = False
    overdue: frozenset[str] = _NOBODY
    recovered: bool = False
    postponed: bool = False


class Publisher:
    """Decides when verdicts are published, and which; the board asks it after every change."""

    def __init__(self, graph: Graph, recovery: float, records: Records, at: float, spread: float) -> None:
        """`recovery` is how long a symptom may fail after its root cause has recovered, in seconds."""
        self._graph, self._recovery = graph, recovery
        self.rounds = Rounds(graph, at, spread)
        self.published = conclude(graph, Published(), conditions_of(records), graph.order, at, 0.0)
        self.latent_since: dict[str, float] = {}
        self._due = Due()
        self._granted = _NOBODY
        self._published_at = float("-inf")

    def inherit(self, old: Publisher, kept: frozenset[str], records: Records) -> None:
        """Go on after a reload; `kept` are the checked components whose runs count on."""
        latents = (name for name in self._graph.components if name not in records)
        known = {name for name, record in records.items() if record.last is not None and not record.health.confirming}
        self.latent_since = dict(old.latent_since)
        before = old._graph.components
        alike = {n for n, c in self._graph.components.items() if n in before and c.latent == before[n].latent}
        self.published = self.published.inherit(old.published, {*kept, *latents}, alike)
        self.rounds.resume(old.rounds, kept, known, blind_ones(records))

    def verdict(self, name: str) -> Verdict:
        """The published verdict; a root cause suspects also those that its round was cut short without."""
        verdict = self.published.verdicts[name]
        missed = self.rounds.unsettled.get(name, _NOBODY) if verdict.root else _NOBODY
        if not (unsettled := missed & self._graph.ancestors(name) if missed else _NOBODY):
            return verdict
        return replace(verdict, suspects=tuple(sorted({*verdict.suspects, *unsettled})))

    def at_risk_from(self, name: str) -> tuple[str, ...]:
        """Root causes that take down what it needs, and itself as far as is known before its verdict is published."""
        verdict, draft = self.published.verdicts[name], self.published.drafts[name]
        if draft is verdict:
            return verdict.at_risk_from
        return tuple(dict.fromkeys((*verdict.at_risk_from, *draft.roots, *draft.at_risk_from)))

    def state_changes(self, old: State, new: State, records: Records, at: float) -> None:
        """A component is about to change from `old` to `new`; its record still has the old condition."""
        recovers = stops_explaining(old, new)
        if recovers and self._due.postponed:
            self._publish((), records, at)
            self._due = replace(self._due, postponed=False)
        self._due = replace(self._due, changed=True, recovered=self._due.recovered or recovers)

    def end_graces(self, now: float, records: Records) -> Iterable[str]:
        """The components whose recovery grace is over and that still fail: they are probed once more."""
        graces = self.published.graces
        ended = [name for name, grace in graces.items() if now >= grace.until and not grace.asked]
        if ended:
            asked = {name: replace(graces[name], asked=True) for name in ended}
            self.published = replace(self.published, graces={**graces, **asked})
            self._due = replace(self._due, changed=True)
        return [name for name in ended if records[name].condition.state in FAILS]

    def grant_after_maintenance(self, names: Collection[str], now: float) -> None:
        """Components that failed until their maintenance ended may take as long to recover as after a root cause."""
        ends = {name: now + patience(self._graph, name, self._recovery) for name in names}
        granted = {name: RecoveryGrace((), until, until) for name, until in ends.items()}
        self.published = replace(self.published, graces={**self.published.graces, **granted})

    def wanted(self, now: float, records: Records) -> frozenset[str]:
        """What is to be probed now: what has a new recovery grace, or has one, still fails, and was not seen lately."""
        new, self._granted = self._granted, _NOBODY
        return new | {
            name
            for name in self.published.graces
            if records[name].condition.state in FAILS and _seen_at(records[name]) <= now - _RECOVERING
        }

    def advance(self, now: float, records: Records, vantage: Vantage) -> bool:
        """Close the rounds that are complete or overdue, and publish what is due; True when something was published."""
        closed, overdue = self.rounds.close(now, records, vantage)
        if closed:
            self._due = replace(self._due, changed=True, overdue=self._due.overdue | overdue)
        due = self._due
        if not due.changed:
            return False
        if self._pauses(now):
            self._due = replace(due, postponed=True)
            return False
        names = [name for name in self._graph.order if name in due.overdue or not self.rounds.covers(name)]
        self._due = Due(postponed=not (names or due.recovered))
        if not self._due.postponed:
            self._publish(names, records, now)
        return not self._due.postponed

    def _pauses(self, now: float) -> bool:
        recent = self._published_at <= now < self._published_at + _PAUSE
        return recent and not self._due.recovered and self.rounds.opening

    def _publish(self, names: Collection[str], records: Records, now: float) -> None:
        before = self.published
        self._published_at = now
        self.published = conclude(
            self._graph, before, conditions_of(records), names, now, self._recovery, self.rounds.looked_at(now)
        )
        self._granted |= self.published.graces.keys() - before.graces.keys()
        for name, verdict in self.published.verdicts.items():
            if verdict.inference is not None and before.verdicts[name].state != verdict.state:
                self.latent_since[name] = now


def _seen_at(record: Record) -> float:
    return record.last.ended if record.last else float("-inf")
