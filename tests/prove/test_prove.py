"""The table of proofs: what is run, what is kept, what a failure looks like."""

from __future__ import annotations

import importlib.util
import platform

import pytest

from tests.prove.proofs import PROOFS, Proof, lines, simulations, verdicts
from tests.prove.table import Row, machine, run, written


def printing(text: str, status: int = 0) -> Proof:
    return Proof("one", "it works", ("-c", f"import sys; print({text!r}); sys.exit({status})"), lines("^result"))


def test_a_row_has_the_result_among_what_was_printed(capfd: pytest.CaptureFixture[str]) -> None:
    row = run(printing("working\nresult   5 of 5\n"))
    assert (row.passed, row.result) == (True, "result 5 of 5")
    assert "working" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "expected"), [("result 4 of 5", "result 4 of 5"), ("no memory", "no memory"), ("", "exit status 1")]
)
def test_a_proof_that_fails_is_marked_with_what_it_said_last(text: str, expected: str) -> None:
    row = run(printing(text, 1))
    assert not row.passed
    assert f"| **failed**: {expected}" in str(row)


def test_only_the_rows_that_ran_change() -> None:
    first, second = (Row(Proof(name, "shows", (), lines("")), True, "1", 61.0, "today", "here") for name in "ab")
    again = Row(first.proof, True, "a|b", 61.0, "tomorrow", "here")
    page = ""
    for row in (second, first, again):
        page = written(page, row, ["a", "b"])
    rows = page.splitlines()[-2:]
    assert rows == ["| a | shows | a/b | 1 min 1 s | tomorrow | here |", str(second)]
    assert written(page, again, ["a"]).endswith(rows[0] + "\n")  # a proof that is gone takes its row with it


def test_the_machine_is_described_and_not_named() -> None:
    assert platform.python_version() in machine()
    assert "cores" in machine()
    assert platform.node() not in machine()


def test_verdicts_name_the_classes_that_miss_a_goal() -> None:
    printed = [
        "class                     runs  wrong  for p50/max  missed  time p50/p95/max  pages/ideal  goal ok",
        "5xx                         30   0.0%          0/0    0.0%             8/8/8    1.00/1.00  -  1/1 yes",
        "shallow                     30   3.3%        15/15    3.3%          32/32/32    1.00/1.00      33% (0%)   1/1"
        " wrong, likely; one page 90% (80)",
    ]
    assert verdicts(printed) == "2 classes, 60 runs, goals missed: shallow: wrong, likely"
    assert verdicts(printed[:2]) == "1 classes, 30 runs, all goals reached"


def test_simulations_are_added_up() -> None:
    printed = [
        "scenario               runs  flawed named p50 named max   pending",
        "F01                     200       0     3.1 s     4.0 s     2.0 s",
        "F31 past its budget     200       2                         2.0 s",
        "  17: backend was published as a root",
        "a day with 0 faults: 9 runs, 0 root causes published, as planned",
    ]
    assert simulations(printed) == f"2 scenarios, 400 runs, 2 flawed; {printed[-1]}"


def test_every_proof_has_a_module_and_a_name_of_its_own() -> None:
    assert len({proof.name for proof in PROOFS}) == len(PROOFS)
    assert all(importlib.util.find_spec(proof.arguments[1]) for proof in PROOFS)
