"""Option types of calendars: days of the week, times of day, time zones."""

from __future__ import annotations

import re
from datetime import time
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator

DAYS = {
    "mon": "monday",
    "tue": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def parse_clock(value: object) -> str:
    """A time of day as `HH:MM`, up to `24:00`. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value) if isinstance(value, str) else None
    if not match or (int(match[1]), int(match[2])) > (24, 0) or int(match[2]) > 59:
        raise ValueError("not a time of day; write it like 02:00, up to 24:00")
    return f"{int(match[1]):02}:{match[2]}"


def _parse_time(value: object) -> time:
    hour, minute = map(int, parse_clock(value).split(":"))
    return time(hour % 24, minute)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _parse_zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        if isinstance(value, str):
            return ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        pass
    shown = "".join(c if c.isprintable() else "?" for c in str(value)[:80])
    near = get_close_matches(shown, _zones(), n=1) if isinstance(value, str) else []
    hint = f", did you mean `{near[0]}`?" if near else "; write it like Europe/Berlin"
    raise ValueError(f"`{shown}` is not a time zone{hint}")


ClockText = Annotated[str, BeforeValidator(parse_clock, json_schema_input_type=str)]  # which can be 24:00
Clock = Annotated[time, BeforeValidator(_parse_time, json_schema_input_type=str)]  # where 24:00 is 00:00
Zone = Annotated[ZoneInfo, BeforeValidator(_parse_zone, json_schema_input_type=str)]
