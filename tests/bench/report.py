"""The figures, as a table for people and as JSON for machines."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One measure of both exporters in `unit`; None where there is no such thing."""

    section: str
    measure: str
    unit: str
    ours: float | None
    blackbox: float | None = None


def spread(section: str, measure: str, unit: str, ours: Sequence[float], theirs: Sequence[float]) -> list[Row]:
    """Rows of p50, p95 and max."""
    points = (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
    return [Row(section, f"{measure}, {name}", unit, _at(ours, q), _at(theirs, q)) for name, q in points]


def _at(values: Sequence[float], quantile: float) -> float:
    return sorted(values)[min(len(values) - 1, int(quantile * len(values)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(rows: Sequence[Row]) -> str:
    """Sections with aligned columns."""
    width = max(len(row.measure) for row in rows)
    lines = []
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section, f"  {'':<{width}}  {'unit':<5} {'ours':>12} {'blackbox':>12}"]
        lines.append(f"  {row.measure:<{width}}  {row.unit:<5} {_number(row.ours):>12} {_number(row.blackbox):>12}")
    return "\n".join(lines)


def page(rows: Sequence[Row], head: str) -> str:
    """The same in Markdown, below `head`; a table for each section."""
    lines = [head]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", f"## {section}", "", "| | unit | staging-exporter | blackbox_exporter |", "|---|---|---|---|"]
        lines.append(f"| {row.measure} | {row.unit} | {_number(row.ours)} | {_number(row.blackbox)} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]
