"""The progress of `check`: one line that is rewritten on a terminal, one line per change elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import LATENT, State
from staging_exporter.views.document_types import ComponentDocument, StatusDocument
from staging_exporter.views.gate import Gate
from staging_exporter.views.queries import few
from staging_exporter.views.report import Paint

_REPEAT = 60.0  # seconds after which an unchanged line is written again, where it is not rewritten
_NOT_UP = (State.DOWN, State.FLAPPING, State.DEGRADED, State.STARTING, State.UNKNOWN, State.MAINTENANCE)
_WIDTH = 100  # columns, when the terminal does not say


class Progress:
    """Call it with each status, then call `end`."""

    def __init__(self, gate: Gate, wait: float, *, live: bool, colour: bool, write: Callable[[str], None]) -> None:
        """`wait` is the value of `--wait` in seconds; `write` prints without a newline; `live` is for a terminal."""
        self._gate, self._wait, self._live, self._write = gate, wait, live, write
        self._started = time.monotonic()
        self._line, self._line_at = "", self._started
        self._paint = Paint(colour)

    def __call__(self, status: StatusDocument) -> None:
        """Show this status."""
        checked = _checked(status, self._gate)
        probed = sum(component["last_probe"] is not None for component in checked.values())
        if self._wait and probed == len(checked):
            self._print(_by_state(checked))
        if self._live:
            self._rewrite(probed, len(checked), confirming=status["pending"])

    def _print(self, line: str) -> None:
        """Print a permanent line, when it differs from the last one or when the last one is old."""
        now = time.monotonic()
        if line != self._line or (not self._live and now - self._line_at >= _REPEAT):
            self._erase()
            self._write(f"{self._paint(f'{now - self._started:5.0f}s', 'dim')}  {line}\n")
            self._line, self._line_at = line, now

    def _rewrite(self, probed: int, checks: int, *, confirming: bool) -> None:
        """Rewrite the last line of the terminal."""
        parts = [f"probed {probed} of {checks}"] if probed < checks or not self._wait else []
        parts += ["confirming"] if confirming else []
        if self._wait:
            parts.append(f"waiting {time.monotonic() - self._started:.0f}s of at most {format_duration(self._wait)}")
        width = shutil.get_terminal_size((_WIDTH, 24)).columns - 1
        self._erase()
        self._write(self._paint(f"{', '.join(parts)} ..."[:width], "dim"))

    def end(self) -> None:
        """Erase the line that is rewritten."""
        self._erase()

    def _erase(self) -> None:
        if self._live:
            self._write("\r\x1b[K")


def _checked(status: StatusDocument, gate: Gate) -> dict[str, ComponentDocument]:
    """The components that count and have a check."""
    components = status["components"].items()
    return {name: each for name, each in components if each["kind"] != LATENT and gate.covers(name)}


def _by_state(checked: Mapping[str, ComponentDocument]) -> str:
    """The components that are not up, by state, in one line."""
    by_state = [(state, [name for name, each in checked.items() if each["state"] == state]) for state in _NOT_UP]
    return "; ".join(f"{state}: {few(names)}" for state, names in by_state if names) or f"all {len(checked)} are up"
