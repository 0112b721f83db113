"""Points in time as others write them: numbers of any unit, RFC 3339 and ISO 8601, dates of HTTP and mail."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

FUTURE = 60.0  # seconds that another clock may be ahead of ours
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (math.inf, 1e9))  # below the first number: seconds, and so on
_EARLIEST = 946684800.0  # 2000-01-01: what is before it is no time, but a zero or a counter
_ZONE = re.compile(r" ?(UTC|GMT)$")  # as Maven's and others write it
_ZONES = 15 * 3600.0  # seconds that times without a time zone may differ: UTC-12 to UTC+14


class Moment(NamedTuple):
    """Unix seconds; `zoned` when they do not depend on an unknown time zone."""

    seconds: float
    zoned: bool

    def is_past(self, now: float) -> bool:
        """True unless it is in the future: by more than another clock, or any time zone, explains."""
        return self.seconds - now <= (FUTURE if self.zoned else _ZONES)

    def may_be(self, seconds: float) -> bool:
        """True when a time zone explains the distance to `seconds`."""
        return not self.zoned and abs(self.seconds - seconds) < _ZONES


def parse_moment(value: object) -> Moment | None:
    """A point in time; None when the value is none, or is before 2000.

    A number, or digits as text, is seconds, milliseconds, microseconds or nanoseconds, by its magnitude. A text without
    an offset is taken as UTC.
    """
    if isinstance(value, str):
        text = value.strip().upper()
        moment = _of_number(float(text)) if _is_number(text) else _of_text(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        moment = _of_number(float(value))
    else:
        return None
    return moment if moment is not None and moment.seconds >= _EARLIEST else None


def unix_seconds(value: object) -> float | None:
    """Unix seconds of a point in time, as `parse_moment` reads it; None when it is none."""
    moment = parse_moment(value)
    return moment.seconds if moment else None


def _is_number(text: str) -> bool:
    # Fewer digits are a date: 20261125.
    return text.replace(".", "", 1).isdecimal() and text.isascii() and 9 < len(text.partition(".")[0]) < 20


def _of_number(number: float) -> Moment | None:
    if not math.isfinite(number):
        return None
    return Moment(number / next(unit for end, unit in _UNITS if abs(number) < end), zoned=True)


def _of_text(text: str) -> Moment | None:
    try:
        # That of HTTP and mail, as Mocha writes: Sun, 30 Oct 2016 02:23:05 GMT.
        moment = parsedate_to_datetime(text) if text[3:4] == "," else datetime.fromisoformat(_ZONE.sub("Z", text))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return Moment(seconds, moment.tzinfo is not None)
