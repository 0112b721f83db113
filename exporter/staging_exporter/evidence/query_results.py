"""Answers of the query API of Prometheus: https://prometheus.io/docs/prometheus/latest/querying/api/."""

from __future__ import annotations

from typing import Any, NamedTuple

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.exchange import Response
from staging_exporter.options.answers import snippet

_MAX_LABELS = 200  # characters of a series in a detail


class Sample(NamedTuple):
    """The value of a series; of a range its newest, with the Unix time of that one, else None."""

    series: str
    value: float
    at: float | None = None


def incomplete(response: Response) -> str | None:
    """The first warning of the answer, None when it is complete; Thanos and Prometheus list them under `warnings`."""
    warnings = response.document.get("warnings")
    if isinstance(warnings, list) and warnings:
        return str(warnings[0])[:_MAX_LABELS]
    # https://docs.victoriametrics.com/cluster-victoriametrics/#cluster-availability
    return "isPartial is true" if response.document.get("isPartial") is True else None


def samples(response: Response, *, ranges: bool = False) -> list[Sample]:
    """Each series of an instant vector or a scalar; with `ranges` each series of a range. Raises ProbeFailed."""
    try:
        data = response.document["data"]
        rows, found = data["result"], data["resultType"]
        if ranges and found == "matrix":
            newest = [(row["metric"], row["values"][-1]) for row in rows if row["values"]]
            return [Sample(_labels(metric), float(value), float(at)) for metric, (at, value) in newest]
        if not ranges and found == "scalar":
            return [Sample("the value", float(rows[1]))]
        if not ranges and found == "vector":
            return [Sample(_labels(row["metric"]), float(row["value"][1])) for row in rows]
    except (ValueError, TypeError, LookupError, AttributeError):
        pass
    wanted = "not a range of samples" if ranges else "neither an instant vector nor a scalar"
    raise ProbeFailed(Reason.NO_EVIDENCE, f"the answer is {wanted}{snippet(response)}")


def _labels(metric: dict[str, Any]) -> str:
    pairs = ", ".join(f'{name}="{value}"' for name, value in metric.items() if name != "__name__")
    text = f"{metric.get('__name__', '')}{{{pairs}}}" if pairs else str(metric.get("__name__", "the value"))
    return text if len(text) <= _MAX_LABELS else text[: _MAX_LABELS - 3] + "..."
