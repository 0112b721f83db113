"""What counts for a pipeline, whether waiting helps, and the formats for JUnit and GitHub."""

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
from staging_exporter.views.gate import Gate, required_components
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


def passing(document: Any) -> Any:
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
    assert ALL.exit_code(passing(seen)) == 0
    assert ALL.exit_code(with_root(seen, priority="P1")) == 1
    assert Gate(Priority.P1).exit_code(with_root(seen, priority="P1")) == 1
    assert Gate(Priority.P0).exit_code(with_root(seen, priority="P1")) == 0
    assert Gate(Priority.P1).exit_code(with_root(seen, priority="P2")) == 3  # `silent` is unknown
    assert ALL.exit_code(passing(seen) | {"pending": True}) == 3
    assert ALL.exit_code(with_component(passing(seen), "cache", state="starting")) == 3
    assert ALL.exit_code(with_component(passing(seen), "vpc", state="unknown")) == 0
    assert ALL.exit_code(with_component(passing(seen), "cache", state="maintenance")) == 0


def test_a_failure_without_root_cause_is_undetermined(seen: Any) -> None:
    recovering = with_component(passing(seen), "backend", state="down")
    assert ALL.exit_code(recovering) == 3
    assert ALL.sentence(recovering) == "undetermined: backend is down, no root cause identified"
    assert not ALL.decided(recovering)
    assert "Failing, no root cause identified:\n  backend is down" in text(recovering)
    maintained = with_component(recovering, "database", state="maintenance")
    assert ALL.exit_code(maintained) == 0
    assert "no root cause" not in text(maintained)


DECIDED = {
    "everything passes": (lambda d: passing(d), True),
    "a root cause is down": (lambda d: d, True),
    "the root cause is flapping": (lambda d: with_root(d, state="flapping"), True),
    "the root cause is only degraded": (lambda d: with_root(d, state="degraded"), False),
    "the root cause is stale": (lambda d: with_root(d, stale=True), False),
    "the root cause does not count": (lambda d: with_root(d, component="silent", priority="P2"), False),
    "a root cause is down, but a round is open": (lambda d: d | {"pending": True}, False),
    "everything passes, but a round is open": (lambda d: passing(d) | {"pending": True}, False),
    "a component is starting": (lambda d: with_component(passing(d), "backend", state="starting"), False),
    "a component is unknown": (lambda d: with_component(passing(d), "backend", state="unknown"), False),
}


@pytest.mark.parametrize("name", DECIDED)
def test_whether_waiting_is_useless(name: str, seen: Any) -> None:
    change, expected = DECIDED[name]
    assert Gate(Priority.P1).decided(change(seen)) is expected


def test_old_evidence_decides_nothing(seen: Any) -> None:
    gate = Gate(since=10.0)
    assert not gate.decided(seen)  # the database was last probed at 3
    assert gate.decided(with_component(seen, "database", last_probe=11.0))
    assert gate.decided(with_component(passing(seen), "vpc", last_probe=None))
    early = with_component(passing(seen), "cache", last_probe=9.0)
    assert (gate.decided(early), gate.exit_code(early)) == (False, 3)
    assert gate.sentence(early) == "undetermined: cache has not been probed since the check started"


def test_an_inferred_root_cause_needs_no_fresh_probe(seen: Any) -> None:
    assert Gate(since=10.0).decided(with_root(seen, component="vpc"))


def test_only_required_components_and_their_dependencies_count(seen: Any) -> None:
    backend = ALL.requiring(seen, required_components(seen, [], ["backend"]))
    assert backend.scope == {"backend", "database", "model-a", "model-b", "cache", "vpc"}
    assert ALL.requiring(seen, required_components(seen, ["login"], [])).scope == backend.scope
    models = ALL.requiring(seen, required_components(seen, [], ["model-a", "model-b"]))
    assert models.scope == {"model-a", "model-b"}
    assert backend.exit_code(seen) == 1
    assert models.exit_code(seen) == 0
    assert ALL.requiring(seen, required_components(seen, [], ["silent"])).exit_code(seen) == 3


def in_maintenance(document: Any, name: str, *outcomes: str) -> Any:
    """The component is in maintenance, and its runs ended so."""
    return with_component(document, name, state="maintenance", recent={"outcomes": list(outcomes), "durations": []})


FAILS = "cache is in maintenance, and its last probe failed"
REQUIRED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "everything passes": (lambda d: d, "passed"),
    "in maintenance and passing": (lambda d: in_maintenance(d, "cache", "fail", "pass"), "passed"),
    "in maintenance and degraded": (lambda d: in_maintenance(d, "cache", "degraded"), "passed"),
    "in maintenance and failing": (lambda d: in_maintenance(d, "cache", "pass", "fail"), f"undetermined: {FAILS}"),
    "in maintenance and inconclusive": (
        lambda d: in_maintenance(d, "cache", "pass", "unknown"),
        "undetermined: cache is in maintenance, and its last probe was inconclusive",
    ),
    "in maintenance and not probed": (
        lambda d: in_maintenance(d, "cache"),
        "undetermined: cache is in maintenance, and has not been probed yet",
    ),
    "a dependency is in maintenance and failing": (lambda d: in_maintenance(d, "database", "fail"), "passed"),
    "down because a dependency is in maintenance": (
        lambda d: with_component(in_maintenance(d, "database", "fail"), "backend", state="down"),
        "undetermined: backend is down while database is in maintenance",
    ),
}


