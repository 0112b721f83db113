"""Metric families -> the text format 0.0.4 or OpenMetrics 1.0, to the byte as prometheus_client writes them.

Label sets are text, since building and sorting a mapping for each of thousands of samples takes most of the time.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice

from prometheus_client.utils import floatToGoString

from staging_exporter.core.names import COUNTER, HISTOGRAM, Metric
from staging_exporter.core.snapshot import Histogram

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_VERSIONS = {"application/openmetrics-text": "1.0.0", "text/plain": "0.0.4"}
_PIECE = 500  # lines
_VALUE = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_PLAIN = 1e6  # values below that are written as Python does
_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Samples:
    """A gauge or counter family; rows are (label set as text, value). A label set may be empty."""

    metric: Metric
    rows: Iterable[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Histograms:
    """A histogram family; rows are (label set as text, histogram)."""

    metric: Metric
    rows: Iterable[tuple[str, Histogram]]


Family = Samples | Histograms


def escaped(value: str) -> str:
    """The value of a label as it is written."""
    return value.translate(_VALUE) if "\\" in value or '"' in value or "\n" in value else value


def label_set(**labels: str) -> str:
    """The label set of these labels, sorted as the library does."""
    return ",".join([f'{name}="{escaped(value)}"' for name, value in sorted(labels.items())])


def content_type(accept: str) -> str:
    """`OPENMETRICS` when an Accept header prefers it or accepts both equally, else `TEXT`."""
    quality = dict.fromkeys(_VERSIONS, 0.0)
    for media, given in _items(accept):
        if media in quality and given.get("version") in (None, _VERSIONS[media]):
            quality[media] = max(quality[media], _quality(given.get("q", "1")))
    openmetrics, text = quality.values()
    return OPENMETRICS if openmetrics and openmetrics >= text else TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """True when an Accept-Encoding header names gzip without `q=0`."""
    return any(coding == "gzip" and _quality(given.get("q", "1")) > 0 for coding, given in _items(accept_encoding))


def _items(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The items of an Accept header, each with its parameters."""
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        yield name, dict(parameter.partition("=")[::2] for parameter in parameters)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def render(families: Iterable[Family], form: str) -> Iterator[str]:
    """All families in the format of that content type, in pieces that each take a millisecond or two.

    Without the `# EOF` that ends OpenMetrics.
    """
    for family in families:
        yield from _family(family, form)


def head(metric: Metric, form: str) -> str:
    """The lines before the samples of a family."""
    name, text = metric.name, metric.help.translate(_HELP)
    if form == OPENMETRICS:
        name = name.removesuffix("_total") if metric.kind == COUNTER else name
        text = metric.help.translate(_VALUE)
    return f"# HELP {name} {text}\n# TYPE {name} {metric.kind}\n"


def _family(family: Family, form: str) -> Iterator[str]:
    metric = family.metric
    yield head(metric, form)
    if isinstance(family, Histograms):
        assert metric.kind == HISTOGRAM
        for labels, histogram in family.rows:
            yield histogram_lines(metric.name, labels, histogram)
    else:
        bare, begin, rows = metric.name, metric.name + "{", iter(family.rows)
        while lines := [
            f"{f'{begin}{labels}}}' if labels else bare} {number(value)}\n" for labels, value in islice(rows, _PIECE)
        ]:
            yield "".join(lines)


def histogram_lines(name: str, labels: str, histogram: Histogram) -> str:
    """The samples of one histogram, whose labels all sort before `le`."""
    counts = list(accumulate(histogram.counts))
    begin = f'{name}_bucket{{{labels},le="'
    bounds = _bounds(histogram.bounds)
    buckets = "".join([f'{begin}{bound}"}} {number(count)}\n' for bound, count in zip(bounds, counts, strict=True)])
    return f"{buckets}{name}_count{{{labels}}} {number(counts[-1])}\n{name}_sum{{{labels}}} {number(histogram.total)}\n"


@cache
def _bounds(bounds: tuple[float, ...]) -> list[str]:
    return [*map(number, bounds), "+Inf"]


def number(value: float) -> str:
    """A value as the library writes it, which is as Go does."""
    return repr(float(value)) if -_PLAIN < value < _PLAIN else str(floatToGoString(value))  # type: ignore[no-untyped-call]
