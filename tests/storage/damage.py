"""`python -m tests.storage.damage 1`: change every byte of a store, one at a time, and load it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from staging_exporter.core.memory import Memory
from staging_exporter.storage.database import FILE
from staging_exporter.storage.store import Store

from tests.storage.stores import large, saved, using


def flaw(whole: Path, at: int, new: int) -> str:
    """What is wrong after the byte at that place of the store in `whole` became `new`, or nothing."""
    with tempfile.TemporaryDirectory(prefix="damage-") as name:
        file = Path(name) / FILE
        shutil.copyfile(whole / FILE, file)
        with file.open("r+b") as opened:
            opened.seek(at)
            opened.write(bytes([new]))
        memories: list[Memory] = []

        async def work(store: Store) -> None:
            memories.append(await store.load())
            await store.save(memories[0])

        try:
            asyncio.run(using(Path(name), work))
            memories.append(asyncio.run(using(Path(name), Store.load)))
        except Exception as error:
            return f"byte {at}: {error!r}"
        return "" if memories == [large(), large()] else f"byte {at} became {new}: something is lost or changed"


def flaws(whole: Path, places: Iterable[int], chance: random.Random) -> list[str]:
    """What is wrong after a byte became another one at each of the places."""
    data = (whole / FILE).read_bytes()
    changed = [flaw(whole, at, data[at] ^ (1 << chance.randrange(8))) for at in places]
    return [text for text in changed if text]


def main(step: int) -> int:
    """Print what was lost; 1 when anything was."""
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="damage-") as name, contextlib.redirect_stderr(None):
        saved(Path(name), large())
        size = (Path(name) / FILE).stat().st_size
        found = flaws(Path(name), range(0, size, step), random.Random(1))
    print(
        "\n".join(
            [*found[:20], f"{len(range(0, size, step))} of {size} bytes damaged: {len(found)} states lost or changed"]
        )
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
