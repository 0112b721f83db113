"""The file under `--storage.path`: what a restart must not forget, replaced as a whole, never half-written."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from staging_exporter.core.memory import Memory, dump, parse
from staging_exporter.logs import event

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

    def load(self, environment: str) -> Memory:
        """What was kept of it; nothing when there is no file, or, said in the log, when that cannot be taken up."""
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            memory = parse(document)
            if memory.environment != environment:
                raise ValueError(f"it is of environment {memory.environment!r}, this is {environment!r}")
        except FileNotFoundError:
            return Memory(environment)
        except (OSError, ValueError, RecursionError) as error:
            aside = self._file.with_suffix(".aside")
            event(log, "the stored state is left aside", logging.ERROR, file=aside, error=error)
            with suppress(OSError):  # a later version may read it, a person can
                self._file.replace(aside)
            return Memory(environment)
        self._written = document
        return memory

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


async def keep(storage: Storage, memory: Callable[[], Memory], every: float = _EVERY) -> None:
    """Save what `memory()` returns every few seconds, off the event loop; cancelled, it ends with what is under way."""
    while True:
        await asyncio.sleep(every)
        saving = asyncio.ensure_future(asyncio.to_thread(storage.save, memory()))
        try:
            await asyncio.shield(saving)
        finally:
            await saving
