"""The demo's configuration file: a template with its ports and paths, and durations at the environment's pace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from exporter.net.options import format_duration, parse_duration

_PLACE = re.compile(r"<([a-z0-9-]+)>")


def render(values: Mapping[str, str], scale: float) -> str:
    """The file's text: `<name>` becomes that value, `<5s>` five seconds times `scale`. Raises ValueError."""
    template = files(__package__).joinpath("config.yml").read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: _fill(match[1], values, scale), template)


def _fill(place: str, values: Mapping[str, str], scale: float) -> str:
    return values[place] if place in values else format_duration(parse_duration(place) * scale)