@pytest.mark.parametrize("case", REQUIRED)
def test_a_required_component_must_pass_even_in_maintenance(case: str, seen: Any) -> None:
    change, sentence = REQUIRED[case]
    document = change(passing(seen))
    gate = ALL.requiring(document, required_components(document, [], ["backend", "cache"]))
    assert (gate.sentence(document), gate.exit_code(document)) == (sentence, 0 if sentence == "passed" else 3)
    assert gate.decided(document) is (sentence == "passed")
    assert (ALL.sentence(document), ALL.exit_code(document)) == ("passed", 0)


def test_the_components_of_a_required_journey_are_required(seen: Any) -> None:
    broken = in_maintenance(passing(seen), "backend", "fail")
    assert ALL.requiring(broken, required_components(broken, ["login"], [])).undetermined(broken) == {
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
def test_an_unknown_name(seen: Any, journeys: list[str], components: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        required_components(seen, journeys, components)


def test_the_outcome_in_a_sentence(seen: Any) -> None:
    assert ALL.sentence(seen) == "failed: database is a root cause"
    assert ALL.sentence(passing(seen)) == "passed"
    many = with_component(passing(seen), "silent", state="unknown") | {"pending": True}
    assert ALL.sentence(many) == "undetermined: a change is still being confirmed, silent is unknown"
    two = seen | {"root_causes": [root | {"component": name} for root in seen["root_causes"] for name in "ab"]}
    assert ALL.sentence(two) == "failed: a, b are root causes"


@pytest.mark.parametrize("view", ["report.txt", "junit.xml", "github.txt", "summary.md"])
def test_the_view_is_as_recorded(view: str, seen: Any) -> None:
    shown = {
        "report.txt": lambda: text(seen),
        "junit.xml": lambda: junit(seen, ALL),
        "github.txt": lambda: workflow_commands(seen, ALL),
        "summary.md": lambda: summary(seen, ALL),
    }[view]()
    assert shown == (RECORDED / view).read_text()


def test_the_report_fits_the_terminal(seen: Any) -> None:
    narrow = text(seen, width=60).splitlines()
    assert max(map(len, narrow)) <= 60
    at = narrow.index("    contradicted  report depends on it and is up, so the")
    assert narrow[at + 1] == "                  problem is the network path from the"
    (title,) = (line for line in text(seen, width=70, colour=True).splitlines() if "P0  database" in line)
    assert title.endswith("UTC"), "colours take no columns"
    assert " ".join(text(seen, width=60).split()) == " ".join(text(seen).split())


LINES = {
    "suspects": (lambda d: with_root(d, suspects=["cache", "silent"]), "    suspects      cache, silent"),
    "every remark": (
        lambda d: with_root(d, remarks={"certainty": "likely: a phrase", "not recovered": "since cache came back"}),
        "    certainty     likely: a phrase\n    not recovered since cache came back\n",
    ),
    "a deploy before it": (
        lambda d: with_component(with_root(d, since=12.4), "database", deployed={"at": 10.0, "revision": "r42"}),
        "    deployed      r42, 2 s before",
    ),
    "an open round": (lambda d: d | {"pending": True}, "A change is still being confirmed: the verdict may change"),
    "checks without result": (lambda d: d | {"settled": False}, "Some checks did not finish in time: the verdict was"),
    "an offline exporter": (lambda d: d | {"online": False}, "All vantage checks of the exporter are failing"),
    "a stale root cause": (lambda d: with_root(d, stale=True), "down (closed, stale)"),
}


@pytest.mark.parametrize("name", LINES)
def test_the_report_has_a_line_for(name: str, seen: Any) -> None:
    change, line = LINES[name]
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

    assert counts(ALL) == {"passed": 6, "failed": 1, "error": 1, "skipped": 2}
    assert counts(Gate(Priority.P0), with_root(seen, priority="P1")) == {"passed": 6, "skipped": 4}
    assert counts(Gate(scope=frozenset({"model-a", "backend"}))) == {"passed": 1, "skipped": 1}
    assert counts(ALL, passing(seen)) == {"passed": 10}
    assert counts(ALL, with_component(passing(seen), "cache", state="maintenance")) == {"passed": 9, "skipped": 1}


def test_github_gets_at_most_fifty_annotations_and_rows(seen: Any) -> None:
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
    assert len(re.findall(r"(?<!\\)\|", row)) == 8
    xml = junit(with_root(seen, detail=HOSTILE), ALL)
    assert "\x1b" not in xml
    xml.encode()
