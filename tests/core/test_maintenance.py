"""Maintenance windows, over midnight and when clocks change."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from staging_exporter.core.maintenance import MaintenanceWindow, Once, Weekly, paused

BERLIN = ZoneInfo("Europe/Berlin")
SAT, SUN = 5, 6


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("moment", "active"),
    [
        ("2026-12-01T21:59:59+01:00", False),
        ("2026-12-01T22:00:00+01:00", True),
        ("2026-12-01T21:30:00Z", True),
        ("2026-12-01T23:00:00+01:00", False),
    ],
)
def test_once(moment: str, active: bool) -> None:
    window = MaintenanceWindow(("redis",), Once(at("2026-12-01T22:00:00+01:00"), at("2026-12-01T23:00:00+01:00")))
    assert window.active(at(moment)) is active


@pytest.mark.parametrize(
    ("sentence", "day", "begin", "end", "moment", "active"),
    [
        ("before it begins", SAT, "02:00", "04:00", "2026-11-21T01:59:59+01:00", False),
        ("its first second", SAT, "02:00", "04:00", "2026-11-21T02:00:00+01:00", True),
        ("its end is outside", SAT, "02:00", "04:00", "2026-11-21T04:00:00+01:00", False),
        ("another day", SAT, "02:00", "04:00", "2026-11-22T03:00:00+01:00", False),
        ("local time counts, in winter", SAT, "02:00", "04:00", "2026-11-21T02:30:00Z", True),
        ("local time counts, in summer", SAT, "02:00", "04:00", "2026-07-18T00:30:00Z", True),
        ("over midnight, before it", SAT, "22:00", "02:00", "2026-11-21T23:30:00+01:00", True),
        ("over midnight, after it", SAT, "22:00", "02:00", "2026-11-22T01:59:00+01:00", True),
        ("over midnight, over", SAT, "22:00", "02:00", "2026-11-22T02:00:00+01:00", False),
        ("the morning of its day belongs to the day before", SAT, "22:00", "02:00", "2026-11-21T01:00:00+01:00", False),
        ("over midnight into another week", SUN, "22:00", "02:00", "2026-11-23T01:00:00+01:00", True),
        ("until midnight", SAT, "20:00", "00:00", "2026-11-21T23:59:59+01:00", True),
        ("until midnight, over", SAT, "20:00", "00:00", "2026-11-22T00:00:00+01:00", False),
        ("equal times are a whole day", SAT, "06:00", "06:00", "2026-11-22T05:59:59+01:00", True),
        ("clocks go forward: the missing hour shortens it", SUN, "01:00", "04:00", "2026-03-29T03:30:00+02:00", True),
        ("clocks go forward: it ends by the clock", SUN, "01:00", "04:00", "2026-03-29T04:00:00+02:00", False),
        ("clocks go forward: all of it is missing", SUN, "02:00", "03:00", "2026-03-29T03:00:00+02:00", False),
        ("clocks go back: the first time", SUN, "01:00", "04:00", "2026-10-25T02:30:00+02:00", True),
        ("clocks go back: the second time", SUN, "01:00", "04:00", "2026-10-25T02:30:00+01:00", True),
        ("clocks go back: no gap between", SUN, "02:45", "03:30", "2026-10-25T02:15:00+01:00", True),
        ("clocks go back: it ends by the clock", SUN, "02:45", "03:30", "2026-10-25T03:30:00+01:00", False),
    ],
)
def test_weekly(sentence: str, day: int, begin: str, end: str, moment: str, active: bool) -> None:
    weekly = Weekly(frozenset({day}), time.fromisoformat(begin), time.fromisoformat(end), BERLIN)
    assert MaintenanceWindow(("redis",), weekly).active(at(moment)) is active, sentence


@pytest.mark.parametrize(
    ("name", "moment", "probe", "expected"),
    [
        pytest.param("redis", 15.0, False, True, id="inside, without probes"),
        pytest.param("redis", 15.0, True, False, id="inside, with probes"),
        pytest.param("redis", 20.0, False, False, id="after it"),
        pytest.param("postgres", 15.0, False, False, id="of another component"),
    ],
)
def test_what_is_paused(name: str, moment: float, probe: bool, expected: bool) -> None:
    window = MaintenanceWindow(("redis",), Once(10.0, 20.0), probe=probe)
    assert paused([window], name, moment) is expected
