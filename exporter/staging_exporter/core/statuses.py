"""The statuses of all components, each built anew only when something that it follows from has changed.

A status that did not change is the same object in the next snapshot, by which views know that they have it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from staging_exporter.core.journal import Journal
from staging_exporter.core.model import Component
from staging_exporter.core.publisher import Publisher
from staging_exporter.core.records import Records
from staging_exporter.core.snapshot import ComponentStatus, Deploy
from staging_exporter.core.status import checked_status, latent_status

_MANY = 100  # statuses, which take about a millisecond


class Statuses:
    """What is published of each component, in the order of the configuration."""

    def __init__(self, components: Mapping[str, Component], records: Records, publisher: Publisher) -> None:
        self._components, self._records, self._publisher = components, records, publisher
        self._known: dict[str, ComponentStatus] = {}
        self._sources: dict[str, object] = dict.fromkeys(components)
        self._changed = dict.fromkeys(components)  # in their order
        self._of_journal: tuple[Mapping[str, Deploy], Mapping[str, int]] = {}, {}
        self._unsettled: dict[str, frozenset[str]] = {}
        self._roots: frozenset[str] = frozenset()

    def mark(self, name: str) -> None:
        """The record of this component may have changed."""
        self._changed[name] = None

    def current(self, journal: Journal) -> dict[str, ComponentStatus]:
        """All of them, with what the runs amount to."""
        self.refresh(journal)
        return self._known.copy()

    def tick(self, journal: Journal) -> None:
        """Build those that have changed when they are many, so that a snapshot has little left to build."""
        if len(self._changed) > _MANY:
            self.refresh(journal)

    def refresh(self, journal: Journal) -> None:
        """Build those that have changed."""
        self._mark_concluded(journal)
        for name in self._changed:
            sources = self._sources_of(name, journal)
            if sources != self._sources[name]:
                self._sources[name] = sources
                self._known[name] = self._status(name, journal, with_stats=True)
        self._changed.clear()

    def _mark_concluded(self, journal: Journal) -> None:
        """Mark those of which a verdict, or what an incident says, may have changed."""
        published, unsettled = self._publisher.published, self._publisher.rounds.unsettled
        self._changed.update(dict.fromkeys(self._publisher.take_renewed()))
        if unsettled != self._unsettled:
            self._changed.update(dict.fromkeys([*self._unsettled, *unsettled]))
            self._unsettled = dict(unsettled)
        if published.roots != self._roots:
            self._changed.update(dict.fromkeys(self._publisher.in_question))
            self._roots = published.roots
        if (journal.deploys, journal.shallow) != self._of_journal:
            self._changed.update(dict.fromkeys(self._components))
            self._of_journal = journal.deploys, journal.shallow

    def some(self, names: Iterable[str], journal: Journal) -> dict[str, ComponentStatus]:
        """Those of these components, without what their runs amount to."""
        self._mark_concluded(journal)
        return {name: self._status(name, journal, with_stats=False) for name in names}

    def _sources_of(self, name: str, journal: Journal) -> tuple[Any, ...]:
        """All that the status follows from: `_status` reads nothing else that can change."""
        publisher = self._publisher
        judged = (publisher.verdict(name), self._roots)
        if name not in self._records:
            return (*judged, publisher.latent_since.get(name))
        record, tally = self._records[name], self._records[name].tally
        of_runs = (record.shown, record.condition.recent, record.last)
        counts = (tally.runs, tally.budget.runs, tally.budget.failures)
        of_verdict = (publisher.at_risk_from(name), publisher.published.graces.get(name))
        return (*judged, *of_runs, *counts, *of_verdict, journal.deploys.get(name), journal.shallow.get(name))

    def _status(self, name: str, journal: Journal, *, with_stats: bool) -> ComponentStatus:
        component, publisher = self._components[name], self._publisher
        verdict, roots = publisher.verdict(name), self._roots
        if component.latent:
            return latent_status(component, verdict, publisher.latent_since.get(name), roots)
        record, grace = self._records[name], publisher.published.graces.get(name)
        stats = record.tally.frozen() if with_stats else None
        at_risk_from = publisher.at_risk_from(name)
        return checked_status(component, record, verdict, at_risk_from, grace, roots, journal, stats)
