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

Only the region of what changed is diagnosed again (`region`). After a publication the next one waits for as long as its
size asks: while the first runs come in at least `_PAUSE`, and where a region is large, so that a thousand components
that fail at once are not diagnosed a thousand times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from staging_exporter.core.diagnosis import Verdict
from staging_exporter.core.graph import Graph
from staging_exporter.core.instability import are_most
from staging_exporter.core.masking import Vantage
from staging_exporter.core.model import State
from staging_exporter.core.records import Record, Records, conditions_of
from staging_exporter.core.region import region_of
from staging_exporter.core.rounds import Rounds
from staging_exporter.core.rules import FAILS, Condition, is_blind, stops_explaining
from staging_exporter.core.verdict_lifecycle import Published, RecoveryGrace, conclude, patience

_PAUSE = 0.2  # seconds between two publications while the first runs come in
_LARGE = 200  # components in a region, from which on publications are apart
_EACH = 0.0001  # seconds that each component of a large region adds between two of them
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
        self._conditions = conditions_of(records)
        self.published = conclude(graph, Published(), self._conditions, graph.order, at, 0.0)
        self.latent_since: dict[str, float] = {}
        self.blind = {name for name, condition in self._conditions.items() if is_blind(condition)}
        self.in_question = set(graph.components)  # not simply up and untroubled, by its runs or by a verdict
        self._slower: set[str] = set()
        self._we_are_slow = False
        self._changed: set[str] = set()  # since the verdicts were last renewed
        self._behind: set[str] = set()  # the published verdict is not the draft
        self._renewed: dict[str, None] = {}
        self._due = Due()
        self._granted = _NOBODY
        self._published_at, self._size = float("-inf"), 0

    def inherit(self, old: Publisher, kept: frozenset[str], records: Records) -> None:
        """Go on after a reload; `kept` are the checked components whose runs count on."""
        latents = (name for name in self._graph.components if name not in records)
        known = {name for name, record in records.items() if record.last is not None and not record.health.confirming}
        self.latent_since = dict(old.latent_since)
        before = old._graph.components
        alike = {n for n, c in self._graph.components.items() if n in before and c.latent == before[n].latent}
        self.published = self.published.inherit(old.published, {*kept, *latents}, alike)
        self._changed, self.in_question = set(self._graph.components), set(self._graph.components)
        self.rounds.resume(old.rounds, kept, known, self.blind)

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

    def changes(self, name: str, new: Condition, records: Records, at: float) -> bool:
        """A component is about to change; its record still has the old condition. True when a verdict may change."""
        old = records[name].condition
        matters = new != old or new.recent.fades_after(old.recent)
        if matters:
            self._state_changes(old.state, new.state, records, at)
        self.rounds.changed(name)
        self._conditions[name] = new
        _put(self.blind, name, is_blind(new))
        _put(self._slower, name, new.recent.slower)
        if not new.untroubled:
            self.in_question.add(name)
        if name in self.in_question or any(o in self.in_question and self._unseen(o) for o in self._graph.edges[name]):
            self._changed.add(name)
        return matters

    def _state_changes(self, old: State, new: State, records: Records, at: float) -> None:
        recovers = stops_explaining(old, new)
        if recovers and self._due.postponed and not self._is_large(at):
            self._publish((), records, at)
            self._due = replace(self._due, postponed=False)
        self._due = replace(self._due, changed=True, recovered=self._due.recovered or recovers)

    @property
    def pauses(self) -> bool:
        """True while something is due that is published a moment later."""
        return self._due.changed

    def take_renewed(self) -> Collection[str]:
        """The components about which anything was concluded anew since the last call."""
        renewed, self._renewed = self._renewed, {}
        return renewed.keys()

    def end_graces(self, now: float, records: Records) -> Iterable[str]:
        """The components whose recovery grace is over and that still fail: they are probed once more."""
        graces = self.published.graces
        ended = [name for name, grace in graces.items() if now >= grace.until and not grace.asked]
        if ended:
            graces |= {name: replace(graces[name], asked=True) for name in ended}
            self._due = replace(self._due, changed=True)
        return [name for name in ended if records[name].condition.state in FAILS]

    def grant_after_maintenance(self, names: Collection[str], now: float) -> None:
        """Components that failed until their maintenance ended may take as long to recover as after a root cause."""
        ends = {name: now + patience(self._graph, name, self._recovery) for name in names}
        self.published.graces |= {name: RecoveryGrace((), until, until) for name, until in ends.items()}
        self._renewed |= dict.fromkeys(names)

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
        self._due = Due(postponed=not (due.overdue or due.recovered or not self.rounds.cover_everything))
        if not self._due.postponed:
            self._publish(due.overdue, records, now, everything_uncovered=True)
        return not self._due.postponed

    def _pauses(self, now: float) -> bool:
        recent = self._published_at <= now < self._published_at + _PAUSE
        return self._is_large(now) or (recent and not self._due.recovered and self.rounds.opening)

    def _is_large(self, now: float) -> bool:
        """True when so much was diagnosed just before that more changes are waited for."""
        return self._size >= _LARGE and self._published_at <= now < self._published_at + self._size * _EACH

    def _publish(
        self, names: Collection[str], records: Records, now: float, *, everything_uncovered: bool = False
    ) -> None:
        """Renew the drafts of the region of what changed; publish those of `names`, or of all that no round covers."""
        region = self._region(now)
        if everything_uncovered:
            names = {name for name in region if name in names or not self.rounds.covers(name)}
        before, part = self.published, self._graph.within(region)
        looked_at, slow = self.rounds.looked_at(now), self._we_are_slow
        new = conclude(part, before, self._conditions, names, now, self._recovery, looked_at, we_are_slow=slow)
        self._granted |= new.graces.keys() - before.graces.keys()
        for name, verdict in new.verdicts.items():
            if verdict.inference is not None and before.verdicts[name].state != verdict.state:
                self.latent_since[name] = now
        before.renew(new, region)
        self._look_through(part.order)
        self._published_at, self._size = now, len(region)

    def _region(self, now: float) -> set[str]:
        """All whose verdicts may be others than they are: also by time, and those that no round holds back any more."""
        slow = are_most(len(self._slower), self._conditions)
        if slow != self._we_are_slow:
            self._we_are_slow = slow
            self._changed |= self._slower
        over = (n for n, grace in self.published.graces.items() if now >= grace.until)
        changed = self._changed.union(self._behind, over)
        return region_of(self._graph, changed, self.in_question, self._unseen)

    def _unseen(self, name: str) -> bool:
        return name in self.blind or self._graph.components[name].latent

    def _look_through(self, region: Iterable[str]) -> None:
        """Note what is in question after its verdict was renewed."""
        self._changed.clear()
        published = self.published
        for name in region:
            verdict, draft = published.verdicts[name], published.drafts[name]
            known = self._conditions.get(name)
            untroubled = (known is None or known.untroubled) and verdict.untroubled and draft.untroubled
            held = name in published.graces or name in published.last_seen
            _put(self.in_question, name, held or not untroubled)
            _put(self._behind, name, draft is not verdict)
            self._renewed[name] = None


def _put(names: set[str], name: str, among: bool) -> None:
    if among:
        names.add(name)
    else:
        names.discard(name)


def _seen_at(record: Record) -> float:
    return record.last.ended if record.last else float("-inf")
