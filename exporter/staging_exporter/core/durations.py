"""Prometheus durations: text to seconds and back."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
# Prometheus' own grammar: each unit at most once, largest first (prometheus/common, model/time.go).
_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")


def parse_duration(text: object) -> float:
    """Seconds of a Prometheus duration such as `1m30s`; `0` needs no unit. Raises ValueError."""
    if text == 0 or text == "0":
        return 0.0
    if not isinstance(text, str) or not text or not (match := _DURATION.fullmatch(text)):
        raise ValueError(f"{text!r} is not a duration; write it like 500ms, 15s or 1m30s")
    parts = [re.fullmatch(r"(\d+)([a-z]+)", part) for part in match.groups() if part]
    return sum(int(part[1]) * _UNITS[part[2]] for part in parts if part)


def format_duration(seconds: float) -> str:
    """The shortest Prometheus duration for `seconds`, rounded to milliseconds: 90.0 -> `1m30s`."""
    rest, text = round(seconds * 1000), ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS[unit] * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"
