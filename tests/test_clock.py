"""The one clock, by the two clocks of the machine."""

from __future__ import annotations

import pytest
from staging_exporter.clock import Clock

# What the wall clock and the monotonic clock show, and what ours says.
READINGS = {
    "time passes": ([(1000.0, 5.0), (1010.0, 15.0)], [1000.0, 1010.0]),
    "the machine slept for an hour": ([(1000.0, 5.0), (4610.0, 15.0), (4611.0, 16.0)], [1000.0, 4610.0, 4611.0]),
    "the wall clock is set forward": ([(1000.0, 5.0), (1060.0, 6.0), (1061.0, 7.0)], [1000.0, 1060.0, 1061.0]),
    "it is set back, which nobody follows": ([(1000.0, 5.0), (400.0, 6.0), (401.0, 7.0)], [1000.0, 1001.0, 1002.0]),
    "it comes back after that": ([(1000.0, 5.0), (400.0, 6.0), (1002.0, 7.0)], [1000.0, 1001.0, 1002.0]),
    "it is adjusted by little": ([(1000.0, 5.0), (1010.9, 15.0)], [1000.0, 1010.0]),
}


@pytest.mark.parametrize("story", READINGS)
def test_the_time_of_the_clock(story: str) -> None:
    readings, said = READINGS[story]
    walls, steadies = ([reading[n] for reading in (readings[0], *readings)] for n in (0, 1))
    clock = Clock(iter(walls).__next__, iter(steadies).__next__)  # the first reading is that of its beginning
    assert [clock() for _ in readings] == pytest.approx(said)


def test_a_clock_that_was_set_back_is_followed_on_demand() -> None:
    walls, steadies = iter([4600.0, 1001.0, 1001.0, 1002.0]), iter([5.0, 6.0, 6.0, 7.0])
    clock = Clock(walls.__next__, steadies.__next__)
    assert clock.ahead() == pytest.approx(3600.0)
    assert clock.set_back() == pytest.approx(3600.0)
    assert clock() == pytest.approx(1002.0)
