"""Runs on demand, for `/probe`: their result, and the names that blackbox_exporter has for what a kind sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from staging_exporter.core.model import Observation, Reason

Value = Callable[[Observation], float | None]
_REGEX_HELP = "Whether the probe failed because the content was not what is expected."


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric without labels; it is left out where `value` is None."""

    name: str
    help: str
    value: Value


@dataclass(frozen=True, slots=True)
class StateGauge:
    """A metric with one series for each of `states`, 1 for the one that the fact has; left out without the fact."""

    name: str
    help: str
    label: str
    states: tuple[str, ...]
    fact: str


@dataclass(frozen=True, slots=True)
class BlackboxNames:
    """`duration` is the metric of the phases, `phases` its label for each phase of ours.

    Without `phases` those of the run are shown by our own names, without a `duration` by our own metric. `label` is
    what a phase is called.
    """

    duration: str = ""
    phases: Mapping[str, str] = field(default_factory=dict)
    gauges: tuple[Gauge, ...] = ()
    states: tuple[StateGauge, ...] = ()
    label: str = "phase"


def fact(name: str) -> Value:
    """The fact as a number; None without it."""
    return lambda seen: float(seen.facts[name]) if name in seen.facts else None


def number(name: str) -> Value:
    """The fact as a number; 0 without it."""
    return lambda seen: float(seen.facts.get(name) or 0)


def present(name: str) -> Value:
    """1 when there is such a fact, else 0."""
    return lambda seen: float(name in seen.facts)


def equals(name: str, value: Any) -> Value:
    """1 when the fact has this value, else 0."""
    return lambda seen: float(seen.facts.get(name) == value)


def failed_by_content(name: str = "probe_failed_due_to_regex") -> Gauge:
    """The gauge that is 1 when the content was not what is expected."""
    return Gauge(name, _REGEX_HELP, lambda seen: float(seen.reason == Reason.CONTENT))


class Paused(Exception):
    """A component is in a maintenance window in which nothing is sent to it."""


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
