"""The formats: every byte is as prometheus_client writes the same families."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as LibraryFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from staging_exporter.core.names import COUNTER, GAUGE, HISTOGRAM, Metric
from staging_exporter.core.snapshot import Histogram
from staging_exporter.views.exposition import (
    OPENMETRICS,
    TEXT,
    Histograms,
    Samples,
    accepts_gzip,
    content_type,
    label_set,
    render,
)

_BOUNDS = (0.005, 1.0, 2.5)
_text = st.text(alphabet=st.one_of(st.sampled_from('"\\\n{},= #ü\u2028'), st.characters(exclude_categories=["Cs"])))
_sets = st.lists(st.tuples(_text, _text), unique=True, max_size=4)
_numbers = st.floats(allow_nan=False)
_counts = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
_buckets = st.lists(st.integers(0, 1000), min_size=len(_BOUNDS) + 1, max_size=len(_BOUNDS) + 1)


def _set(values: tuple[str, str]) -> str:
    return label_set(environment=values[0], component=values[1])


class _Families(Collector):
    def __init__(self, *families: LibraryFamily) -> None:
        self._families = families

    def collect(self) -> Iterable[LibraryFamily]:
        return self._families


def _theirs(family: LibraryFamily, form: str) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(family))
    return (generate_openmetrics if form == OPENMETRICS else generate_latest)(registry).decode()


def _ours(family: Samples | Histograms, form: str) -> str:
    return "".join(render([family], form)) + ("# EOF\n" if form == OPENMETRICS else "")


def _same(ours: Samples | Histograms, theirs: LibraryFamily, form: str) -> None:
    assert _ours(ours, form) == _theirs(theirs, form)


both_forms = pytest.mark.parametrize("form", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])


@both_forms
@given(sets=_sets, numbers=st.lists(_numbers, min_size=4, max_size=4), help_text=_text)
def test_a_gauge_is_written_as_the_library_writes_it(
    form: str, sets: list[tuple[str, str]], numbers: list[float], help_text: str
) -> None:
    rows = list(zip(sets, numbers, strict=False))
    theirs = GaugeMetricFamily("x_info", help_text, labels=["environment", "component"])
    for labels, value in rows:
        theirs.add_metric(labels, value)
    _same(Samples(Metric("x_info", GAUGE, help_text), [(_set(s), value) for s, value in rows]), theirs, form)


@both_forms
@given(sets=_sets, counts=st.lists(_counts, min_size=4, max_size=4))
def test_a_counter_is_written_as_the_library_writes_it(
    form: str, sets: list[tuple[str, str]], counts: list[float]
) -> None:
    rows = list(zip(sets, counts, strict=False))
    theirs = CounterMetricFamily("x_total", "Help.", labels=["environment", "component"])
    for labels, value in rows:
        theirs.add_metric(labels, value)
    _same(Samples(Metric("x_total", COUNTER, "Help."), [(_set(s), value) for s, value in rows]), theirs, form)


@both_forms
@given(sets=_sets, counts=_buckets, total=_counts)
def test_a_histogram_is_written_as_the_library_writes_it(
    form: str, sets: list[tuple[str, str]], counts: list[int], total: float
) -> None:
    theirs = HistogramMetricFamily("x_seconds", "Help.", labels=["environment", "component"])
    sums = [sum(counts[: end + 1]) for end in range(len(counts))]
    bounds = [*map(str, _BOUNDS), "+Inf"]
    for labels in sets:
        theirs.add_metric(labels, [(bound, float(seen)) for bound, seen in zip(bounds, sums, strict=True)], total)
    rows = [(_set(s), Histogram(_BOUNDS, tuple(counts), total)) for s in sets]
    _same(Histograms(Metric("x_seconds", HISTOGRAM, "Help."), rows), theirs, form)


@pytest.mark.parametrize(
    ("value", "written"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (True, "1.0"), (3, "3.0")]
)
def test_values_are_written_as_the_formats_require(value: float, written: str) -> None:
    text = "".join(render([Samples(Metric("x", GAUGE, "Help."), [('a="b"', value)])], TEXT))
    assert text.endswith(f'x{{a="b"}} {written}\n')


_PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html, */*;q=0.5", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1", TEXT),
        ("application/openmetrics-text;q=0.5, text/plain;version=0.0.4;q=0.6", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=much", TEXT),
        (_PROMETHEUS_2, OPENMETRICS),
        (_PROMETHEUS_3, OPENMETRICS),
    ],
)
def test_the_accept_header_decides_the_format(accept: str, expected: str) -> None:
    assert content_type(accept) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP ; Q=0.5", True),
        ("gzip, deflate, br, zstd", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, identity", False),
        ("gzip;q=much", False),
        ("x-gzippy", False),
    ],
)
def test_gzip_needs_an_accept_encoding_that_names_it(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected
