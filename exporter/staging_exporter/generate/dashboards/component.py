"""One component: its state, its response times, its failures, its dependencies and dependents."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import heatmap, stat, statetimeline, table, timeseries

from staging_exporter.core import names
from staging_exporter.core.names import COMPONENT
from staging_exporter.generate.dashboards.board import component_variable, document, link
from staging_exporter.generate.dashboards.panels import (
    Override,
    curves,
    heat,
    linked,
    listing,
    now,
    number,
    over_time,
    rows,
    strips,
    worded,
)
from staging_exporter.generate.dashboards.queries import RATE, Queries, renamed
from staging_exporter.generate.dashboards.words import (
    ALL_STATES,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    YES,
    YES_BAD,
)

NAME = "component"
_THIS = f'{COMPONENT}="${COMPONENT}"'
_QUANTILES = ("0.5", "0.9", "0.99")
_DAY = 86400.0


def dashboard(queries: Queries) -> str:
    """The dashboard as JSON."""
    return document(
        queries,
        NAME,
        "component",
        "One component: its state, response times, failures, dependencies and dependents.",
        [
            ("Overview", [*_now(queries), _timeline(queries)]),
            ("Results", list(_answers(queries))),
            ("Schedule", list(_probing(queries))),
            ("Dependencies", list(_neighbours(queries))),
        ],
        [component_variable(queries)],
    )


def linked_column(environment: str, column: str = "Component") -> Override:
    """An override: the names in this column link to this dashboard."""
    return linked(column, "Show this component", link(environment, NAME, "${__value.raw}"))


def _now(queries: Queries) -> Iterator[stat.Panel]:
    yield number("State", "Its state; a root cause or a symptom is shown as such.",
                 now(queries.words(_THIS)), words=ALL_STATES, none="no such component")  # fmt: skip
    yield number("In this state since", "When the current state was published.",
                 now(f"{queries.of(names.STATE_SINCE, _THIS)} * 1000"), unit="dateTimeFromNow")  # fmt: skip
    runs = queries(names.PROBES, _THIS)
    failures = queries(names.PROBE_FAILURES, _THIS)
    failed = f"(sum(increase({failures}[$__range])) or vector(0))"
    yield number("Passed", "Share of probes that passed, in the time range shown.",
                 now(f"1 - {failed} / sum(increase({runs}[$__range]))"), unit="percentunit",
                 steps=((None, RED), (0.95, ORANGE), (0.99, GREEN)), none="not probed")  # fmt: skip
    yield number("Root cause", "Whether the last settled verdict names it as a root cause.",
                 now(queries.of(names.ROOT_CAUSE, _THIS)), words=YES_BAD)  # fmt: skip
    yield number("Contradicted", "Down while a dependent is up: the problem may be the path from the exporter.",
                 now(queries.of(names.CONTRADICTED, _THIS)), words=YES)  # fmt: skip
    left = f"{queries.of(names.TLS_CHAIN_NOT_AFTER, _THIS)} - time()"
    yield number("Certificate expires in", "The first to expire of the verified chain; of all when it was not.",
                 now(left), unit="s", none="no certificate",
                 steps=((None, RED), (3 * _DAY, ORANGE), (14 * _DAY, YELLOW), (30 * _DAY, GREEN)))  # fmt: skip


def _timeline(queries: Queries) -> statetimeline.Panel:
    return strips("State over time", "A gap is missing data.",
                  over_time(queries.words(_THIS), legend=f"{{{{{COMPONENT}}}}}"), words=ALL_STATES,
                  height=5)  # fmt: skip


def _answers(queries: Queries) -> Iterator[timeseries.Panel | heatmap.Panel]:
    buckets = queries(names.PROBE_DURATION, _THIS, suffix="_bucket")
    yield heat("Duration", "Duration of probes that passed or were degraded.",
               over_time(f"sum by (le) (increase({buckets}[{RATE}]))", legend="{{le}}"))  # fmt: skip
    by_quantile = [
        over_time(f"histogram_quantile({q}, sum by (le) (rate({buckets}[{RATE}])))", f"q{index}", f"quantile {q}")
        for index, q in enumerate(_QUANTILES)
    ]
    yield curves("Duration quantiles", "Estimated from the histogram.", *by_quantile, unit="s")
    yield curves("Phases", "Duration of the phases of the last probe.",
                 over_time(queries.by(["phase"], names.PROBE_PHASE, _THIS), legend="{{phase}}"), unit="s",
                 stacked=True)  # fmt: skip
    failures = queries(names.PROBE_FAILURES, _THIS)
    yield curves("Failures by reason", "Probes that did not pass, degraded and inconclusive ones included.",
                 over_time(f"sum by (reason) (increase({failures}[{RATE}]))", legend="{{reason}}"), unit="short",
                 stacked=True)  # fmt: skip


def _probing(queries: Queries) -> Iterator[timeseries.Panel]:
    runs = queries(names.PROBES, _THIS)
    yield curves("Probes", "Probes per minute.",
                 over_time(f"60 * sum(rate({runs}[{RATE}]))", legend="probes per minute"), unit="short",
                 span=8)  # fmt: skip
    last, interval = queries.of(names.LAST_RUN, _THIS), queries.of(names.INTERVAL, _THIS)
    yield curves("Age of the last result", "When it is older than three intervals, the state becomes unknown.",
                 over_time(f"time() - {last}", "age", "age"), over_time(f"3 * {interval}", "limit", "three intervals"),
                 unit="s", span=8)  # fmt: skip
    lag = queries(names.LAG, suffix="_bucket")
    yield curves("Schedule lag of the exporter", "How late probes start, over all components.",
                 over_time(f"histogram_quantile(0.99, sum by (le) (rate({lag}[{RATE}])))", legend="quantile 0.99"),
                 unit="s", span=8)  # fmt: skip


def _neighbours(queries: Queries) -> Iterator[table.Panel]:
    """The states of dependencies and dependents; a dependency has the label `depends_on`, in `words()` `component`."""
    state = f"max by (depends_on) ({renamed(queries.words(), 'depends_on')})"
    dependencies = queries.of(names.DEPENDENCY, _THIS)
    dependents = queries.of(names.DEPENDENCY, f'depends_on="${COMPONENT}"')
    yield _listed(
        "Depends on",
        "Its dependencies and their states.",
        f"{dependencies} * on (depends_on) group_left () {state}",
        "depends_on",
    )
    yield _listed("Dependents", "Components that depend on it.",
                  f"{dependents} * on ({COMPONENT}) group_left () {queries.words()}", COMPONENT)  # fmt: skip
    affected_by = (
        f"{queries.of(names.AFFECTED_BY, _THIS)} * on (root_cause) group_left () "
        f"max by (root_cause) ({renamed(queries.words(), 'root_cause')})"
    )
    yield listing("Affected by", "Root causes that it is a symptom of.", rows(affected_by),
                  columns={"root_cause": "Root cause", "Value": "State"}, none="None",
                  span=8).override_by_name(*worded("State", ALL_STATES))  # fmt: skip


def _listed(title: str, description: str, expr: str, label: str) -> table.Panel:
    columns = {label: "Component", "Value": "State", "optional": "Optional"}
    panel = listing(title, description, rows(expr), columns=columns, none="None", sort="State", highest_first=True,
                    span=8)  # fmt: skip
    return panel.override_by_name(*worded("State", ALL_STATES))
