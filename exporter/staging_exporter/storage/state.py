"""The state file under `--storage.path`: replaced atomically, so that it is never partial."""

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
from staging_exporter.net.background import in_background

log = logging.getLogger("exporter")
_FILE = "state.json"
_INTERVAL = 5.0  # seconds between two checks whether the state changed


class StateFile:
    """The state of one exporter, in one directory."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError when the directory does not exist and cannot be created."""
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / _FILE
        self._written: dict[str, Any] | None = None

    def read(self, environment: str) -> Memory:
        """The stored state of the environment. Raises OSError, and ValueError when the file is not one of it."""
        document = json.loads(self._file.read_text(encoding="utf-8"))
        memory = parse(document)
        if memory.environment != environment:
            raise ValueError(f"it belongs to environment {memory.environment!r}, not to {environment!r}")
        self._written = document
        return memory

    def load(self, environment: str) -> Memory:
        """The stored state of the environment; an empty one without a file, or (logged) when it is unreadable."""
        try:
            return self.read(environment)
        except FileNotFoundError:
            return Memory(environment)
        except (OSError, ValueError, RecursionError) as error:
            ignored = self._file.with_suffix(".ignored")
            event(log, "ignoring unreadable state file", logging.ERROR, renamed_to=ignored, error=error)
            with suppress(OSError):  # kept for a later version, or for a person
                self._file.replace(ignored)
            return Memory(environment)

    def save(self, memory: Memory) -> None:
        """Replace the file when the state changed; a failure is logged."""
        document = dump(memory)
        if document == self._written:
            return
        temporary = self._file.with_suffix(".tmp")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._file)
            self._written = document
        except OSError as error:
            event(log, "cannot write the state file", logging.ERROR, file=self._file, error=error)


async def save_periodically(state_file: StateFile, memory: Callable[[], Memory], interval: float = _INTERVAL) -> None:
    """Save what `memory()` returns every few seconds, off the event loop; a cancellation waits for a running save."""
    while True:
        await asyncio.sleep(interval)
        saving = asyncio.ensure_future(_save(state_file, memory()))
        try:
            await asyncio.shield(saving)
        finally:
            await saving


async def _save(state_file: StateFile, memory: Memory) -> None:
    await in_background(lambda: state_file.save(memory))
