"""Notices that the files of a configuration changed, by their content: also when a Kubernetes ConfigMap is swapped.

A ConfigMap is a directory of symlinks to a directory that is replaced as a whole, so that times and inodes say nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from staging_exporter.logs import event
from staging_exporter.net.background import in_background

log = logging.getLogger("exporter")
INTERVAL = 2.0  # seconds between two looks
_PATIENCE = 30.0  # seconds that a look may take


class Watched(NamedTuple):
    """Files whose content counts, and directories of which the names of files count."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


def fingerprint(watched: Watched) -> str:
    """The same for the same content; what cannot be read counts as empty."""
    found = hashlib.sha256()
    for file in watched.files:
        found.update(b"\0file\0" + file.encode("utf-8", "surrogateescape"))
        with suppress(OSError):
            found.update(Path(file).read_bytes())
    for folder in watched.folders:
        found.update(b"\0folder\0" + folder.encode("utf-8", "surrogateescape"))
        with suppress(OSError):
            names: Collection[str] = sorted(path.name for path in Path(folder).iterdir() if path.is_file())
            found.update("\0".join(names).encode("utf-8", "surrogateescape"))
    return found.hexdigest()


async def changes(watched: Callable[[], Watched], interval: float = INTERVAL) -> AsyncIterator[None]:
    """Yields after each change that is complete: two looks in a row saw the same. `watched` is asked at each look."""
    known = seen = await _look(watched())
    while True:
        await asyncio.sleep(interval)
        before, seen = seen, await _look(watched())
        if seen not in (known, "") and seen == before:
            yield
            known = seen = await _look(watched())


async def follow(watched: Callable[[], Watched], reload: Callable[[], Awaitable[object]]) -> None:
    """Reload after each change, until cancelled."""
    async for _ in changes(watched):
        event(log, "configuration files changed")
        await reload()


async def _look(watched: Watched) -> str:
    """The fingerprint now, empty when the files give nothing in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            return await in_background(lambda: fingerprint(watched), ("watched", watched))
    return ""
