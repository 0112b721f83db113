"""`python -m tests.bench [--json FILE] [--write] [--quick] [PART ...]`: all figures in about ten minutes."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from tests.bench.accuracy import accuracy
from tests.bench.footprint import footprint
from tests.bench.probing import probing
from tests.bench.processes import BenchError
from tests.bench.records import SIZES, records
from tests.bench.report import Row, as_json, page, table
from tests.bench.scraping import scraping
from tests.bench.targets import static_targets
from tests.prove.table import machine as named

_PARTS = ("probes", "answers", "latency", "footprint", "records")
_PAGE = Path(__file__).parents[2] / "deploy" / "docs" / "bench.md"
_HEAD = """\
# Benchmarks

What staging-exporter costs beside blackbox_exporter of Debian, written by `make bench ARGS="{arguments}"` on {on}.
{machine}; targets served by {server}, all on loopback.
Load of the machine at the end {load:.1f}; above the number of cores it makes wall times longer."""
_LIMIT = 1800.0  # seconds for the whole run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(_PARTS)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--quick", action="store_true", help="fewer probes: to see that it works")
    parser.add_argument("--write", action="store_true", help="write the tables of deploy/docs/bench.md")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(_PARTS)}")
    begin = time.monotonic()
    try:
        rows, server = asyncio.run(_measure(options.parts or list(_PARTS), options.quick))
    except asyncio.CancelledError:
        return 130
    except (BenchError, TimeoutError, aiohttp.ClientError) as error:
        print(f"no figures: {type(error).__name__} {error}", file=sys.stderr)
        return 1
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine(),
               "kernel": platform.release(), "load_1m": os.getloadavg()[0], "target": server}  # fmt: skip
    print(table(rows))
    print(f"\n{machine['cores']} cores, {machine['machine']}, Python {machine['python']}, target served by {server}, "
          f"all on loopback, load of the machine at the end {machine['load_1m']:.1f}, "
          f"{time.monotonic() - begin:.0f} s in all.")  # fmt: skip
    if options.write:
        head = _HEAD.format(
            arguments=" ".join(sys.argv[1:]),
            on=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=named(),
            server=server,
            load=os.getloadavg()[0],
        )
        _PAGE.write_text(page(rows, head), encoding="utf-8")
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "quick": options.quick, "rows": as_json(rows)}, indent=2)
        )
    return 0


async def _measure(parts: list[str], quick: bool) -> tuple[list[Row], str]:
    """The rows of these parts, and what served the targets.

    Cancelled by SIGINT and SIGTERM, so that what was started is stopped.
    """
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    rows = list[Row]()
    with tempfile.TemporaryDirectory(prefix="staging-bench-") as name:
        directory = Path(name)
        with static_targets(directory) as targets:
            async with asyncio.timeout(_LIMIT), aiohttp.ClientSession(auto_decompress=True) as session:
                for part in parts:
                    _say(f"{part} ...")
                    match part:
                        case "probes":
                            rows += await probing(directory, targets, session, 200 if quick else 500, 1 if quick else 5)
                        case "answers":
                            rows += await scraping(directory, targets, session, 1_000 if quick else 10_000)
                        case "latency":
                            rows += await accuracy(directory, targets, session, 300 if quick else 1500)
                        case "footprint":
                            rows += await footprint(directory, targets, session, 5 if quick else 30)
                        case "records":
                            rows += records(SIZES[:2] if quick else SIZES)
                return rows, targets.server


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
