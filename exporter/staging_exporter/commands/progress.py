"""What is shown while `check` runs: a line that lives, on a terminal; a line per change, where logs are kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import LATENT, State
from staging_exporter.views.gate import Gate
from staging_exporter.views.questions import Document, few
from staging_exporter.views.report import Paint

_AGAIN = 60.0  # seconds after which a log is told that nothing has changed
_TROUBLE = (State.DOWN, State.FLAPPING, State.DEGRADED, State.STARTING, State.UNKNOWN, State.MAINTENANCE)
_WIDTH = 100  # columns where nobody knows better


class Progress:
    """Call it with each document, then `end` it."""

    def __init__(self, gate: Gate, wait: float, *, live: bool, colour: bool, say: Callable[[str], None]) -> None:
        """`wait` is the longest that it may take, 0 when nothing was said of it; `say` prints without a newline."""
        self._gate, self._wait, self._live, self._say = gate, wait, live, say
        self._began = time.monotonic()
        self._said, self._said_at = "", self._began
        self._paint = Paint(colour)

    def __call__(self, document: Document) -> None:
        """Show how things are now."""
        checked = _checked(document, self._gate)
        probed = sum(component["last_probe"] is not None for component in checked.values())
        if self._wait and probed == len(checked):
            self._tell(_troubles(checked))
        if self._live:
            self._show(probed, len(checked), confirming=document["pending"])

    def _tell(self, line: str) -> None:
        """A line for good, when it is news, or when a log has heard nothing for long."""
        now = time.monotonic()
        if line != self._said or (not self._live and now - self._said_at >= _AGAIN):
            self._erase()
            self._say(f"{self._paint(f'{now - self._began:5.0f}s', 'dim')}  {line}\n")
            self._said, self._said_at = line, now

    def _show(self, probed: int, checks: int, *, confirming: bool) -> None:
        """The line that lives."""
        parts = [f"probed {probed} of {checks}"] if probed < checks or not self._wait else []
        parts += ["confirming"] if confirming else []
        if self._wait:
            parts.append(f"waiting {time.monotonic() - self._began:.0f}s of at most {format_duration(self._wait)}")
        width = shutil.get_terminal_size((_WIDTH, 24)).columns - 1
        self._erase()
        self._say(self._paint(f"{', '.join(parts)} ..."[:width], "dim"))

    def end(self) -> None:
        """Leave the terminal to others."""
        self._erase()

    def _erase(self) -> None:
        if self._live:
            self._say("\r\x1b[K")


def _checked(document: Document, gate: Gate) -> dict[str, Document]:
    """The components that count and have a check."""
    components = document["components"].items()
    return {name: said for name, said in components if said["kind"] != LATENT and gate.covers(name)}


def _troubles(checked: Mapping[str, Document]) -> str:
    """Which components are in which trouble, in one line."""
    by_state = [(state, [name for name, said in checked.items() if said["state"] == state]) for state in _TROUBLE]
    return "; ".join(f"{state}: {few(names)}" for state, names in by_state if names) or f"all {len(checked)} are up"
