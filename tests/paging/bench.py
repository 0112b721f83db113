"""`make bench-page`: from fault to delivered page, 40 times, beside a stock blackbox_exporter on the same targets."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.paging.inbox import Inbox, Notification, inbox
from tests.paging.setups import direct, ours, stock
from tests.paging.units import ANSWERING, HANGING, Units, units

INJECTIONS = 40
_WARM_UP, _APART, _LASTS, _AFTER = 45.0, 8.0, 150.0, 60.0  # seconds
# A fault that begins while another one is notified joins its notification, one `group_interval` later at most: with
# faults this close together, nearly all do.
_JOINS = 75.0  # seconds
LIMITS = {"answering": 30.0 + _JOINS, "hanging": 55.0 + _JOINS}  # seconds, 95th percentile, for ours
DIRECT_LIMITS = {"answering": 20.0, "hanging": 38.0}  # without Prometheus, the wait for a notification included


@dataclass(frozen=True)
class Injection:
    """One unit, broken in one way, from one moment to another (Unix seconds)."""

    unit: int
    mode: str
    begins: float

    @property
    def sort(self) -> str:
        """Whether the broken server answers at all."""
        return "hanging" if self.mode == HANGING else "answering"

    @property
    def ends(self) -> float:
        """When the fault ends."""
        return self.begins + _LASTS


@dataclass(frozen=True)
class Result:
    """The pages of one setup for one injection: seconds until the first one, and their number."""

    injection: Injection
    latency: float
    pages: int


def plan(random: Random, now: float) -> list[Injection]:
    """Overlapping faults of independent units; half of them hang."""
    modes = [HANGING if n % 2 else ANSWERING[n // 2 % len(ANSWERING)] for n in range(INJECTIONS)]
    starts = [now + n * _APART + random.uniform(0.0, _APART) for n in range(INJECTIONS)]
    return [Injection(unit, *one) for unit, one in enumerate(zip(modes, starts, strict=True))]


def play(broken: Units, planned: Sequence[Injection]) -> None:
    """Begin and end every fault on time."""
    moves = [(one.begins, one.unit, one.mode) for one in planned] + [(one.ends, one.unit, "ok") for one in planned]
    for at, unit, mode in sorted(moves):
        time.sleep(max(0.0, at - time.time()))
        broken.set(unit, mode)
    time.sleep(_AFTER)


def judge(box: Inbox, planned: Sequence[Injection]) -> tuple[list[Result], int]:
    """A result per injection, and the number of false pages."""
    pages = [n for n in box.all if n.status == "firing" and n.slot != "watchdog"]
    results, right = [], 0
    for one in planned:
        about = [n for n in pages if _unit(n) == one.unit and one.begins <= n.at < one.ends + _AFTER]
        right += len(about)
        results.append(Result(one, min((n.at for n in about), default=math.inf) - one.begins, len(about)))
    return results, len(pages) - right


def _unit(page: Notification) -> int:
    name = page.component or page.body["commonLabels"].get("component", "none--1")
    return int(name.split("-", 1)[1])


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def report(name: str, results: Sequence[Result], false: int) -> bool:
    """Print the figures of one setup, and return whether it exceeds its limits or pages too much."""
    late, limits = False, DIRECT_LIMITS if name == "direct" else LIMITS
    for sort, limit in limits.items():
        seen = [result for result in results if result.injection.sort == sort]
        latencies = [result.latency for result in seen]
        late |= percentile(latencies, 0.95) > limit
        pages = sum(result.pages for result in seen) / len(seen)
        print(f"{name:<10}{sort:<11}n {len(seen):>2}   p50 {percentile(latencies, 0.5):6.1f} s   "
              f"p95 {percentile(latencies, 0.95):6.1f} s   worst {max(latencies):6.1f} s   "
              f"pages per incident {pages:.2f}")  # fmt: skip
    print(f"{name:<10}false pages {false}")
    return late or bool(false) or any(result.pages != 1 for result in results)


def main() -> int:
    """Exit 1 when ours exceeds its limits, pages an incident more than once, or sends a false page."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="staging-bench-page-")))
        broken = stack.enter_context(units(INJECTIONS))
        ports = {name: server.port for name, server in broken.servers.items()}
        setups = {"ours": ours, "direct": direct, "blackbox": stock}
        boxes = {name: stack.enter_context(inbox()) for name in setups}
        for name, setup in setups.items():
            stack.enter_context(setup(directory, ports, boxes[name].url))
        planned = plan(Random(1), time.time() + _WARM_UP)
        play(broken, planned)
        wrong = [name for name, box in boxes.items() if report(name, *judge(box, planned))]
    return bool({"ours", "direct"}.intersection(wrong))


if __name__ == "__main__":
    sys.exit(main())
