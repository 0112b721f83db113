"""The proofs: one row each. A new one is a new row; its command exits 0 only when all is as it must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Result = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Proof:
    """A command of Python, what it shows when it exits 0, and the result among the lines that it prints."""

    name: str
    shows: str
    arguments: tuple[str, ...]
    result: Result


def lines(pattern: str) -> Result:
    """The result is every line in which `pattern` is found, blanks squeezed."""
    return lambda printed: "; ".join(" ".join(line.split()) for line in printed if re.search(pattern, line))


def simulations(printed: Sequence[str]) -> str:
    """Scenarios, runs and flawed runs in all, the faults in quick succession, and the days."""
    rows = [match for line in printed if (match := re.match(r"\S.*?\s+(\d+)\s+(\d+)\s", line))]
    runs, flawed = sum(int(row[1]) for row in rows), sum(int(row[2]) for row in rows)
    days = [line for line in printed if line.startswith("a day with") or " in quick succession: " in line]
    return "; ".join([f"{len(rows)} scenarios, {runs} runs, {flawed} flawed", *days])


def verdicts(printed: Sequence[str]) -> str:
    """Classes and runs in all, and the classes that miss a goal, each with what it misses."""
    rows = [row for line in printed if (row := re.match(r"(\S+) +(\d+) +[\d.]+%.* \S+/\S+ (yes|[a-z_, ]+)", line))]
    missed = [f"{row[1]}: {row[3]}" for row in rows if row[3] != "yes"]
    goals = f"goals missed: {'; '.join(missed)}" if missed else "all goals reached"
    return f"{len(rows)} classes, {sum(int(row[2]) for row in rows)} runs, {goals}"


PROOFS = (
    Proof(
        "simulation",
        "every scenario 200 times, faults in quick succession, and four days of random faults: no wrong root cause",
        ("-m", "tests.simulation", "200"),
        simulations,
    ),
    Proof(
        "verdicts",
        "random environments whose truth is known, with partial faults and wrong graphs: the verdict reaches its goals",
        ("-m", "tests.simulation.verdicts", "--runs", "30"),
        verdicts,
    ),
    Proof(
        "kills",
        "an exporter is killed 200 times right after it acknowledged an announcement: none is lost",
        ("-m", "tests.storage.kills", "200"),
        lines(r"^\d+ kills after "),
    ),
    Proof(
        "incident-kills",
        "an exporter is killed 50 times while things fail and recover: no incident is lost or doubled, each continues",
        ("-m", "tests.storage.incident_kills", "50"),
        lines(r"^\d+ kills during "),
    ),
    Proof(
        "months",
        "30 days of 100 components, 200 incidents a day: under 100 MB, start 3 s, pages 100 ms, deleted without stall",
        ("-m", "tests.storage.months"),
        lines(r"^\d+ incidents of "),
    ),
    Proof(
        "damage",
        "every 31st byte of a store is changed, one at a time: nothing is lost or changed",
        ("-m", "tests.storage.damage", "31"),
        lines(r"^\d+ of \d+ bytes "),
    ),
    Proof(
        "paging",
        "every scenario through real Prometheus and Alertmanager: exactly the expected pages",
        ("-m", "tests.paging"),
        lines(r" of \d+ as expected|^A day with"),
    ),
    Proof(
        "bench-page",
        "from fault to delivered page, beside a stock blackbox_exporter",
        ("-m", "tests.paging.bench"),
        lines(r"^(ours|direct|blackbox)\b"),
    ),
    Proof(
        "two-senders",
        "exporter and Prometheus send to one Alertmanager, each restarted once: one page, one resolved in 15 minutes",
        ("-m", "tests.paging.senders"),
        lines(r"^two senders"),
    ),
    Proof(
        "bench-detect",
        "from fault to the settled root cause, 50 faults",
        ("-m", "tests.bench.detect"),
        lines(r"^faults that|^wrong roots"),
    ),
    Proof(
        "flows",
        "10,000 runs of a golden path: under 15 ms of CPU each, nothing is held or grows",
        ("-m", "tests.soak.flows"),
        lines(r"^\d+ runs: "),
    ),
    Proof(
        "soak",
        "ten minutes of probes on targets that fail in turn: nothing leaks, nothing grows",
        ("-m", "tests.soak"),
        lines(r"^probes|^second half|^nothing"),
    ),
)
