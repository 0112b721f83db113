"""`make compare-blackbox`: every case, ten runs each, as a table; exit 1 for a difference that is not meant."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.compare import cases
from tests.compare.servers import all_servers
from tests.compare.sides import Result, Sides, both

RUNS = 10
_MORE = 2  # times that a case is measured again
_ROW = "{:28}{:5}{:9}{:7}{:15}{:25}{}"


async def compare(directory: Path) -> list[Result]:
    with all_servers(directory) as targets:
        found = list(cases.all_cases(targets))
        async with both(found, directory) as sides:
            return [_tell(await _measured(sides, case)) for case in found]


async def _measured(sides: Sides, case: cases.Case) -> Result:
    """The medians of ten runs; where ours is slower by more than is allowed, of other ten: the machine may be busy."""
    result = await sides.compare(case, RUNS)
    for _ in range(_MORE):
        if cases.DURATION not in result.differences or cases.DURATION in case.differs:
            break
        result = await sides.compare(case, RUNS)
    return result


def _tell(result: Result) -> Result:
    """The row of a case as soon as it is known."""
    metrics = (cases.SUCCESS, cases.STATUS, cases.REDIRECTS, cases.EXPIRY)
    up, status, hops, expiry = (f"{_value(result.ours, m)}/{_value(result.theirs, m)}" for m in metrics)
    times = "/".join(f"{seconds * 1000:.1f}" for seconds in result.medians)
    verdict = "DEFECT" if result.defects else "differs" if result.differences else "same"
    print(_ROW.format(result.case.name, up, status, hops, times, expiry, verdict), flush=True)
    return result


def _value(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.0f}" if name in metrics else "-"


def main() -> int:
    print(f"ours/theirs, {RUNS} runs each, milliseconds are medians\n")
    print(_ROW.format("case", "up", "status", "hops", "ms", "expiry", "verdict"))
    with tempfile.TemporaryDirectory(prefix="compare-") as directory:
        results = asyncio.run(compare(Path(directory)))
    print("\nDifferences that are meant:")
    for result in results:
        for metric in sorted(result.differences.keys() & result.case.differs.keys()):
            print(f"  {result.case.name}: {metric} is {result.differences[metric]}: {result.case.differs[metric]}")
    defects = [f"  {result.case.name}: {defect}" for result in results for defect in result.defects]
    print("\nDifferences that are not meant:", *(defects or ["  none"]), sep="\n")
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
