"""The base of every kind: a frozen model whose fields are its configuration and whose `run()` probes once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import Field

from staging_exporter.core.blackbox import BlackboxNames
from staging_exporter.core.model import Reason, Trait
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.model import Model, PositiveDuration


class Degraded(Model):
    """What makes a passing run a degraded one; kinds add their matchers."""

    slower_than: PositiveDuration | None = Field(
        None, description="a passing run that takes longer is degraded, reason `slow`"
    )


class PushedReport(Protocol):
    """What was read in a report that was pushed."""

    counts: dict[str, int]
    failing: list[str]

    @property
    def total(self) -> int:
        """How many test cases it has."""


class Check(Model):
    """One check. A kind is a subclass with `kind: Literal[...]`, its options, and `run()`.

    A kind declares what others must know about it, so that nobody else names a kind: `phase_names` are the phases
    that a run can report, in order; `thresholds` are a `fall` and a `rise` that replace those of `defaults`, unless the
    component has its own; `traits` decide which metrics and alerts a component has beside those of all components;
    `blackbox` holds the names of blackbox_exporter for `/probe`; `covers_option` is the option that lists the
    components that the check tests, `startup_option` the field that takes the `startup.when` of the component; None
    for a kind without one. `environment_section` is the top-level key whose values are the defaults of options with the
    same names.
    `runs_programs`: not everybody who may read may run it on demand.
    """

    phase_names: ClassVar[tuple[str, ...]] = ()
    thresholds: ClassVar[Mapping[str, int]] = {}
    traits: ClassVar[frozenset[Trait]] = frozenset()
    blackbox: ClassVar[BlackboxNames] = BlackboxNames()
    covers_option: ClassVar[str | None] = None
    startup_option: ClassVar[str | None] = None
    environment_section: ClassVar[str | None] = None
    runs_programs: ClassVar[bool] = False

    kind: str
    degraded: Degraded = Degraded()

    @abstractmethod
    async def run(self, context: ProbeContext) -> None:
        """Probe once; returning normally is a pass.

        Records phases and facts in `context` as it goes, so that they survive a deadline. Need not watch the deadline:
        the prober enforces it by cancelling. Raises ProbeFailed or ProbeDegraded with a reason and what was seen
        beside what was expected; OSError, ssl.SSLError, EOFError and TimeoutError may be left to the prober,
        which classifies them in the same way for all kinds.
        """

    def hosts(self) -> tuple[str, ...]:
        """Hosts that each run sends a request to, once per request: the rate limit counts them."""
        return ()

    def report_reader(self) -> Callable[[Path], PushedReport] | None:
        """Reads a report that was pushed for the component; None when the check accepts none."""
        return None

    def most_runs(self) -> int | None:
        """How many runs an hour may have, retries included; None without a limit."""
        return None

    def observes(self) -> Mapping[str, str | None]:
        """The steps of a run, each with the component that it is the check of, None for one of its own."""
        return {}

    def time_limits(self) -> Iterator[tuple[tuple[str | int, ...], float]]:
        """(path, seconds) of the times that parts of a run have: none may be longer than the `timeout`."""
        return iter(())

    def next_command(self, _reason: Reason) -> str | None:
        """A command for people that shows what a run with this reason saw; None when a run shows it best."""
        return None

    def names(self) -> tuple[str, ...]:
        """Host names of the target: `validate` warns where two checks use dash and dot forms of one name."""
        return self.hosts()


def observed(name: str, check: Check) -> dict[str, tuple[str, ...]]:
    """The components that steps of this check of the component `name` can observe, with those steps.

    A step for which no component is named has one of its own: `NAME.STEP`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for step, component in check.observes().items():
        place = component or f"{name}.{step}"
        found[place] = (*found.get(place, ()), step)
    return found
