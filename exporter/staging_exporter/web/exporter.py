"""What the routes need of the running exporter; `app.App` implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from staging_exporter.core.blackbox import ProbeResult
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.incidents import Incident
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.views.exporter_status import ExporterStatus


class ReportRefused(Exception):
    """A pushed report is not accepted; the text is the reason."""


class NotForAnyone(Exception):
    """A check that runs a program is run on demand only for those who may probe; the text says so."""


class NotStored(Exception):
    """A change could not be stored, so it was not made; the text is the reason."""


class Exporter(Protocol):
    """The running exporter, as the routes see it."""

    def own_status(self) -> ExporterStatus:
        """How the exporter itself is doing."""

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

        Raises KeyError for an unknown component, NotStored when it could not be stored and is not in force.
        """

    async def deploy(self, components: Sequence[str], revision: str, by: str) -> None:
        """Mark components as deployed just now, stored when this returns. Raises KeyError and NotStored."""

    async def receive_report(
        self, component: str, chunks: AsyncIterator[bytes], run: str | None, by: str
    ) -> dict[str, Any]:
        """Store a pushed report of this run; returns what was read in it, as JSON values.

        Raises KeyError, ReportRefused, Unreadable and OSError.
        """

    def incidents(self) -> Sequence[Incident]:
        """Past and present incidents, newest last."""

    def suggestions(self) -> Suggestions:
        """What the incidents so far say about the configuration."""
