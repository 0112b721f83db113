"""What is shown while `check` runs: a line that lives, on a terminal; a line per change, where logs are kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from exporter.core.model import LATENT, State
from exporter.net.options import format_duration
from exporter.views.gate import Document, Gate
from exporter.views.report import Paint

_AGAIN = 60.0  # seconds after which a log is told that nothing has changed
_MOST = 4  # names of one state
_TROUBLE = (State.DOWN, State.FLAPPING, State.DEGRADED, State.STARTING, State.UNKNOWN, State.MAINTENANCE)
_WIDTH = 100  # columns where nobody knows better


class Progress:
    """Call it with each document, then `end` it."""

    def __init__(self, gate: Gate, wait: float, *, live: bool, say: Callable[[str], None]) -> None:
        """`wait` is the longest that it may take, 0 when nothing was said of it; `say` prints without a newline."""
        self._gate, self._wait, self._live, self._say = gate, wait, live, say
        self._began = time.monotonic()
        self._said, self._said_at = "", self._began
        self._paint = Paint(live)

    def __call__(self, document: Document) -> None:
        """Show how things are now."""
        line, elapsed = _state(document, self._gate), time.monotonic() - self._began
        stale = not self._live and time.monotonic() - self._said_at >= _AGAIN
        if self._wait and (line != self._said or stale):
            self._erase()
            self._say(f"{self._paint(f'{elapsed:5.0f}s', 'dim')}  {line}\n")
            self._said, self._said_at = line, time.monotonic()
        if self._live:
            width = shutil.get_terminal_size((_WIDTH, 24)).columns - 1
            limit = f" of {format_duration(self._wait)}" if self._wait else ""
            shown = f"waiting, {elapsed:.0f}s{limit}" if self._wait else f"{line} ..."
            self._erase()
            self._say(self._paint(shown[:width], "dim"))

    def end(self) -> None:
        """Leave the terminal to others."""
        self._erase()

    def _erase(self) -> None:
        if self._live:
            self._say("\r\x1b[K")


def _state(document: Document, gate: Gate) -> str:
    """The components that count, in one line: how many were probed, which are in trouble."""
    checked = {n: c for n, c in document["components"].items() if c["kind"] != LATENT and gate.covers(n)}
    probed = sum(component["last_probe"] is not None for component in checked.values())
    if probed < len(checked):
        return f"probed {probed} of {len(checked)}"
    by_state = [(state, [n for n, c in checked.items() if c["state"] == state]) for state in _TROUBLE]
    parts = [f"{state}: {_few(names)}" for state, names in by_state if names]
    return ("; ".join(parts) or f"all {len(checked)} are up") + (", confirming" if document["pending"] else "")


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
