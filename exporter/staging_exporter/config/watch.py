"""Notices that the files of a configuration changed, by their content: also when a Kubernetes ConfigMap is swapped.

A ConfigMap is a directory of symlinks to a directory that is replaced as a whole, so that times and inodes say nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from staging_exporter.logs import event
from staging_exporter.net.background import in_background

log = logging.getLogger("exporter")
INTERVAL = 2.0  # seconds between two looks
_PATIENCE = 30.0  # seconds that a look may take

Fingerprints = dict[str, bytes]  # by the path


class Watched(NamedTuple):
    """Files whose content counts, and directories of which the names of files count."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


def fingerprints(watched: Watched) -> Fingerprints:
    """Of each file and folder, the same for the same content; what cannot be read counts as empty."""
    found = dict.fromkeys([*watched.files, *watched.folders], b"")
    for file in watched.files:
        with suppress(OSError):
            found[file] = hashlib.sha256(Path(file).read_bytes()).digest()
    for folder in watched.folders:
        with suppress(OSError):
            names = sorted(path.name for path in Path(folder).iterdir() if path.is_file())
            found[folder] = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).digest()
    return found


async def changes(watched: Callable[[], Watched], interval: float = INTERVAL) -> AsyncIterator[None]:
    """Yields after each change that is complete: two looks in a row saw the same. `watched` is asked at each look."""
    known = seen = await _look(watched())
    while True:
        await asyncio.sleep(interval)
        before, seen = seen, await _look(watched())
        if seen and seen != known and seen == before:
            yield
            handled, seen = seen, await _look(watched())
            known = {name: handled.get(name, now) for name, now in seen.items()}  # it may have changed meanwhile


async def follow(watched: Callable[[], Watched], reload: Callable[[], Awaitable[object]]) -> None:
    """Reload after each change, until cancelled."""
    async for _ in changes(watched):
        event(log, "configuration files changed")
        await reload()


async def _look(watched: Watched) -> Fingerprints:
    """The fingerprints now, none when the files give nothing in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            return await in_background(lambda: fingerprints(watched), ("watched", watched))
    return {}
