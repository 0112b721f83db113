"""Newer runs replace older ones where every run writes files of new names, and never a part of their own run."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Reason
from staging_exporter.evidence.reruns import Names
from staging_exporter.probes import load

from tests.support.probing import probe

LOGIN = ("login", "pay", "refund", "logout")


class File(NamedTuple):
    """A report: its name, its age in seconds, its tests, those that fail, when and how long its run was."""

    name: str
    age: float
    tests: tuple[str, ...] = LOGIN
    failing: tuple[str, ...] = ()
    took: float = 20.0
    stamped: bool = False

    def write(self, folder: Path) -> None:
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        written = time.time() - self.age
        stamp = datetime.fromtimestamp(written - self.took, UTC).isoformat() if self.stamped else ""
        cases = "".join(
            f'<testcase classname="e2e" name="{name}">{"<failure/>" if name in self.failing else ""}</testcase>'
            for name in self.tests
        )
        path.write_text(f'<testsuite name="e2e" time="{self.took}" timestamp="{stamp}">{cases}</testsuite>')
        os.utime(path, (written, written))


def red(name: str, age: float = 240, **more: object) -> File:
    return File(name, age, failing=("pay",), **more)  # type: ignore[arg-type]


def green(name: str, age: float = 0, **more: object) -> File:
    return File(name, age, **more)  # type: ignore[arg-type]


REPLACED: dict[str, tuple[File, ...]] = {
    "dates": (red("report-20261126T0540.xml"), green("report-20261126T0545.xml")),
    "dates with parts": (red("e2e 2026-11-26_05-40-10.xml"), green("e2e 2026-11-26_05-45-59.xml")),
    "times of files that say when they began": (
        red("report-20261126T0540.xml", stamped=True),
        green("report-20261126T0545.xml", stamped=True),
    ),
    "numbers of builds": (red("build-9876543210.xml"), green("build-9876543999.xml")),
    "commits": (red("junit-9f8a2c1b.xml"), green("junit-1c2d3e4.xml")),
    "UUIDs": (
        red("550e8400-e29b-41d4-a716-446655440000.xml"),
        green("dddddddd-abcd-4abc-aaaa-44665544000f.xml"),
    ),
    "folders": (red("run-20261126-0540/junit.xml"), green("run-20261126-0545/junit.xml")),
    "a failing run between": (
        green("report-20261126T0535.xml", 500),
        red("report-20261126T0540.xml"),
        green("report-20261126T0545.xml"),
    ),
    "tests that are new": (red("r-20261126T0540.xml"), green("r-20261126T0545.xml", tests=(*LOGIN, "search"))),
    "some tests that are gone": (red("r-20261126T0540.xml"), green("r-20261126T0545.xml", tests=LOGIN[:3])),
    "a run in two files, by two files": (
        red("a-20261126T0540.xml", 250),
        green("b-20261126T0540.xml", 240, tests=("cart", "search")),
        green("a-20261126T0545.xml", 30),
        green("b-20261126T0545.xml", 0, tests=("cart", "search")),
    ),
    "files of a hash each, as Cypress has": (
        red("r-9f8a2c1b9f8a2c1b9f8a2c1b9f8a2c1b.xml", 250),
        green("r-11111111222222223333333344444444.xml", 220, tests=("cart", "search")),
        green("r-5555555566666666777777778888888a.xml", 30),
        green("r-0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.xml", 0, tests=("cart", "search")),
    ),
}
TOGETHER: dict[str, tuple[File, ...]] = {
    "shards have other tests": (
        red("shard-9876543210.xml"),
        green("shard-9876543211.xml", tests=("cart", "search", "order", "ship")),
    ),
    "specs of a hash each": (
        red("r-9f8a2c1b.xml", 30),
        green("r-1c2d3e4f.xml", 0, tests=("cart", "search")),
    ),
    "browsers": (red("chromium-20261126T0540.xml"), green("firefox-20261126T0545.xml")),
    "versions of Python": (red("junit-py311.xml"), green("junit-py312.xml")),
    "versions with a dot": (red("junit-3.11.xml"), green("junit-3.12.xml")),
    "versions of a system": (red("ubuntu-2204.xml"), green("ubuntu-2404.xml")),
    "small numbers, which may be anything": (red("report-1.xml"), green("report-2.xml")),
    "classes with a number": (red("TEST-Checkout1Test.xml"), green("TEST-Checkout2Test.xml")),
    "runs at the same time": (red("report-9876543210.xml", 10), green("report-9876543999.xml", 0, took=60.0)),
    "runs at the same time that say so": (
        red("r-9876543210.xml", 300, stamped=True, took=100.0),
        green("r-9876543999.xml", 0, stamped=True, took=350.0),
    ),
    "half of the tests again": (red("r-20261126T0540.xml"), green("r-20261126T0545.xml", tests=LOGIN[2:])),
    "other folders": (red("app/r-20261126T0540.xml"), green("shop/r-20261126T0545.xml")),
}


@pytest.mark.parametrize("case", [*REPLACED, *TOGETHER])
async def test_a_newer_run_replaces_an_older_one(case: str, tmp_path: Path) -> None:
    for file in (REPLACED | TOGETHER)[case]:
        file.write(tmp_path)
    seen = await probe({"kind": "e2e", "path": str(tmp_path / "**/*.xml")}, timeout=10)
    assert seen.reason == (Reason.OK if case in REPLACED else Reason.FAILED), seen.detail


async def test_a_newer_run_that_fails_counts_as_well(tmp_path: Path) -> None:
    for file in (green("report-20261126T0540.xml", 240), red("report-20261126T0545.xml", 0)):
        file.write(tmp_path)
    seen = await probe({"kind": "e2e", "path": str(tmp_path / "*.xml")})
    assert (seen.reason, seen.detail) == (Reason.FAILED, "1 of 4 tests failed: e2e::pay")
    assert seen.facts["report"] == "report-20261126T0545.xml"


@pytest.mark.parametrize("broken", ["collection", "suite"])
async def test_a_run_that_could_not_load_its_tests_is_replaced_by_one_that_could(broken: str, tmp_path: Path) -> None:
    old = tmp_path / "r-20261126T0540.xml"
    old.write_text({
        "collection": '<testsuite name="pytest"><testcase classname="" name="e2e"><error/></testcase></testsuite>',
        "suite": '<testsuites errors="1"><testsuite name="e2e" errors="1"/></testsuites>',
    }[broken])  # fmt: skip
    os.utime(old, (time.time() - 240, time.time() - 240))
    options = {"kind": "e2e", "path": str(tmp_path / "*.xml")}
    assert (await probe(options)).reason == Reason.FAILED
    green("r-20261126T0545.xml").write(tmp_path)
    assert (await probe(options)).reason == Reason.OK


async def test_the_id_of_a_run_in_the_path_decides(tmp_path: Path) -> None:
    for file in (
        red("build-481/shard-1.xml", 200),
        green("build-481/shard-2.xml", 200, tests=("cart",)),
        red("build-482/shard-1.xml", 100, tests=("pay", "order")),
        green("build-482/shard-2.xml", 0, tests=("cart", "ship")),
    ):
        file.write(tmp_path)
    options = {"kind": "e2e", "path": str(tmp_path / "*/*.xml"), "run_id": r"build-(\d+)"}
    assert (await probe(options)).detail == "1 of 4 tests failed: e2e::pay"
    green("build-483/shard-1.xml").write(tmp_path)
    assert (await probe(options)).reason == Reason.OK
    assert (await probe({**options, "run_id": "(no id)"})).reason == Reason.FAILED, "the window decides"


@pytest.mark.parametrize("pattern", ["build", r"(\d)-(\d)"])
def test_a_pattern_of_an_id_has_one_group(pattern: str) -> None:
    with pytest.raises(ValidationError, match="run_id has one group"):
        load("e2e").model_validate({"kind": "e2e", "path": "/r/*.xml", "run_id": pattern})


def test_of_many_names_a_sample_is_kept() -> None:
    whole, other, different = Names(), Names(), Names()
    for number in range(40_000):
        whole.add(f"test {number}")
        if number < 30_000:
            other.add(f"test {number}")
        different.add(f"case {number}")
    assert max(len(names.tests) for names in (whole, other, different)) <= 5000
    assert whole.share_in([other]) == pytest.approx(0.75, abs=0.05)
    assert whole.share_in([different]) < 0.05
    assert other.share_in([whole]) == 1.0
    assert Names().share_in([whole]) == 0.0
