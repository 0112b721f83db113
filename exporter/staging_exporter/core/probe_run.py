"""The result of a run on demand, or why there is none; shared by engine and web server."""

from __future__ import annotations

from dataclasses import dataclass

from staging_exporter.core.blackbox import BlackboxNames
from staging_exporter.core.model import Observation


class NoCheck(Exception):
    """The component is latent: there is nothing to run."""


class RateLimitExceeded(Exception):
    """The rate limit allows the next request to the host in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a run of at most `timeout` seconds, to be shown with the `names` of its kind.

    `log` has (seconds since its start, text).
    """

    names: BlackboxNames
    timeout: float
    seen: Observation
    log: tuple[tuple[float, str], ...]
