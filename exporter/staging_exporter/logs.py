"""Log lines in the style of Prometheus exporters: logfmt or JSON on standard error, one line per event."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["logfmt", "json"]
_PLAIN = re.compile(r"[^\s\"=\x00-\x1f]+")


def set_up(level: str, form: LogFormat) -> None:
    """Send all logging to standard error in this format; `level` is debug, info, warn or error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(form))
    names = {"warn": "WARNING"}
    logging.basicConfig(level=names.get(level, level.upper()), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def event(logger: logging.Logger, message: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log `message` with fields beside it."""
    logger.log(level, message, extra={"fields": fields})


class _Formatter(logging.Formatter):
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
