"""Log lines in the style of Prometheus exporters: logfmt or JSON on standard error, one line per event."""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
import threading
import time
from datetime import UTC, datetime
from queue import Full, Queue
from typing import Any, Literal, TextIO

LogFormat = Literal["logfmt", "json"]
_KEPT = 10_000  # lines that wait to be written
_LAST = 0.5  # seconds that they are waited for at the end
_PLAIN = re.compile(r"[^\s\"=\x00-\x1f]+")


def set_up(level: str, form: LogFormat) -> None:
    """Send all logging to standard error in this format; `level` is debug, info, warn or error.

    Lines are written in the background: a reader that stops reading holds up nobody, and costs lines.
    """
    handler = BackgroundHandler(sys.stderr)
    handler.setFormatter(Formatter(form))
    names = {"warn": "WARNING"}
    logging.basicConfig(level=names.get(level, level.upper()), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def event(logger: logging.Logger, message: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log `message` with fields beside it."""
    logger.log(level, message, extra={"fields": fields})


def lines_dropped() -> int:
    """How many lines were dropped since the process started."""
    return BackgroundHandler.dropped


class BackgroundHandler(logging.Handler):
    """Writes lines in a thread of its own, through a queue that drops what does not fit."""

    dropped = 0

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: Queue[str] = Queue(_KEPT)
        threading.Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self._finish)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line to be written, or count it as dropped."""
        try:
            self._lines.put_nowait(self.format(record))
        except Full:
            BackgroundHandler.dropped += 1
        except Exception:
            self.handleError(record)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # nobody will read it any more
                BackgroundHandler.dropped += 1
            self._lines.task_done()

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return self._lines.unfinished_tasks

    def _finish(self) -> None:
        """Wait for what is still to be written, but not for a reader that stopped."""
        deadline = time.monotonic() + _LAST
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.005)


class Formatter(logging.Formatter):
    """One line per event, in that format."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": {"WARNING": "warn", "CRITICAL": "error"}.get(record.levelname, record.levelname.lower()),
            "msg": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if self._form == "json":
            return json.dumps(fields, ensure_ascii=False, default=str)
        return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def _quoted(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = text.lower() if isinstance(value, bool) else text
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
