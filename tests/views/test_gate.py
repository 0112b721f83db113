"""What counts for a pipeline, whether waiting may help, and how JUnit and GitHub are told."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.core.model import Priority
from staging_exporter.evidence.reports import read_report
from staging_exporter.evidence.testcases import Rules
from staging_exporter.views.document import document
from staging_exporter.views.gate import Gate, named
from staging_exporter.views.github import summary, workflow_commands
from staging_exporter.views.junit import junit
from staging_exporter.views.report import text

from tests.views.fleet import COMPONENTS, board

RECORDED = Path(__file__).parent / "recorded"
ALL = Gate()
NAMES = ("vpc", "database", "cache", "backend", "model-a", "model-b", "report", "silent", "suite")


@pytest.fixture
def seen() -> Any:
    """The database is down and takes the backend down; the suite passes nonetheless; `silent` never ran."""
    components = tuple(component for component in COMPONENTS if component.name in NAMES)
    return document(board(components=components).snapshot(26.0))


def well(document: Any) -> Any:
    """The same with everything up."""
    changed = copy.deepcopy(document)
    changed["root_causes"], changed["state"] = [], "up"
    for component in changed["components"].values():
        component.update(state="up", reason="ok", last_probe=20.0, conflicts=[], root_causes=[])
    return changed


def with_root(document: Any, **changes: Any) -> Any:
    changed = copy.deepcopy(document)
    changed["root_causes"][0].update(changes)
    return changed


def with_component(document: Any, name: str, **changes: Any) -> Any:
    changed = copy.deepcopy(document)
    changed["components"][name].update(changes)
    return changed


def test_the_exit_code(seen: Any) -> None:
    assert ALL.exit_code(seen) == 1
    assert ALL.exit_code(well(seen)) == 0
    assert ALL.exit_code(with_root(seen, priority="P1")) == 1
    assert Gate(Priority.P1).exit_code(with_root(seen, priority="P1")) == 1
    assert Gate(Priority.P0).exit_code(with_root(seen, priority="P1")) == 0
    assert Gate(Priority.P1).exit_code(with_root(seen, priority="P2")) == 3  # `silent` is unknown
    assert ALL.exit_code(well(seen) | {"pending": True}) == 3
    assert ALL.exit_code(with_component(well(seen), "cache", state="starting")) == 3
    assert ALL.exit_code(with_component(well(seen), "vpc", state="unknown")) == 0
    assert ALL.exit_code(with_component(well(seen), "cache", state="maintenance")) == 0


def test_what_fails_without_blame_is_not_well(seen: Any) -> None:
    recovering = with_component(well(seen), "backend", state="down")
    assert ALL.exit_code(recovering) == 3
    assert ALL.sentence(recovering) == "undecided: backend is down, and nothing is blamed for it"
    assert not ALL.decided(recovering)
    assert "Failing, but nothing is blamed for it:\n  backend is down" in text(recovering)
    maintained = with_component(recovering, "database", state="maintenance")
    assert ALL.exit_code(maintained) == 0
    assert "nothing is blamed" not in text(maintained)


DECIDED = {
    "all is well": (lambda d: well(d), True),
    "a root cause is down": (lambda d: d, True),
    "it flaps": (lambda d: with_root(d, state="flapping"), True),
    "it is merely degraded": (lambda d: with_root(d, state="degraded"), False),
    "it is only remembered": (lambda d: with_root(d, stale=True), False),
    "it does not count": (lambda d: with_root(d, component="silent", priority="P2"), False),
    "a round is open": (lambda d: d | {"pending": True}, False),
    "well, but a round is open": (lambda d: well(d) | {"pending": True}, False),
    "something starts": (lambda d: with_component(well(d), "backend", state="starting"), False),
    "something is unknown": (lambda d: with_component(well(d), "backend", state="unknown"), False),
}


@pytest.mark.parametrize("name", DECIDED)
def test_waiting_is_of_no_use_when(name: str, seen: Any) -> None:
    change, expected = DECIDED[name]
    assert Gate(Priority.P1).decided(change(seen)) is expected


def test_old_evidence_decides_nothing(seen: Any) -> None:
    gate = Gate(since=10.0)
    assert not gate.decided(seen)  # the database was last probed at 3
    assert gate.decided(with_component(seen, "database", last_probe=11.0))
    assert gate.decided(with_component(well(seen), "vpc", last_probe=None))
    early = with_component(well(seen), "cache", last_probe=9.0)
    assert (gate.decided(early), gate.exit_code(early)) == (False, 3)
    assert gate.sentence(early) == "undecided: cache was not probed yet since the check began"


def test_an_inferred_root_has_no_probe_to_be_fresh(seen: Any) -> None:
    assert Gate(since=10.0).decided(with_root(seen, component="vpc"))


def test_only_what_is_required_and_what_it_depends_on_counts(seen: Any) -> None:
    backend = ALL.requiring(seen, named(seen, [], ["backend"]))
    assert backend.scope == {"backend", "database", "model-a", "model-b", "cache", "vpc"}
    assert ALL.requiring(seen, named(seen, ["login"], [])).scope == backend.scope
    models = ALL.requiring(seen, named(seen, [], ["model-a", "model-b"]))
    assert models.scope == {"model-a", "model-b"}
    assert backend.exit_code(seen) == 1
    assert models.exit_code(seen) == 0
    assert ALL.requiring(seen, named(seen, [], ["silent"])).exit_code(seen) == 3


def resting(document: Any, name: str, *outcomes: str) -> Any:
    """The component is in maintenance, and its runs ended so."""
    return with_component(document, name, state="maintenance", recent={"outcomes": list(outcomes), "durations": []})


FAILS = "cache is in maintenance, and its last probe failed"
REQUIRED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "all is well": (lambda d: d, "passed"),
    "in maintenance, and well": (lambda d: resting(d, "cache", "fail", "pass"), "passed"),
    "in maintenance, and tired": (lambda d: resting(d, "cache", "degraded"), "passed"),
    "in maintenance, and broken": (lambda d: resting(d, "cache", "pass", "fail"), f"undecided: {FAILS}"),
    "in maintenance, and not known": (
        lambda d: resting(d, "cache", "pass", "unknown"),
        "undecided: cache is in maintenance, and its last probe came to no conclusion",
    ),
    "in maintenance, and not probed": (
        lambda d: resting(d, "cache"),
        "undecided: cache is in maintenance, and was not probed yet",
    ),
    "what is needed is in maintenance, and broken": (lambda d: resting(d, "database", "fail"), "passed"),
    "down, because what it needs is in maintenance": (
        lambda d: with_component(resting(d, "database", "fail"), "backend", state="down"),
        "undecided: backend is down while database is in maintenance",
    ),
}


@pytest.mark.parametrize("case", REQUIRED)
def test_maintenance_excuses_nothing_that_is_named(case: str, seen: Any) -> None:
    change, sentence = REQUIRED[case]
    document = change(well(seen))
    gate = ALL.requiring(document, named(document, [], ["backend", "cache"]))
    assert (gate.sentence(document), gate.exit_code(document)) == (sentence, 0 if sentence == "passed" else 3)
    assert gate.decided(document) is (sentence == "passed")
    assert (ALL.sentence(document), ALL.exit_code(document)) == ("passed", 0)


def test_the_steps_of_a_journey_are_named(seen: Any) -> None:
    broken = resting(well(seen), "backend", "fail")
    assert ALL.requiring(broken, named(broken, ["login"], [])).untold(broken) == {
        "backend": "backend is in maintenance, and its last probe failed"
    }


@pytest.mark.parametrize(
    ("journeys", "components", "message"),
    [
        (["logn"], [], "there is no journey 'logn', did you mean 'login'?"),
        (["x"], [], "there is no journey 'x'; there are login"),
        ([], ["bakcend"], "there is no component 'bakcend', did you mean 'backend'?"),
    ],
)
def test_a_name_that_is_unknown(seen: Any, journeys: list[str], components: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        named(seen, journeys, components)


def test_the_outcome_in_a_sentence(seen: Any) -> None:
    assert ALL.sentence(seen) == "failed: database is a root cause"
    assert ALL.sentence(well(seen)) == "passed"
    many = with_component(well(seen), "silent", state="unknown") | {"pending": True}
    assert ALL.sentence(many) == "undecided: the verdict is still open, silent is unknown"
    two = seen | {"root_causes": [root | {"component": name} for root in seen["root_causes"] for name in "ab"]}
    assert ALL.sentence(two) == "failed: a, b are root causes"


@pytest.mark.parametrize("view", ["report.txt", "junit.xml", "github.txt", "summary.md"])
def test_as_recorded(view: str, seen: Any) -> None:
    shown = {
        "report.txt": lambda: text(seen),
        "junit.xml": lambda: junit(seen, ALL),
        "github.txt": lambda: workflow_commands(seen, ALL),
        "summary.md": lambda: summary(seen, ALL),
    }[view]()
    assert shown == (RECORDED / view).read_text()


def test_the_report_fits_its_terminal(seen: Any) -> None:
    narrow = text(seen, width=60).splitlines()
    assert max(map(len, narrow)) <= 60
    at = narrow.index("    contradicts report needs it and is up: the fault may lie")
    assert narrow[at + 1] == "                on the path from here"
    (title,) = (line for line in text(seen, width=70, colour=True).splitlines() if "P0  database" in line)
    assert title.endswith("UTC"), "colours take no room"
    assert " ".join(text(seen, width=60).split()) == " ".join(text(seen).split())


SAID = {
    "suspects": (lambda d: with_root(d, suspects=["cache", "silent"]), "    suspects    cache, silent"),
    "several that contradict it": (
        lambda d: with_component(d, "database", contradicted_by=["report", "suite", "cache"]),
        "    contradicts report, suite and cache need it and are up: the fault may lie on the path from here",
    ),
    "a deploy before it": (
        lambda d: with_component(with_root(d, since=12.4), "database", deployed={"at": 10.0, "revision": "r42"}),
        "    deployed    r42, 2 s before",
    ),
    "a round that is open": (lambda d: d | {"pending": True}, "A round is still open: the verdict may change"),
    "silent checks": (lambda d: d | {"settled": False}, "Some checks stayed silent: the verdict was published without"),
    "that we are offline": (lambda d: d | {"online": False}, "The exporter itself is offline"),
    "a root seen no longer": (lambda d: with_root(d, stale=True), "down (closed, no longer seen)"),
}


@pytest.mark.parametrize("name", SAID)
def test_the_report_says(name: str, seen: Any) -> None:
    change, line = SAID[name]
    assert line in text(change(seen))
    assert line not in text(seen | {"settled": True})


def test_the_conflict_comes_before_the_root_causes(seen: Any) -> None:
    shown = text(seen).splitlines()
    at = shown.index("Conflicting evidence:")
    assert shown[at + 1] == "  suite passes although database is down: it does not test what it claims to"
    assert shown[at + 3].startswith("P0  database  down (closed)")


def test_junit_counts_what_the_gate_counts(seen: Any) -> None:
    def counts(gate: Gate, document: Any = seen) -> dict[str, int]:
        data = junit(document, gate).encode()
        report = read_report([data], "junit", Rules("x^", "x^"), time.monotonic() + 10)
        assert report.claimed == report.total
        return {outcome: count for outcome, count in report.counts.items() if count}

    assert counts(ALL) == {"passed": 5, "failed": 1, "error": 1, "skipped": 2}
    assert counts(Gate(Priority.P0), with_root(seen, priority="P1")) == {"passed": 5, "skipped": 4}
    assert counts(Gate(scope=frozenset({"model-a", "backend"}))) == {"passed": 1, "skipped": 1}
    assert counts(ALL, well(seen)) == {"passed": 9}
    assert counts(ALL, with_component(well(seen), "cache", state="maintenance")) == {"passed": 8, "skipped": 1}


def test_github_is_spared_more_than_it_shows(seen: Any) -> None:
    many = seen | {"root_causes": seen["root_causes"] * 60}
    assert len(workflow_commands(many, ALL).splitlines()) == 50
    assert len([line for line in summary(many, ALL).splitlines() if "**database**" in line]) == 50


HOSTILE = "a|b `c` <script>x</script> 100%\r\n::error::y [z](http://x) \x1b[31m\x00 \ud800"


def test_hostile_details_are_inert(seen: Any) -> None:
    hostile = with_component(with_root(seen, detail=HOSTILE), "database", links={"runbook": "https://x/a>b|c"})
    commands = workflow_commands(hostile, ALL).splitlines()
    assert all(line.startswith(("::error title=", "::warning title=")) for line in commands)
    assert "100%25%0A::error::y" in commands[0]
    markdown = summary(hostile, ALL)
    assert "<script>" not in markdown
    row = next(line for line in markdown.splitlines() if "[database]" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 7
    xml = junit(with_root(seen, detail=HOSTILE), ALL)
    assert "\x1b" not in xml
    xml.encode()
