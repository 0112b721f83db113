"""The icon of the page in each state: what a tab shows, also a hidden one."""

from __future__ import annotations

from staging_exporter.core.model import State
from staging_exporter.views.badge import COLOURS

_MARKS = {
    State.UP: "M4 8.5 7 11.5 12.2 5",
    State.DEGRADED: "M8 3.5v5.5M8 12v.4",
    State.FLAPPING: "M3.5 10 6 5.5l4 5 2.5-4.5",
    State.STARTING: "M8 4v4l3 2",
    State.DOWN: "M4.5 4.5l7 7M11.5 4.5l-7 7",
    State.UNKNOWN: "M5.6 6a2.4 2.4 0 1 1 3.6 2Q8 8.8 8 9.8M8 12.3v.3",
    State.MAINTENANCE: "M6 4.5v7M10 4.5v7",
}


def icon(state: str) -> str:
    """An SVG; shape and colour say the state. Raises KeyError, ValueError."""
    seen = State(state)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<rect width="16" height="16" rx="{3 if seen in (State.UP, State.STARTING) else 0.5}" fill="{COLOURS[seen]}"/>'
        f'<path d="{_MARKS[seen]}" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>'
    )
