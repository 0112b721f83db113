"""Pushed test reports: a directory per component, complete files only, the newest ten runs of each."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from staging_exporter.evidence.runs import PUSHED, pushed_name, run_of
from staging_exporter.net.background import in_background

_KEPT = 10  # runs of one component
_MAX_FILES = 1000  # of one component
_RECEIVED = 32  # reports that are received at the same time
_READ = 4  # and read
_PARTS = "*.part"

T = TypeVar("T")


class ReportStore:
    """The reports of one exporter, in one directory."""

    def __init__(self, root: Path) -> None:
        """Removes partial files of a crash. Raises OSError when the directory does not exist and cannot be created."""
        self._root = root
        self._receiving, self._reading = asyncio.Semaphore(_RECEIVED), asyncio.Semaphore(_READ)
        root.mkdir(parents=True, exist_ok=True)
        for part in root.glob(f"*/{_PARTS}"):
            part.unlink()

    def directory(self, component: str) -> Path:
        """Where the reports of a component are; it may not exist yet."""
        return self._root / component

    async def receive(
        self, component: str, chunks: AsyncIterator[bytes], accept: Callable[[Path], T], run: str | None = None
    ) -> T:
        """Store the report in `chunks` if `accept`, called in a thread, reads it; returns the result of `accept`.

        Reports of one `run` belong together; one without is a run of its own. It is on disk, synced, when this returns.
        Raises OSError and whatever `chunks` and `accept` raise: then the report is not stored, and earlier ones are
        unchanged.
        """
        directory = self.directory(component)
        async with self._receiving:
            await in_background(lambda: directory.mkdir(exist_ok=True))
            part = directory / f"{time.time_ns()}-{secrets.token_hex(4)}{pushed_name(run)}.part"
            try:
                with await in_background(lambda: part.open("xb")) as file:
                    async for chunk in chunks:
                        await in_background(partial(file.write, chunk))
                    await in_background(lambda: _sync(file))
                async with self._reading:
                    result = await in_background(lambda: accept(part))
                await in_background(lambda: _store(part))
            finally:
                part.unlink(missing_ok=True)
            return result


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _store(part: Path) -> None:
    part.rename(part.with_name(part.name.removesuffix(".part") + Path(PUSHED).suffix))
    directory = os.open(part.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    runs: set[str] = set()
    for number, path in enumerate(sorted(part.parent.glob(PUSHED), reverse=True)):
        runs.add(run_of(path))
        if len(runs) > _KEPT or number >= _MAX_FILES:
            path.unlink(missing_ok=True)
