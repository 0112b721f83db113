"""The exporter itself, and the error budgets of the components."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat, table, timeseries

from staging_exporter.core import names
from staging_exporter.core.model import INCONCLUSIVE, Reason, State
from staging_exporter.core.names import COMPONENT
from staging_exporter.generate import slo
from staging_exporter.generate.dashboards.board import document
from staging_exporter.generate.dashboards.component import linked_column
from staging_exporter.generate.dashboards.panels import (
    WIDTH,
    curves,
    in_unit,
    listing,
    now,
    number,
    over_time,
    rows,
)
from staging_exporter.generate.dashboards.queries import RATE, Queries
from staging_exporter.generate.dashboards.words import GREEN, RED, YELLOW, YES_GOOD

NAME = "exporter-slo"
_PERIOD = "30d"
_WINDOWS = ("5m", "1h", "6h", "3d")  # of the burn rate alerts: https://sre.google/workbook/alerting-on-slos/


def dashboard(queries: Queries) -> str:
    """The dashboard as JSON."""
    return document(
        queries,
        NAME,
        "exporter and SLO",
        "Whether the exporter works, and how much of each error budget is left.",
        [
            ("Exporter health", list(_health(queries))),
            ("Probes", list(_probes(queries))),
            ("Process", list(_process(queries))),
            ("SLO", list(_budgets(queries))),
        ],
    )


def _health(queries: Queries) -> Iterator[stat.Panel]:
    yield number("Scraped", "Whether Prometheus can scrape the exporter.", now(f"min({queries.exporter('up')})"),
                 words=YES_GOOD, none="never")  # fmt: skip
    yield number("Online", "Whether at least one vantage check passes.",
                 now(f"min({queries(names.ONLINE)})"), words=YES_GOOD, none="unknown")  # fmt: skip
    yield number("Last reload succeeded", "After a failed reload the previous configuration stays in use.",
                 now(f"min({queries(names.RELOAD_OK)})"), words=YES_GOOD, none="unknown")  # fmt: skip
    yield number("Configuration loaded", "When a configuration was last loaded successfully.",
                 now(f"max({queries(names.RELOAD_TIME)}) * 1000"), unit="dateTimeFromNow",
                 none="never")  # fmt: skip
    unknown = queries.by([COMPONENT], names.COMPONENT_STATE, state=State.UNKNOWN)
    yield number("Unknown components", "Number of components without a usable result.",
                 now(f"sum({unknown})"), steps=((None, GREEN), (1.0, YELLOW)))  # fmt: skip
    late = f"(time() - {queries.of(names.LAST_RUN)}) / {queries.of(names.INTERVAL)}"
    yield number("Oldest result", "Age of the oldest result, in intervals of its check; above 3 the state is unknown.",
                 now(f"max({late})"), unit="suffix:intervals",
                 steps=((None, GREEN), (2.0, YELLOW), (3.0, RED)))  # fmt: skip


def _probes(queries: Queries) -> Iterator[timeseries.Panel]:
    runs = queries(names.PROBES)
    skipped = queries(names.SKIPPED)
    yield curves("Probe rate", "Probes per second, over all components, and scheduled ones that did not run.",
                 over_time(f"sum(rate({runs}[{RATE}]))", "run", "probes per second"),
                 over_time(f"sum(rate({skipped}[{RATE}]))", "skipped", "skipped per second"), unit="ops",
                 span=8)  # fmt: skip
    lag = queries(names.LAG, suffix="_bucket")
    lags = [
        over_time(f"histogram_quantile({q}, sum by (le) (rate({lag}[{RATE}])))", f"q{index}", f"quantile {q}")
        for index, q in enumerate(("0.5", "0.99"))
    ]
    yield curves("Schedule lag", "How late probes start: the event loop or the machine is busy.", *lags, unit="s",
                 span=8)  # fmt: skip
    yield curves("Inconclusive probes", "Probes without a result for their target, by reason; a stall of the event "
                 f"loop counts as {Reason.PROBE_ERROR}.",
                 over_time(_inconclusive(queries), legend="{{reason}}"), unit="short", span=8,
                 stacked=True)  # fmt: skip


def _inconclusive(queries: Queries) -> str:
    """Probes without a result, by reason; `probe_error` is 0 when there was none, so that the panel is never empty."""
    reasons = f'reason=~"{"|".join(sorted(INCONCLUSIVE))}"'
    lost = f"sum by (reason) (increase({queries(names.PROBE_FAILURES, reasons)}[{RATE}]))"
    return f'{lost} or label_replace(vector(0), "reason", "{Reason.PROBE_ERROR}", "", "")'


def _process(queries: Queries) -> Iterator[timeseries.Panel]:
    def process(title: str, description: str, metric: str, unit: str) -> timeseries.Panel:
        return curves(title, description, over_time(queries.exporter(metric), legend="{{instance}}"), unit=unit, span=6)

    yield process("Memory", "Resident memory of the exporter.", "process_resident_memory_bytes", "bytes")
    yield process("CPU", "CPU cores in use.", f"rate(process_cpu_seconds_total[{RATE}])", "short")
    yield process("Open files", "Open file descriptors, sockets included.", "process_open_fds", "short")
    yield process("Scrape duration", "Duration of the scrapes of /metrics.", "scrape_duration_seconds", "s")


def _budgets(queries: Queries) -> Iterator[table.Panel | timeseries.Panel]:
    """From the recorded series that the burn rate alerts use, so that both agree."""
    yield _budget_table(queries)
    for window in ("1h", "6h"):
        yield curves(f"Burn rate over {window}", "1 uses up the budget in exactly 30 days; needs the generated rules.",
                     over_time(_burn(queries, window), legend=f"{{{{{COMPONENT}}}}}"), unit="short")  # fmt: skip


def _budget_table(queries: Queries) -> table.Panel:
    budget = _recorded(queries, slo.BUDGET)
    failed, counted = (
        f"sum by ({COMPONENT}) (sum_over_time({queries(series)}[{_PERIOD}]))"
        for series in (slo.FAILURES_EVERY_5M, slo.RUNS_EVERY_5M)
    )
    errors = f"{failed} / ({counted} > 0)"
    burns = {f"Value #{window}": f"Burn {window}" for window in _WINDOWS}
    panel = listing(
        "Error budgets",
        "What is left of the error budget of 30 days, below zero when the objective is missed, and the burn rate by "
        "window. Needs the generated rules.",
        rows(f"1 - {budget}", "objective"),
        rows(f"1 - {errors}", "passed"),
        rows(f"1 - {errors} / {budget}", "left"),
        *(rows(_burn(queries, window), window) for window in _WINDOWS),
        columns={COMPONENT: "Component", "Value #objective": "Objective", "Value #passed": "Passed",
                 "Value #left": "Budget left", **burns},
        none="No recording rules",
        sort="Budget left",
        join=COMPONENT,
        span=WIDTH,
    )  # fmt: skip
    for column in ("Objective", "Passed", "Budget left"):
        panel = panel.override_by_name(*in_unit(column, "percentunit"))
    for column in burns.values():
        panel = panel.override_by_name(*in_unit(column, "suffix:x"))
    return panel.override_by_name(*linked_column(queries.environment))


def _burn(queries: Queries, window: str) -> str:
    """The burn rate: how many times faster than the objective allows, by component."""
    return f"{_recorded(queries, slo.errors_ratio(window))} / {_recorded(queries, slo.BUDGET)}"


def _recorded(queries: Queries, name: str) -> str:
    return f"max by ({COMPONENT}) ({queries(name)})"
