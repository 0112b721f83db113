"""A badge for a readme or a dashboard: a name, and the state of it, as SVG."""

from __future__ import annotations

from html import escape

_CHARACTER = 6.8  # width of one, 11 px; `textLength` makes every font keep to it
_PADDING = 7.0
# Dark enough for white text on it (contrast 4.5 to 1).
COLOURS = {
    "up": "#1a7f37",
    "degraded": "#8f5a00",
    "flapping": "#a3348f",
    "starting": "#0a62b8",
    "down": "#c01f2e",
    "blocked": "#c01f2e",
    "unknown": "#5b6670",
    "maintenance": "#4d5fb0",
}


def badge(name: str, state: str) -> str:
    """The badge of a journey or a component."""
    left, right = _width(name), _width(state)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right:.0f}" height="20" role="img" '
        f'aria-label="{escape(name)}: {escape(state)}"><title>{escape(name)}: {escape(state)}</title>'
        f'<clipPath id="c"><rect width="{left + right:.0f}" height="20" rx="3"/></clipPath><g clip-path="url(#c)">'
        f'<rect width="{left:.1f}" height="20" fill="#3b434b"/>'
        f'<rect x="{left:.1f}" width="{right + 1:.1f}" height="20" fill="{COLOURS[state]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(name, _PADDING)}{_text(state, left + _PADDING)}</g></svg>\n"
    )


def _width(text: str) -> float:
    return len(text) * _CHARACTER + 2 * _PADDING


def _text(text: str, x: float) -> str:
    return f'<text x="{x:.1f}" y="14" textLength="{len(text) * _CHARACTER:.1f}">{escape(text)}</text>'
