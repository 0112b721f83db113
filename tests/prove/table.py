"""Runs a proof, and keeps the table of the last result of each."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.prove.proofs import Proof

_HEAD = """\
# Proofs

What takes longer than `make test` may. `make prove` runs it and writes this table; `make prove ARGS="soak"` runs one
row and leaves the others as they are.

| proof | shows | result | took | on | machine |
|---|---|---|---|---|---|
"""
_SAID = 3  # last lines of a proof that failed without a result


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one proof; `took` is in seconds."""

    proof: Proof
    passed: bool
    result: str
    took: float
    on: str
    machine: str

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.took), 60)
        result = self.result if self.passed else f"**failed**: {self.result}"
        cells = (self.proof.name, self.proof.shows, result, f"{minutes} min {seconds} s", self.on, self.machine)
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def run(proof: Proof) -> Row:
    """Run it; what it prints is passed on."""
    print(f"== {proof.name}: {proof.shows}", flush=True)
    begin = time.monotonic()
    printed = []
    command = [sys.executable, "-u", *proof.arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line.rstrip())
    result = proof.result(printed) or "; ".join(printed[-_SAID:]) or f"exit status {process.returncode}, no output"
    took = time.monotonic() - begin
    return Row(proof, process.returncode == 0, result, took, f"{datetime.now(UTC):%Y-%m-%d}", machine())


def machine() -> str:
    """What results depend on: cores, memory, kernel, Python; no name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {kernel}, Python {platform.python_version()}"


def written(before: str, row: Row, known: Sequence[str]) -> str:
    """The page `before` with that row in place of its earlier one, in the order of `known`."""
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in before.splitlines() if line.startswith("| ")}
    rows[row.proof.name] = str(row)
    return _HEAD + "".join(f"{rows[name]}\n" for name in known if name in rows)
