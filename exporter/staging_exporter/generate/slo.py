"""Error budgets: recording rules, burn rate alerts, and the objectives that alerts are possible for.

All of them are shares of `staging_slo_runs_total` that `staging_slo_failures_total` counts, summed over the exporters
that probe: what counts is decided once, in the exporter.

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
_RUNS = "environment_component:staging_slo_runs:increase5m"
_FAILURES = "environment_component:staging_slo_failures:increase5m"
# One in five of them: consecutive, not overlapping.
RUNS_EVERY_5M = "environment_component:staging_slo_runs:increase5m_every5m"
FAILURES_EVERY_5M = "environment_component:staging_slo_failures:increase5m_every5m"
BUDGET = "environment_component:staging_slo_error_budget:ratio"
_FASTEST = 14.4  # the factor of the window of one hour
_FEWEST = 3  # failed probes that an alert needs at least
_QUIETEST = "20m"  # the longest interval that `refusal` allows at any objective
# Priority, and its two conditions: factor, long window, short window.
_BURNS = (
    (Priority.P1, ((_FASTEST, "1h", "5m"), (6.0, "6h", "30m"))),
    (Priority.P2, ((3.0, "1d", "2h"), (1.0, "3d", "6h"))),
)
_EXACT = ("5m", "30m", "1h")  # from the counters themselves
_FAST = ("2h", "6h")
_SLOW = ("1d", "3d")


def objectives(topology: Topology, configured: Mapping[str, float]) -> dict[str, float]:
    """The objective of every component that has one: its own, or 0.99 when the file configures none at all.

    Test suites have none, since they are no services. The default is left out where alerts on it are not possible.
    """
    services = {name: c for name, c in topology.components.items() if c.layer != Layer.TEST}
    if configured:
        return {name: configured[name] for name in services if name in configured}
    return {name: DEFAULT for name, c in services.items() if not refusal(c, DEFAULT)}


def refusal(component: Component, objective: float) -> str | None:
    """Why alerts on that objective could not work, or None."""
    if component.latent:
        return "a component without a check has no probes that an error budget could count"
    threshold = _FASTEST * (1 - objective)
    if threshold >= 1:
        lowest = 1 - 1 / _FASTEST
        return f"an objective of {number(objective)} can never fire a burn rate alert; above {lowest:.4f} it can"
    failed = threshold * 3600 / component.interval
    if failed < _FEWEST:
        highest = 1 - _FEWEST * component.interval / (3600 * _FASTEST)
        return (
            f"an objective of {number(objective)} would fire on fewer than {_FEWEST} failed probes an hour at an "
            f"interval of {component.interval:g} s; at most {int(highest * 10000) / 10000:.4f} does not"
        )
    return None


def fast_rules(environment: str, wanted: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """The runs and failures that count, the budgets, and the windows up to six hours."""
    of = Selectors(environment)
    for record, counter in ((_RUNS, names.BUDGET_RUNS), (_FAILURES, names.BUDGET_FAILURES)):
        yield {"record": record, "expr": _increase(of, counter, "5m")}
    for name, objective in wanted.items():
        labels = {names.ENVIRONMENT: environment, names.COMPONENT: name}
        yield {"record": BUDGET, "expr": f"vector({number(1 - objective)})", "labels": labels}
    for window in _EXACT:
        failed, counted = (_increase(of, counter, window) for counter in (names.BUDGET_FAILURES, names.BUDGET_RUNS))
        yield _errors(window, failed, counted)
    for window in _FAST:
        yield _errors_of_sums(of, window, _FAILURES, _RUNS)


def slow_groups(environment: str) -> Iterator[dict[str, Any]]:
    """The windows of days. An evaluation reads the whole window, so it is rare and reads one sample in five."""
    of = Selectors(environment)
    sampled = [
        {"record": record, "expr": of(source)}
        for record, source in ((RUNS_EVERY_5M, _RUNS), (FAILURES_EVERY_5M, _FAILURES))
    ]
    for window, before in zip(_SLOW, (sampled, []), strict=True):
        rules = [*before, _errors_of_sums(of, window, FAILURES_EVERY_5M, RUNS_EVERY_5M)]
        yield {"name": f"staging-slo-{window}", "interval": "5m", "rules": rules}


def _increase(of: Selectors, counter: names.Metric, window: str) -> str:
    """Of each exporter by itself, since one that restarts begins at zero; then their sum."""
    return f"sum by (environment, component) (increase({of(counter)}[{window}]))"


def _errors_of_sums(of: Selectors, window: str, failures: str, runs: str) -> dict[str, Any]:
    return _errors(window, *(f"sum_over_time({of(source)}[{window}])" for source in (failures, runs)))


def _errors(window: str, failures: str, runs: str) -> dict[str, Any]:
    """Absent where no run counts: not 0, which would be a perfect record, and not NaN."""
    return {"record": errors_ratio(window), "expr": f"{failures}\n/ ({runs} > 0)"}


def errors_ratio(window: str) -> str:
    """The recorded share of the runs in that window that failed."""
    return f"environment_component:staging_slo_errors:ratio_rate{window}"


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
            of.components(f"and {HERE} (\n  {burns}\n)", f"unless {HERE} ({of.state(State.MAINTENANCE)})", *paged),
            "Error budgets of {{ $labels.environment }} are burning too fast.",
            f"So many probes of {{{{ $labels.component }}}} failed in the last {long} and {short}, or in longer "
            "windows, that its error budget for 30 days will not last.",
        )


def _already_paged(of: Selectors, window: str) -> Iterator[str]:
    """Leaves out root causes and their symptoms in that window: the burn rate stays high after the outage."""
    yield f"unless {HERE} (max_over_time({of(names.ROOT_CAUSE)}[{window}]) == 1)"
    yield f"unless {HERE} max_over_time({of(names.AFFECTED_BY)}[{window}])"


def _burns(of: Selectors, factor: float, long: str, short: str) -> str:
    """Both windows burn, and runs were counted as long ago as the long one names."""
    budget = f"> {HERE} {number(factor)} * {of(BUDGET)}"
    source = RUNS_EVERY_5M if long in _SLOW else _RUNS
    known = f"present_over_time({of(source)}[{short}] offset {long})"
    latest = of(errors_ratio(short))
    if short == "5m":  # a quiet component may finish no run in five minutes
        latest = f"last_over_time({latest}[{_QUIETEST}])"
    return f"{of(errors_ratio(long))} {budget} and {HERE} {latest} {budget} and {HERE} {known}"
