"""Points in time as others write them: numbers of any unit, RFC 3339 and ISO 8601."""

from __future__ import annotations

import math
from datetime import UTC, datetime

FUTURE = 60.0  # seconds that another clock may be ahead of ours
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (math.inf, 1e9))  # below the first number: seconds, and so on
_EARLIEST = 946684800.0  # 2000-01-01: what is before it is no time, but a zero or a counter


def unix_seconds(value: object) -> float | None:
    """Unix seconds of a point in time; None when the value is none, or is before 2000.

    A number, or digits as text, is seconds, milliseconds, microseconds or nanoseconds, by its magnitude. A text without
    an offset is UTC.
    """
    if isinstance(value, str):
        text = value.strip().upper()
        seconds = _of_number(float(text)) if _is_number(text) else _of_text(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = _of_number(float(value))
    else:
        return None
    return seconds if seconds is not None and seconds >= _EARLIEST else None


def _is_number(text: str) -> bool:
    # Fewer digits are a date: 20261125.
    return text.replace(".", "", 1).isdecimal() and text.isascii() and 9 < len(text.partition(".")[0]) < 20


def _of_number(number: float) -> float | None:
    if not math.isfinite(number):
        return None
    return number / next(unit for end, unit in _UNITS if abs(number) < end)


def _of_text(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
