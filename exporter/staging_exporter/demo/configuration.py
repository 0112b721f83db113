"""The configuration file of the demo: a template for ports and paths, with durations multiplied by the scale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from staging_exporter.core.durations import format_duration, parse_duration

_PLACE = re.compile(r"<([a-z0-9-]+)>")
_INTERVAL, _TIMEOUT = 5.0, 1.5  # seconds, before the scale
_STEADY = 1.2  # seconds that the parts of a fast demo may need on a busy machine


GOLDEN_PATH = "golden-path.yml"  # the golden path as a flow, loaded beside the other file


def render(values: Mapping[str, str], scale: float, name: str = "config.yml") -> str:
    """The file's text: `<name>` becomes that value, `<5s>` five seconds times `scale`. Raises ValueError.

    `<timeout>` is scaled too, but leaves a busy machine the time to answer.
    """
    known = {**values, "timeout": format_duration(patience(_TIMEOUT, _INTERVAL, scale))}
    template = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: _fill(match[1], known, scale), template)


def patience(seconds: float, interval: float, scale: float) -> float:
    """How long to wait for a part of the demo: `seconds` at that scale, or what a busy machine needs in an interval."""
    return max(seconds * scale, min(_STEADY, interval * scale))


def _fill(place: str, values: Mapping[str, str], scale: float) -> str:
    return values[place] if place in values else format_duration(parse_duration(place) * scale)
