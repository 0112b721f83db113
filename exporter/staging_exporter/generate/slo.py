"""Error budgets: recording rules, burn rate alerts, and the objectives that alerts are possible for.

Windows and factors are those of the Site Reliability Workbook, table 5-8, for a budget of 30 days, and of the ticket
alerts of sloth (https://sloth.dev/introduction/architecture/): budget share x 30 days / long window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from staging_exporter.core import names
from staging_exporter.core.model import Component, Layer, Priority, State, Topology
from staging_exporter.generate.alerts import Alert, Role
from staging_exporter.generate.promql import HERE, Selectors, number

DEFAULT = 0.99
_UP = "environment_component:staging_component_up:max"
UP_5M = "environment_component:staging_component_up:avg5m"
BUDGET = "environment_component:staging_slo_error_budget:ratio"
_FASTEST = 14.4  # the factor of the window of one hour
_FEWEST = 3  # failed probes that an alert needs at least
# Priority, and its two conditions: factor, long window, short window.
_BURNS = (
    (Priority.P1, ((_FASTEST, "1h", "5m"), (6.0, "6h", "30m"))),
    (Priority.P2, ((3.0, "1d", "2h"), (1.0, "3d", "6h"))),
)
_FAST = ("5m", "30m", "1h", "2h", "6h")
_SLOW = ("1d", "3d")


def objectives(topology: Topology, configured: Mapping[str, float]) -> dict[str, float]:
    """The objective of every component that has one: its own, or 0.99 when the file configures none at all.

    Test suites have none, since they are no services. The default is left out where alerts on it are not possible.
    """
    services = {name: c for name, c in topology.components.items() if c.layer != Layer.TEST}
    if configured:
        return {name: configured[name] for name in services if name in configured}
    return {name: DEFAULT for name, c in services.items() if not c.latent and not refusal(c, DEFAULT)}


def refusal(component: Component, objective: float) -> str | None:
    """Why alerts on that objective could not work, or None."""
    threshold = _FASTEST * (1 - objective)
    if threshold >= 1:
        lowest = 1 - 1 / _FASTEST
        return f"an objective of {number(objective)} can never fire a burn rate alert; above {lowest:.4f} it can"
    failed = threshold * 3600 / component.interval
    if failed < _FEWEST and not component.latent:
        highest = 1 - _FEWEST * component.interval / (3600 * _FASTEST)
        return (
            f"an objective of {number(objective)} would fire on fewer than {_FEWEST} failed probes an hour at an "
            f"interval of {component.interval:g} s; at most {int(highest * 10000) / 10000:.4f} does not"
        )
    return None


def fast_rules(environment: str, wanted: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """The availability that counts, the budgets, and the windows up to six hours."""
    of = Selectors(environment)
    up = f"max by (environment, component) ({of(names.COMPONENT_UP)})"
    yield {"record": _UP, "expr": f"{up}\nunless {HERE} ({of.state(State.MAINTENANCE)})"}
    for name, objective in wanted.items():
        labels = {names.ENVIRONMENT: environment, names.COMPONENT: name}
        yield {"record": BUDGET, "expr": f"vector({number(1 - objective)})", "labels": labels}
    for window in _FAST:
        yield _errors(of, window)


def slow_groups(environment: str) -> Iterator[dict[str, Any]]:
    """The windows of days. An evaluation reads the whole window, so it is rare and reads averages of five minutes."""
    of = Selectors(environment)
    average = {"record": UP_5M, "expr": f"avg_over_time({of(_UP)}[5m])"}
    for window, before in zip(_SLOW, ([average], []), strict=True):
        yield {"name": f"staging-slo-{window}", "interval": "5m", "rules": [*before, _errors(of, window, UP_5M)]}


def _errors(of: Selectors, window: str, source: str = _UP) -> dict[str, Any]:
    return {"record": errors_ratio(window), "expr": f"1 - avg_over_time({of(source)}[{window}])"}


def errors_ratio(window: str) -> str:
    """The recorded share of that window in which a component was not available."""
    return f"environment_component:staging_slo_errors:ratio_avg{window}"


def alerts(environment: str) -> Iterator[Alert]:
    """One name, two urgencies; the urgent one leaves out outages whose root cause has been paged."""
    of = Selectors(environment)
    for priority, conditions in _BURNS:
        burns = "\n  or ".join(f"({_burns(of, *condition)})" for condition in conditions)
        paged = _already_paged(of, conditions[-1][2]) if priority == Priority.P1 else ()
        long, short = conditions[0][1:]
        yield Alert(
            "StagingErrorBudgetBurn",
            priority,
            Role.SLO,
            of.components(f"and {HERE} (\n  {burns}\n)", *paged),
            "Error budgets of {{ $labels.environment }} are burning too fast.",
            f"{{{{ $labels.component }}}} has been down for so much of the last {long} and {short}, or of longer "
            "windows, that its error budget for 30 days will not last.",
        )


def _already_paged(of: Selectors, window: str) -> Iterator[str]:
    """Leaves out root causes and their symptoms in that window: the burn rate stays high after the outage."""
    yield f"unless {HERE} (max_over_time({of(names.ROOT_CAUSE)}[{window}]) == 1)"
    yield f"unless {HERE} max_over_time({of(names.AFFECTED_BY)}[{window}])"


def _burns(of: Selectors, factor: float, long: str, short: str) -> str:
    budget = f"> {HERE} {number(factor)} * {of(BUDGET)}"
    return f"{of(errors_ratio(long))} {budget} and {HERE} {of(errors_ratio(short))} {budget}"
