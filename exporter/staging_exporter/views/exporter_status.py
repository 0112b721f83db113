"""How the exporter itself is doing, as metrics and page show it; made by `app` and `storage`."""

from __future__ import annotations

from dataclasses import dataclass


class StorageFailed(Exception):
    """Nothing was stored or read; the text is the reason."""


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """When something was last stored (Unix seconds), how many attempts failed, and why the last one did, or empty."""

    last_success: float | None = None
    errors: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SendingStatus:
    """How many attempts to send alerts to an Alertmanager failed, and why those that fail now do, or empty."""

    errors: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ExporterStatus:
    """How the exporter itself is doing.

    Whether the last reload succeeded, when the configuration was last loaded (Unix seconds), how many log lines nobody
    read in time, how storing goes (None without a store), how many logins failed, how many connections are open, how
    sending alerts goes (None when Prometheus does it).
    """

    reload_successful: bool
    loaded_at: float
    log_lines_dropped: int = 0
    storage: StorageStatus | None = None
    logins_failed: int = 0
    connections: int = 0
    sending: SendingStatus | None = None

    @property
    def problem(self) -> str:
        """What people must know who look at the page, in one sentence, or empty."""
        problems = []
        if self.storage and self.storage.problem:
            lost = "cannot store anything, so that a restart loses what happens now"
            problems.append(f"The exporter {lost}: {self.storage.problem}.")
        if self.sending and self.sending.problem:
            problems.append(f"The exporter cannot send alerts: {self.sending.problem}.")
        return " ".join(problems)
