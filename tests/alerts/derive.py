"""From a row of the table to test cases of promtool, one of every sort."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from staging_exporter.core.names import BUILD_INFO
from staging_exporter.generate.promql import quoted

from tests.alerts.table import ENVIRONMENT, Row, Series, Wave

SORTS = ("firing", "silent", "boundary", "stale series", "exporter restart", "two exporters")
_KEEP = 300.0
_GAP = 45.0  # seconds of a restart of the exporter; shorter than the `for` of StagingExporterDown

Case = tuple[str, str, dict[str, Any]]  # alert, sort, test of promtool


@dataclass(frozen=True)
class Rule:
    """The parts of a generated rule that the cases depend on."""

    hold: float
    labels: Mapping[str, str]


def cases(row: Row, rule: Rule) -> Iterator[Case]:
    """All cases of one row."""
    step = row.step
    began = row.lead * step
    fires = began + row.delay + -(-rule.hold // step) * step
    late = fires + 4 * step

    def case(sort: str, waves: Mapping[Series, Wave], expected: Mapping[float, bool], *gaps: _Gap) -> Case:
        last = max(expected)
        return (
            row.alert,
            sort,
            _test(row, rule, f"{row.alert} {row.priority} {sort}", waves, began, last, expected, gaps),
        )

    yield case("firing", row.waves, {fires: True, late: True})
    yield case("silent", {series: _good(wave) for series, wave in row.waves.items()}, {late: False})
    for other in (row.almost, *row.nor):
        if other:
            yield case("silent", {**row.waves, **other}, {late: False})
    yield case("boundary", row.waves, {fires - step: False, fires: True})
    keep = -(-_KEEP // step) * step
    over = late + row.lingers + keep
    yield case("stale series", row.waves, {over - step: True, over + 2 * step: False}, _Gap(late, None))
    gap = _Gap(late, late + max(_GAP, step))
    checks = {late + n * step: True for n in range(8)}
    yield case("exporter restart", row.waves, checks, gap)
    yield case("two exporters", row.waves, {fires - step: False, fires: True, late: True}, _PAIR)


@dataclass(frozen=True)
class _Gap:
    """No samples from `begin` until `end`; afterwards the series have another `instance`."""

    begin: float
    end: float | None


_PAIR = _Gap(float("inf"), 0.0)  # both instances answer all the time


def absence(alert: str, rule: Rule, environment: str = ENVIRONMENT) -> Iterator[Case]:
    """Cases of an alert on the absence of the exporter, which fires when the series end, but not for a restart."""
    series: Series = (BUILD_INFO, (("version", "1"),))
    row = Row(alert, {series: lambda _now, _began: 1.0}, labels={"layer": "platform"}, environment=environment)
    gone, fires = 300.0, 300.0 + rule.hold

    def case(sort: str, expected: Mapping[float, bool], *gaps: _Gap) -> Case:
        title = f"{alert} {sort}"
        return alert, sort, _test(row, rule, title, row.waves, 0.0, max(expected), expected, gaps)

    yield case("firing", {fires + 60: True}, _Gap(gone, None))
    yield case("silent", {fires + 60: False})
    yield case("boundary", {fires - row.step: False, fires: True}, _Gap(gone, None))
    yield case("stale series", {fires + 600: True}, _Gap(gone, None))
    yield case("exporter restart", {gone + n * row.step: False for n in range(8)}, _Gap(gone, gone + _GAP))
    yield case("two exporters", {fires + 60: False}, _Gap(gone, 0.0))


def watchdog(alert: str, rule: Rule) -> Iterator[Case]:
    """Cases of the alert that always fires, once, and for its own environment."""
    labels = {"environment": ENVIRONMENT, **rule.labels}
    for sort in SORTS:
        always = _Expected(alert, "", labels, fires=True).test(0.0)
        other = f'ALERTS{{alertname="{alert}",environment!={quoted(ENVIRONMENT)}}}'
        checks = [always, {"expr": other, "eval_time": "1m", "exp_samples": []}]
        yield (
            alert,
            sort,
            {"name": f"{alert} {sort}", "interval": "15s", "input_series": [], "promql_expr_test": checks},
        )


def _good(wave: Wave) -> Wave:
    return lambda now, _began: wave(now, float("inf"))


@dataclass(frozen=True)
class _Expected:
    alert: str
    priority: str
    labels: Mapping[str, str]
    fires: bool

    def test(self, at: float) -> dict[str, Any]:
        chosen = f',priority="{self.priority}"' if self.priority else ""
        query = f'ALERTS{{alertname="{self.alert}",alertstate="firing"{chosen}}}'
        labels = {"alertname": self.alert, "alertstate": "firing", **self.labels}
        text = ",".join(f"{key}={quoted(value)}" for key, value in labels.items())
        samples = [{"labels": f"ALERTS{{{text}}}", "value": 1}] if self.fires else []
        return {"expr": query, "eval_time": f"{at:.0f}s", "exp_samples": samples}


def _test(
    row: Row,
    rule: Rule,
    title: str,
    waves: Mapping[Series, Wave],
    began: float,
    last: float,
    expected: Mapping[float, bool],
    gaps: tuple[_Gap, ...],
) -> dict[str, Any]:
    steps = [n * row.step for n in range(int(last // row.step) + 2)]
    written = []
    for instance in ("a", "b"):
        seen = _while(instance, gaps[0] if gaps else None)
        for series, wave in waves.items():
            values = [wave(now, began) if seen(now) else None for now in steps]
            if any(value is not None for value in values):
                written.append({"series": _name(series, row.environment, instance), "values": notation(values)})
    written += [{"series": _name(one, row.environment, "c"), "values": f"1x{len(steps)}"} for one in row.always]
    labels = {"environment": row.environment, **row.labels, **rule.labels}
    checks = [_Expected(row.alert, row.priority, labels, fires).test(at) for at, fires in expected.items()]
    return {"name": title, "interval": f"{row.step:.0f}s", "input_series": written, "promql_expr_test": checks}


def _while(instance: str, gap: _Gap | None) -> Callable[[float], bool]:
    """Whether an instance answers: the first until the gap, the second after it."""
    if gap is None:
        return lambda _now: instance == "a"
    if instance == "a":
        return lambda now: now < gap.begin
    return lambda now: gap.end is not None and now >= gap.end


def _name(series: Series, environment: str, instance: str) -> str:
    metric, labels = series
    given = {"environment": environment, "instance": instance, **dict(labels)}
    return f"{metric.name}{{{','.join(f'{key}={quoted(value)}' for key, value in given.items())}}}"


def notation(values: list[float | None]) -> str:
    """Samples in the notation of promtool; where a series ends it is marked stale, as by a scrape."""
    parts: list[str] = []
    before: float | None = None
    for value, run in groupby(values):
        count = len(list(run))
        if value is None:
            parts += ["stale"] if before is not None else ["_"]
            parts += [f"_x{count - 1}"] if count > 1 else []
        else:
            parts.append(f"{value!r}x{count - 1}")
        before = value
    return " ".join(parts)
