"""The file under `--storage.path`: what a restart must not forget, replaced as a whole, never half-written."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.core.memory import Memory, dump, parse
from exporter.logs import event

log = logging.getLogger("exporter")
_FILE = "state.json"
_EVERY = 5.0  # seconds between two looks at whether something changed


class Storage:
    """One directory of one exporter."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError when the directory can neither be used nor made."""
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / _FILE
        self._written: dict[str, Any] | None = None

    def load(self) -> Memory:
        """What was kept; nothing when there is no file, or, said in the log, when it is not one of ours."""
        try:
            self._written = json.loads(self._file.read_text(encoding="utf-8"))
            return parse(self._written)
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            event(log, "the stored state is left aside", logging.ERROR, file=self._file, error=error)
            return Memory()

    def save(self, memory: Memory) -> None:
        """Replace the file, when anything changed; that it could not is said in the log."""
        document = dump(memory)
        if document == self._written:
            return
        half = self._file.with_suffix(".tmp")
        try:
            with half.open("w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            half.replace(self._file)
            self._written = document
        except OSError as error:
            event(log, "the state could not be stored", logging.ERROR, file=self._file, error=error)


async def keep(storage: Storage, memory: Callable[[], Memory]) -> None:
    """Save what `memory()` returns, again and again, off the event loop."""
    while True:
        await asyncio.sleep(_EVERY)
        await asyncio.to_thread(storage.save, memory())
