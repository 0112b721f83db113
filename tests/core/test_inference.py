"""Rule 3: what is known of components without a check."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.diagnosis import Verdict, diagnose
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import Inference
from staging_exporter.core.model import State

from tests.support.sketch import conditions, sketch


def verdicts(environment: str, seen: str, **options: object) -> dict[str, Verdict]:
    components = sketch(environment, **options)
    return diagnose(Graph(components), conditions(components, seen))


def roots(found: dict[str, Verdict]) -> str:
    return " ".join(sorted(name for name, verdict in found.items() if verdict.root))


TWO = "net*, a: net, b: net"
THREE = "net*, a: net, b: net, c: net"


@pytest.mark.parametrize(
    ("environment", "seen", "expected"),
    [
        pytest.param(TWO, "a=down b=down", "net", id="two dependents that fail together are evidence"),
        pytest.param(TWO, "a=down", "a", id="one failing dependent is none while the other is up"),
        pytest.param(TWO, "a=down b=unknown", "a", id="one failing dependent is none while the other is unknown"),
        pytest.param(THREE, "a=down b=down", "a b", id="one healthy dependent clears it"),
        pytest.param(THREE, "a=down b=down c=unknown", "net", id="an unknown dependent does not clear it"),
        pytest.param(THREE, "a=down b=down c=starting", "net", id="a starting dependent does not clear it"),
        pytest.param(TWO, "a=down:refused b=down:server_error", "net", id="reasons of one class are evidence"),
        pytest.param(TWO, "a=down:refused b=down:denied", "a b", id="reasons of two classes are none"),
        pytest.param(TWO, "a=down:starting b=down:starting", "a b", id="a reason without a class is none"),
        pytest.param(
            THREE, "a=down b=down c=down:denied", "net", id="the largest class is evidence, the others are symptoms"
        ),
        pytest.param(TWO, "a=down@0 b=down@20", "net", id="failures within two intervals are evidence"),
        pytest.param(TWO, "a=down@0 b=down@21", "a b", id="failures further apart are none"),
        pytest.param(THREE, "a=down@0 b=down@50 c=down@60", "net", id="those that began together are evidence"),
        pytest.param(TWO, "a=degraded b=degraded", "net", id="dependents that are all degraded are evidence"),
        pytest.param(TWO, "a=down:tls_name b=down:tls_name", "net", id="an intrinsic reason can be evidence"),
        pytest.param(
            THREE, "a=down b=down c=down:dns", "c net", id="an intrinsic reason that is no evidence stays a root"
        ),
        pytest.param(
            "x, net*, a: net x, b: net",
            "x=down a=down b=down",
            "b x",
            id="a dependent that a check explains is no evidence",
        ),
        pytest.param("net*, s!: net, a: net", "s=down a=down", "a s", id="a suite is never evidence"),
        pytest.param("net*, s!: net, a: net, b: net", "a=down b=down", "net", id="a suite clears nothing"),
        # alternatives and optional edges
        pytest.param("net*, x, a: net|x, b: net", "a=down b=down", "a b", id="no evidence while its alternative is up"),
        pytest.param(
            "net*, x, a: net|x, b: net",
            "x=down a=down b=down",
            "net x",
            id="evidence while its alternative is down too",
        ),
        pytest.param(
            "net*, o*, a: net|o, b: net", "a=down b=down", "a b", id="a latent alternative is not known to be down"
        ),
        pytest.param(
            "net*, x, a: net|x, b: net, c: net",
            "b=down c=down",
            "net",
            id="a dependent with an alternative clears nothing",
        ),
        pytest.param(
            "net*, a: ?net, b: ?net", "a=degraded b=degraded", "net", id="optional edges of degraded dependents count"
        ),
        pytest.param(
            "net*, a: ?net, b: ?net", "a=down b=down", "a b", id="optional edges of down dependents do not count"
        ),
        pytest.param(
            "net*, a: net, b: net, c: ?net", "a=down b=down", "net", id="an optional dependent clears nothing"
        ),
        # nested, shared and overlapping
        pytest.param("deep*, net*: deep, a: net, b: net", "a=down b=down", "net", id="the nearest latent is inferred"),
        pytest.param(
            "deep*, net*: deep, a: net, b: net, c: deep",
            "a=down b=down c=down",
            "deep",
            id="the latent with more evidence is inferred",
        ),
        pytest.param(
            "deep*, net*: deep, a: net, b: net, c: deep",
            "a=down b=down",
            "net",
            id="a healthy dependent clears the deeper one",
        ),
        pytest.param(
            "deep*, net*: deep, a: net, b: net, c: deep, d: deep",
            "c=down d=down",
            "c d",
            id="a latent that is cleared clears another",
        ),
        pytest.param(
            "n*, m*, a: n m, b: n m", "a=down b=down", "m", id="with equal evidence the first by name is inferred"
        ),
        pytest.param(
            "n*, m*, a: n m, b: n m, c: m",
            "a=down b=down c=down",
            "m",
            id="the one with more evidence supersedes the other",
        ),
        pytest.param("n*, m*, a: n m, b: n m, c: m", "a=down b=down", "n", id="a cleared latent is not inferred"),
        pytest.param(
            "n*, m*, a: n, b: n m, c: m",
            "a=down b=down c=down",
            "m n",
            id="with overlapping evidence both are inferred",
        ),
    ],
)
def test_roots(environment: str, seen: str, expected: str) -> None:
    assert roots(verdicts(environment, seen)) == expected


def test_with_equal_evidence_the_others_are_suspects() -> None:
    net = verdicts("n*, m*, a: n m, b: n m", "a=down b=down")["m"]
    assert net.suspects == ("n",)
    assert net.inference is not None
    assert net.inference.evidence == ("a", "b")


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param("", State.UP, id="up when a dependent is up"),
        pytest.param("a=unknown b=unknown", State.UNKNOWN, id="unknown without any evidence"),
        pytest.param("a=down b=unknown", State.UNKNOWN, id="unknown with one failing dependent"),
        pytest.param("a=down b=down", State.DOWN, id="down with two failing dependents"),
        pytest.param("a=degraded b=degraded", State.DEGRADED, id="degraded when all dependents are degraded"),
        pytest.param("a=degraded b=down", State.DOWN, id="down when one dependent is down"),
        pytest.param("a=flapping b=flapping", State.DOWN, id="down when its dependents flap"),
    ],
)
def test_states(seen: str, state: State) -> None:
    assert verdicts(TWO, seen)["net"].state == state


def test_of_two_groups_of_equal_size_the_one_that_is_down_is_the_evidence() -> None:
    found = verdicts(
        "net*, a: net, b: net, x: ?net, y: ?net",
        "a=down@5 b=down@5 x=degraded:content y=degraded:content",
    )
    assert found["net"].state == State.DOWN
    assert roots(found) == "net"


@pytest.mark.parametrize("seen", ["a=down@0 b=down@100", "a=down@100 b=down@0"])
def test_two_intervals_are_those_of_the_slower_dependent(seen: str) -> None:
    components = sketch(TWO)
    assert roots(diagnose(Graph(components), conditions(components, seen))) == "a b"
    components["b"] = replace(components["b"], interval=50.0)
    assert roots(diagnose(Graph(components), conditions(components, seen))) == "net"


@pytest.mark.parametrize(
    ("seen", "evidence"),
    [
        ("a=down:denied b=down:denied c=down:failed d=down:failed", ("a", "b")),
        ("a=down:failed b=down:failed c=down:denied d=down:denied", ("c", "d")),
    ],
)
def test_of_two_classes_of_equal_size_the_order_in_the_file_does_not_decide(
    seen: str, evidence: tuple[str, ...]
) -> None:
    inference = verdicts("net*, a: net, b: net, c: net, d: net", seen)["net"].inference
    assert inference is not None
    assert inference.evidence == evidence


INFERRED = Inference(State.DOWN, ("a", "b"), frozenset({"a", "b"}), "network", 0.0)


@pytest.mark.parametrize(
    ("seen", "stale"),
    [
        pytest.param("a=unknown b=unknown", True, id="unknown dependents do not end it"),
        pytest.param("a=down b=unknown", True, id="one unknown dependent does not end it"),
        pytest.param("a=down:denied b=down", True, id="other reasons than before do not end it"),
        pytest.param("a=down b=down", False, id="fresh evidence makes it no longer stale"),
        pytest.param("a=down", False, id="a dependent that is up ends it"),
    ],
)
def test_an_inferred_root_cause_stays_and_is_stale(seen: str, stale: bool) -> None:
    components = sketch(TWO)
    found = diagnose(Graph(components), conditions(components, seen), inferred={"net": INFERRED})["net"]
    assert found.inference is not None
    assert (found.inference.stale, found.state == State.DOWN) == (stale, stale or seen == "a=down b=down")


def test_a_latent_inferred_by_optional_edges_is_over_when_all_those_dependents_are_up() -> None:
    components = sketch("net*, a: ?net, b: ?net")
    graph = Graph(components)
    assert diagnose(graph, conditions(components, "a=degraded"), inferred={"net": INFERRED})["net"].state == State.DOWN
    assert diagnose(graph, conditions(components, ""), inferred={"net": INFERRED})["net"].state == State.UNKNOWN


def test_a_latent_that_is_superseded_does_not_stay_inferred() -> None:
    components = sketch("deep*, net*: deep, a: net, b: net, c: deep")
    found = diagnose(Graph(components), conditions(components, "a=down b=down c=down"), inferred={"net": INFERRED})
    assert roots(found) == "deep"


def test_a_recovering_component_is_no_evidence() -> None:
    components = sketch(TWO)
    assert roots(diagnose(Graph(components), conditions(components, "a=down b=down"), recovering={"a"})) == "b"
