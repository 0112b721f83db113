"""Rule 3: what is inferred of components that nobody can see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.diagnosis import Verdict, diagnose
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import Inference
from staging_exporter.core.model import Certainty, State

from tests.support.sketch import conditions, sketch


def verdicts(environment: str, seen: str, **options: object) -> dict[str, Verdict]:
    components = sketch(environment, **options)
    return diagnose(Graph(components), conditions(components, seen))


def roots(found: dict[str, Verdict]) -> str:
    return " ".join(sorted(name for name, verdict in found.items() if verdict.root))


BLIND = "a=unknown:rate_limited"
TWO = "net*, a: net, b: net"
THREE = "net*, a: net, b: net, c: net"


@pytest.mark.parametrize(
    ("environment", "seen", "expected"),
    [
        pytest.param(TWO, "a=down b=down", "net", id="two dependents that fail together are evidence"),
        pytest.param(TWO, "a=down", "a", id="one failing dependent is none while the other is up"),
        pytest.param(TWO, "a=down b=unknown", "a", id="one failing dependent is none while the other is unknown"),
        pytest.param(TWO + ", c: net", "a=down b=down", "net", id="two that fail outweigh one that is healthy"),
        pytest.param(THREE + ", d: net", "a=down b=down", "a b", id="two healthy dependents clear it"),
        pytest.param(
            THREE + ", d: net, e: net, f: net",
            "a=down b=down c=down d=down",
            "net",
            id="four that fail outweigh two that are healthy",
        ),
        pytest.param(
            THREE, "a=down:refused b=down:denied", "a b", id="what has only the moment in common outweighs nothing"
        ),
        pytest.param(
            "net*, a: net, b: net",
            "a=down/PFFF@0 b=up/PP@0",
            "a",
            id="one that fails never outweighs one that is healthy",
        ),
        pytest.param(THREE, "a=down b=down c=unknown", "net", id="an unknown dependent does not clear it"),
        pytest.param(THREE, "a=down b=down c=starting", "net", id="a starting dependent does not clear it"),
        pytest.param(TWO, "a=down:refused b=down:server_error", "net", id="reasons of one class are evidence"),
        pytest.param(TWO, "a=down:refused b=down:denied", "net", id="reasons of two classes that began together are"),
        pytest.param(
            TWO, "a=down:refused@0 b=down:denied@21", "a b", id="reasons of two classes apart in time are none"
        ),
        pytest.param(TWO, "a=down:timeout b=degraded:slow", "net", id="a timeout and slowness are one class"),
        pytest.param(TWO, "a=down:refused b=degraded:saturated", "net", id="a refusal and saturation are one class"),
        pytest.param(TWO, "a=down:starting b=down:starting", "a b", id="a reason without a class is none"),
        pytest.param(
            THREE, "a=down b=down c=down:denied", "net", id="the largest class is evidence, the others are symptoms"
        ),
        pytest.param(
            THREE + ", d: net",
            "a=down:denied b=down:denied c=down:refused d=down:content",
            "net",
            id="a class that two have is evidence although four began together",
        ),
        # onsets by the runs
        pytest.param(TWO, "a=down/PFFF@0 b=down/PFPFF@20", "net", id="the first run that did not pass counts"),
        pytest.param(TWO, "a=down/PFFF@0 b=down/PFFF@21", "a b", id="runs that began to fail apart are none"),
        pytest.param(
            THREE, "a=down/-FFF@0 b=down/-FFF@0 c=up/P@0", "net", id="a dependent that passed before clears nothing"
        ),
        pytest.param(
            THREE + ", d: net",
            "a=down/-FFF@0 b=down/-FFF@0 c=up/PPF@0 d=up/PPF@0",
            "net",
            id="dependents that are up and whose last run failed clear nothing",
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
            id="the nearest latent is inferred beside a healthy dependent of the deeper one",
        ),
        pytest.param(
            "deep*, net*: deep, a: net, b: net, m*: deep, e: m, f: m, c: deep, d: deep",
            "c=down d=down",
            "c d",
            id="two latents that are cleared clear another",
        ),
        pytest.param(
            "deep*, net*: deep, a: net, b: net, c: deep, d: deep",
            "c=down d=down",
            "deep",
            id="two that fail outweigh one latent that is cleared",
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
        pytest.param("n*, m*, a: n m, b: n m, c: m, d: m", "a=down b=down", "n", id="a cleared latent is not inferred"),
        # single witnesses
        pytest.param(
            "net*, one*: net, two*: net, a: one, b: two",
            "a=down b=down@20",
            "net",
            id="two latents with one failing dependent each hand them on",
        ),
        pytest.param(
            "net*, one*: net, two*: net, a: one, b: two",
            "a=down b=down@21",
            "a b",
            id="two latents whose failing dependents are far apart hand nothing on",
        ),
        pytest.param(
            "net*, one*: net, a: one, b: net, c: net",
            "a=down b=down",
            "net",
            id="one that is handed on is evidence beside a direct dependent",
        ),
        pytest.param(
            "net*, mid*: net, one*: mid, a: one, b: net",
            "a=down b=down",
            "net",
            id="it is handed on through two latents",
        ),
        pytest.param(
            "net*, one*: ?net, a: one, b: net", "a=down b=down", "a b", id="it is not handed on by an optional edge"
        ),
        pytest.param(
            "net*, one*: net, two*: net, a: one, b: one, c: two",
            "a=down c=down",
            "a c",
            id="a latent that a healthy dependent cleared hands nothing on",
        ),
        pytest.param(
            "net*, one*: net, two*: net, a: one two",
            "a=down",
            "a",
            id="one failing dependent that is handed on by two paths is one",
        ),
        # components that cannot be seen
        pytest.param("a, b: a, c: a", f"{BLIND} b=down c=down", "a", id="a blind component is inferred from two"),
        pytest.param("a, b: a, c: a", f"{BLIND} b=down", "b", id="a healthy dependent clears it"),
        pytest.param("a, b: a", f"{BLIND}@0 b=down@20", "a", id="one dependent that began with the blindness suffices"),
        pytest.param("a, b: a", f"{BLIND}@0 b=down@21", "b", id="one that began later does not"),
        pytest.param("a, b: a", "a=unknown:ok b=down", "b", id="what is unknown for another reason is not inferred"),
        pytest.param(
            "net*, z: net, m*, a: z m, b: z m",
            "z=unknown:timeout a=down:server_error b=down:server_error",
            "z",
            id="what fails and was not seen for long is inferred before what was never seen",
        ),
        pytest.param(
            "net*, a: net, b: net, c: a, d: a",
            f"{BLIND} b=down c=down d=down",
            "net",
            id="a blind component that is inferred is evidence",
        ),
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


INFERRED = Inference(State.DOWN, ("a", "b"), frozenset({"a", "b"}), frozenset({"network"}), 0.0)


@pytest.mark.parametrize(
    ("seen", "stale"),
    [
        pytest.param("a=unknown b=unknown", True, id="unknown dependents do not end it"),
        pytest.param("a=down b=unknown", True, id="one unknown dependent does not end it"),
        pytest.param("a=down:starting b=down", True, id="reasons that are no evidence do not end it"),
        pytest.param("a=down b=down", False, id="fresh evidence makes it no longer stale"),
        pytest.param("a=down", False, id="a dependent that is up ends it"),
    ],
)
def test_an_inferred_root_cause_stays_and_is_stale(seen: str, stale: bool) -> None:
    components = sketch(TWO)
    found = diagnose(Graph(components), conditions(components, seen), held={"net": INFERRED})["net"]
    assert found.inference is not None
    assert (found.inference.stale, found.state == State.DOWN) == (stale, stale or seen == "a=down b=down")


def test_a_latent_inferred_by_optional_edges_is_over_when_all_those_dependents_are_up() -> None:
    components = sketch("net*, a: ?net, b: ?net")
    graph = Graph(components)
    assert diagnose(graph, conditions(components, "a=degraded"), held={"net": INFERRED})["net"].state == State.DOWN
    assert diagnose(graph, conditions(components, ""), held={"net": INFERRED})["net"].state == State.UNKNOWN


def test_a_latent_that_is_superseded_does_not_stay_inferred() -> None:
    components = sketch("deep*, net*: deep, a: net, b: net, c: deep")
    found = diagnose(Graph(components), conditions(components, "a=down b=down c=down"), held={"net": INFERRED})
    assert roots(found) == "deep"


@pytest.mark.parametrize(
    ("environment", "seen", "name", "certainty"),
    [
        pytest.param(TWO, "a=down", "a", Certainty.OBSERVED, id="a component that fails itself is observed"),
        pytest.param(TWO, "a=down b=down", "net", Certainty.INFERRED, id="two of one class infer"),
        pytest.param(TWO, "a=down:refused b=down:denied", "net", Certainty.LIKELY, id="two of two classes are likely"),
        pytest.param(THREE, "a=down b=down", "net", Certainty.LIKELY, id="what a healthy one contradicts is likely"),
        pytest.param(
            "a, b: a, c: a", f"{BLIND} b=down c=down", "a", Certainty.INFERRED, id="two infer what cannot be seen"
        ),
        pytest.param("a, b: a", f"{BLIND} b=down", "a", Certainty.LIKELY, id="one makes it likely"),
    ],
)
def test_how_certain_a_root_is(environment: str, seen: str, name: str, certainty: Certainty) -> None:
    found = verdicts(environment, seen)
    assert (roots(found), found[name].certainty) == (name, certainty)


def test_a_latent_is_contradicted_by_the_healthy_dependents_that_were_outweighed() -> None:
    found = verdicts(THREE + ", d: net, e: net, f: net", "a=down b=down c=down d=down")
    assert found["net"].contradicted_by == ("e", "f")
    assert verdicts(TWO, "a=down b=down")["net"].contradicted_by == ()


def test_a_latent_that_was_cleared_is_a_suspect_of_what_failed_together() -> None:
    found = verdicts(THREE + ", d: net", "a=down b=down")
    assert [found[name].suspects for name in ("a", "b")] == [("net",), ("net",)]
    assert found["net"].state == State.UP


def test_what_has_not_recovered_is_no_evidence() -> None:
    components = sketch(TWO)
    seen = conditions(components, "a=down b=down")
    assert roots(diagnose(Graph(components), seen, left_over={"a"})) == "a b"


def test_a_recovering_component_is_no_evidence() -> None:
    components = sketch(TWO)
    assert roots(diagnose(Graph(components), conditions(components, "a=down b=down"), recovering={"a"})) == "b"
