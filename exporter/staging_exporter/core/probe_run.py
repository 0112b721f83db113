"""What one run on demand saw, and why there may be none: the engine runs it, the web server answers with it."""

from __future__ import annotations

from dataclasses import dataclass

from staging_exporter.core.blackbox import BlackboxNames
from staging_exporter.core.model import Observation


class NoCheck(Exception):
    """The component is latent: there is nothing to run."""


class OverBudget(Exception):
    """No request may be sent to its host for another `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Probed:
    """What a run of at most `timeout` seconds saw, to be shown by the `names` of its kind.

    `log` has (seconds since its start, text).
    """

    names: BlackboxNames
    timeout: float
    seen: Observation
    log: tuple[tuple[float, str], ...]
