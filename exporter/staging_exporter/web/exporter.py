"""What the routes need of the running exporter; `app.App` implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from staging_exporter.core.blackbox import ProbeResult
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.history import Change
from staging_exporter.core.incidents import Incident, Note, Query
from staging_exporter.core.past import Past
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.core.story import AlertPlan
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.page.tools import Tools


class ReportRefused(Exception):
    """A pushed report is not accepted; the text is the reason."""


class NotForAnyone(Exception):
    """A check that runs a program is run on demand only for those who may probe; the text says so."""


class History(Protocol):
    """What happened, as the routes see it; every method raises StorageFailed."""

    @property
    def past(self) -> Past:
        """The states over time."""

    @property
    def newest(self) -> Incident | None:
        """The newest incident."""

    async def incidents(self, query: Query) -> list[Incident]:
        """Those that the query asks for, newest first."""

    async def incident(self, id_: str) -> Incident | None:
        """The incident with that id."""

    async def notes(self, ids: Sequence[str]) -> dict[str, list[Note]]:
        """The notes on these incidents, oldest first."""

    async def changes(self, begin: float, end: float) -> list[Change]:
        """The changes between the two times, oldest first."""

    async def annotate(self, incident: str, note: Note) -> None:
        """Add a note to an incident, stored when this returns. Raises KeyError when there is no such incident."""


class Exporter(Protocol):
    """The running exporter, as the routes see it."""

    def own_status(self) -> ExporterStatus:
        """How the exporter itself is doing."""

    def tools(self) -> Tools:
        """What the pages link to, and the next commands."""

    def snapshot(self) -> Snapshot:
        """The published snapshot."""

    async def reload(self) -> str | None:
        """Load the configuration again; returns its errors, or None."""

    async def probe(self, name: str, longest: float | None, *, trusted: bool) -> ProbeResult:
        """Run the check of a component now, within `longest` seconds; those that run programs for `trusted` callers.

        Raises KeyError, NoCheck, NotForAnyone and RateLimitExceeded.
        """

    async def maintain(self, components: Sequence[str], duration: float, by: str) -> None:
        """Start a maintenance window of `duration` seconds, stored when this returns; 0 ends it. `by` is who asked.

        Raises KeyError for an unknown component, StorageFailed when it could not be stored and is not in force.
        """

    async def deploy(self, components: Sequence[str], revision: str, by: str) -> None:
        """Mark components as deployed just now, stored when this returns. Raises KeyError and StorageFailed."""

    async def receive_report(
        self, component: str, chunks: AsyncIterator[bytes], run: str | None, by: str
    ) -> dict[str, Any]:
        """Store a pushed report of this run; returns what was read in it, as JSON values.

        Raises KeyError, ReportRefused, Unreadable and OSError.
        """

    @property
    def history(self) -> History:
        """What happened so far."""

    def alerts(self) -> Mapping[str, AlertPlan]:
        """The alert for root causes of each priority."""

    def suggestions(self) -> Suggestions:
        """What the incidents so far say about the configuration."""
