"""Where `check` and `explain` get the status from: probes of a configuration, or a running exporter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.commands.common import call_exporter, chosen, give_up, load, run_loop
from staging_exporter.config import Config
from staging_exporter.engine.run_once import run_until, unprobed
from staging_exporter.views.document import document
from staging_exporter.views.document_types import RunDocument, StatusDocument

_SETTLE = 60.0  # seconds that a running exporter is given to finish confirming
FROM_OPTION = click.option("--from", "url", metavar="URL", help="Ask the exporter at this address, or unix:/PATH.")

Done = Callable[[StatusDocument], bool]


class StatusSource(Protocol):
    """Gives the status at once, or as soon as a condition holds."""

    def first(self) -> StatusDocument:
        """The status without waiting: all components, with what is known of them now."""

    def until(self, done: Done, seconds: float) -> StatusDocument:
        """The first status that is not pending and for which `done` is true.

        After `seconds` the status of that moment; 0 waits only for the verdict. `done` is called for every status seen.
        """

    def failures(self, name: str) -> list[RunDocument] | None:
        """The last runs of a component that did not pass, newest last; None where only this command has probed it."""


class ProbedStatus:
    """Probes the components of a configuration in this process."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def first(self) -> StatusDocument:
        """The status before the first probe."""
        return document(unprobed(self._config))

    def until(self, done: Done, seconds: float) -> StatusDocument:
        """Probe until the verdict is settled and `done` is true."""
        return document(run_loop(run_until(self._config, lambda snapshot: done(document(snapshot)), seconds or None)))

    def failures(self, name: str) -> None:
        """Not known."""


class PublishedStatus:
    """Asks a running exporter; exits 2 when it does not answer."""

    def __init__(self, client: Client, seconds: float) -> None:
        """`seconds` is how long the first answer may take, so that the exporter may still be starting."""
        self._client, self._seconds = client, seconds

    def first(self) -> StatusDocument:
        """The status that is published now."""
        return call_exporter(lambda: self._client.wait_for_status(lambda _: True, self._seconds))

    def until(self, done: Done, seconds: float) -> StatusDocument:
        """Ask once a second."""
        return call_exporter(
            lambda: self._client.wait_for_status(
                lambda status: done(status) and not status["pending"], seconds or _SETTLE
            )
        )

    def failures(self, name: str) -> list[RunDocument]:
        """As far back as the exporter remembers."""
        return call_exporter(lambda: self._client.component(name))["failures"]


def status_source(
    config: Sequence[Path],
    url: str | None,
    seconds: float = 0.0,
    credentials: Credentials | None = None,
    *,
    takes_files: bool = True,
) -> StatusSource:
    """The source that the options name; exits 2 unless exactly one is given.

    `seconds` as for `PublishedStatus`, `takes_files` as for `chosen`.
    """
    config = chosen(tuple(config), required=url is None, takes_files=takes_files, or_else="; or --from URL")
    if config and url is None:
        return ProbedStatus(load(config))
    if url is None or config:
        give_up("give either --config.file or --from")
    return PublishedStatus(call_exporter(lambda: Client(url, credentials)), seconds)
