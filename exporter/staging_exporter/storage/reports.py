"""Reports that pipelines push: a directory per component, complete files only, the newest ten of each."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from staging_exporter.evidence.reports import PUSHED

_KEPT = 10  # reports of one component
_AT_ONCE = 4  # reports that are taken in at the same time
_PARTS = "*.part"

T = TypeVar("T")


class Spool:
    """One directory of one exporter."""

    def __init__(self, root: Path) -> None:
        """Removes what a crash left half-taken. Raises OSError when the directory can neither be used nor made."""
        self._root = root
        self._turn = asyncio.Semaphore(_AT_ONCE)
        root.mkdir(parents=True, exist_ok=True)
        for part in root.glob(f"*/{_PARTS}"):
            part.unlink()

    def directory(self, component: str) -> Path:
        """Where the reports of a component are; it may not exist yet."""
        return self._root / component

    async def receive(self, component: str, chunks: AsyncIterator[bytes], accept: Callable[[Path], T]) -> T:
        """Keep what the chunks amount to, if `accept`, called in a thread, takes it; returns what that says.

        Once this returns the report is on disk for good. Raises OSError, and whatever `chunks` and `accept` raise:
        then nothing is kept, and nothing is lost that was there before.
        """
        directory = self.directory(component)
        async with self._turn:
            await asyncio.to_thread(directory.mkdir, exist_ok=True)
            part = directory / f"{time.time_ns()}-{secrets.token_hex(4)}.part"
            try:
                with await asyncio.to_thread(part.open, "xb") as file:
                    async for chunk in chunks:
                        await asyncio.to_thread(file.write, chunk)
                    await asyncio.to_thread(_flush, file)
                said = await asyncio.to_thread(accept, part)
                await asyncio.to_thread(_keep, part)
            finally:
                part.unlink(missing_ok=True)
            return said


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _keep(part: Path) -> None:
    part.rename(part.with_suffix(Path(PUSHED).suffix))
    directory = os.open(part.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    for old in sorted(part.parent.glob(PUSHED))[:-_KEPT]:
        old.unlink(missing_ok=True)
