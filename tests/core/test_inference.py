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
        pytest.param(TWO, "a=down b=down", "net", id="two that fail together convict"),
        pytest.param(TWO, "a=down", "a", id="one alone does not, with the other up"),
        pytest.param(TWO, "a=down b=unknown", "a", id="nor with the other unknown"),
        pytest.param(THREE, "a=down b=down", "a b", id="one healthy dependent exonerates it"),
        pytest.param(THREE, "a=down b=down c=unknown", "net", id="an unknown one does not"),
        pytest.param(THREE, "a=down b=down c=starting", "net", id="nor one that starts"),
        pytest.param(TWO, "a=down:refused b=down:server_error", "net", id="reasons of one class"),
        pytest.param(TWO, "a=down:refused b=down:denied", "a b", id="reasons of two classes"),
        pytest.param(TWO, "a=down:starting b=down:starting", "a b", id="a reason of no class"),
        pytest.param(THREE, "a=down b=down c=down:denied", "net", id="the largest class convicts, the rest suffers"),
        pytest.param(TWO, "a=down@0 b=down@20", "net", id="within two intervals"),
        pytest.param(TWO, "a=down@0 b=down@21", "a b", id="further apart"),
        pytest.param(THREE, "a=down@0 b=down@50 c=down@60", "net", id="those of them that began together"),
        pytest.param(TWO, "a=degraded b=degraded", "net", id="all of them degraded"),
        pytest.param(TWO, "a=down:tls_name b=down:tls_name", "net", id="an intrinsic reason helped to convict"),
        pytest.param(THREE, "a=down b=down c=down:dns", "c net", id="one that did not help stays a root"),
        pytest.param("x, net*, a: net x, b: net", "x=down a=down b=down", "b x", id="one is explained by a check"),
        pytest.param("net*, s!: net, a: net", "s=down a=down", "a s", id="a suite convicts nobody"),
        pytest.param("net*, s!: net, a: net, b: net", "a=down b=down", "net", id="a suite exonerates nobody"),
        # alternatives and optional edges
        pytest.param("net*, x, a: net|x, b: net", "a=down b=down", "a b", id="its alternative is up: not the latent"),
        pytest.param("net*, x, a: net|x, b: net", "x=down a=down b=down", "net x", id="its alternative is down, too"),
        pytest.param("net*, o*, a: net|o, b: net", "a=down b=down", "a b", id="a latent alternative is not known down"),
        pytest.param("net*, x, a: net|x, b: net, c: net", "b=down c=down", "net", id="one with an alternative is up"),
        pytest.param("net*, a: ?net, b: ?net", "a=degraded b=degraded", "net", id="optional edges of degraded ones"),
        pytest.param("net*, a: ?net, b: ?net", "a=down b=down", "a b", id="optional edges of down ones"),
        pytest.param("net*, a: net, b: net, c: ?net", "a=down b=down", "net", id="one that merely likes it is up"),
        # nested, shared and overlapping
        pytest.param("deep*, net*: deep, a: net, b: net", "a=down b=down", "net", id="the nearest latent is convicted"),
        pytest.param("deep*, net*: deep, a: net, b: net, c: deep", "a=down b=down c=down", "deep", id="a larger one"),
        pytest.param("deep*, net*: deep, a: net, b: net, c: deep", "a=down b=down", "net", id="c exonerates deep"),
        pytest.param("deep*, net*: deep, a: net, b: net, c: deep, d: deep", "c=down d=down", "c d", id="net is up"),
        pytest.param("n*, m*, a: n m, b: n m", "a=down b=down", "m", id="equal evidence: the first by name"),
        pytest.param("n*, m*, a: n m, b: n m, c: m", "a=down b=down c=down", "m", id="more evidence outdoes less"),
        pytest.param("n*, m*, a: n m, b: n m, c: m", "a=down b=down", "n", id="what is exonerated takes no blame"),
        pytest.param("n*, m*, a: n, b: n m, c: m", "a=down b=down c=down", "m n", id="overlapping evidence: both"),
    ],
)
def test_roots(environment: str, seen: str, expected: str) -> None:
    assert roots(verdicts(environment, seen)) == expected


def test_of_equal_evidence_the_others_are_suspects() -> None:
    net = verdicts("n*, m*, a: n m, b: n m", "a=down b=down")["m"]
    assert net.suspects == ("n",)
    assert net.inference is not None
    assert net.inference.convicts == ("a", "b")


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param("", State.UP, id="a dependent is up"),
        pytest.param("a=unknown b=unknown", State.UNKNOWN, id="nothing speaks for or against it"),
        pytest.param("a=down b=unknown", State.UNKNOWN, id="one alone"),
        pytest.param("a=down b=down", State.DOWN, id="convicted"),
        pytest.param("a=degraded b=degraded", State.DEGRADED, id="all of the convicts are degraded"),
        pytest.param("a=degraded b=down", State.DOWN, id="one of the convicts is down"),
        pytest.param("a=flapping b=flapping", State.DOWN, id="flapping convicts make it down"),
    ],
)
def test_states(seen: str, state: State) -> None:
    assert verdicts(TWO, seen)["net"].state == state


def test_of_two_groups_of_one_size_those_that_are_down_convict() -> None:
    found = verdicts(
        "net*, a: net, b: net, x: ?net, y: ?net",
        "a=down@5 b=down@5 x=degraded:content y=degraded:content",
    )
    assert found["net"].state == State.DOWN
    assert roots(found) == "net"


@pytest.mark.parametrize("seen", ["a=down@0 b=down@100", "a=down@100 b=down@0"])
def test_two_intervals_are_those_of_the_slower_of_two(seen: str) -> None:
    components = sketch(TWO)
    assert roots(diagnose(Graph(components), conditions(components, seen))) == "a b"
    components["b"] = replace(components["b"], interval=50.0)
    assert roots(diagnose(Graph(components), conditions(components, seen))) == "net"


@pytest.mark.parametrize(
    ("seen", "convicts"),
    [
        ("a=down:denied b=down:denied c=down:failed d=down:failed", ("a", "b")),
        ("a=down:failed b=down:failed c=down:denied d=down:denied", ("c", "d")),
    ],
)
def test_of_two_classes_of_one_size_no_order_of_the_file_decides(seen: str, convicts: tuple[str, ...]) -> None:
    inference = verdicts("net*, a: net, b: net, c: net, d: net", seen)["net"].inference
    assert inference is not None
    assert inference.convicts == convicts


HELD = Inference(State.DOWN, ("a", "b"), frozenset({"a", "b"}), "network", 0.0)


@pytest.mark.parametrize(
    ("seen", "held"),
    [
        pytest.param("a=unknown b=unknown", True, id="blindness does not lift a conviction"),
        pytest.param("a=down b=unknown", True, id="nor does half of it"),
        pytest.param("a=down:denied b=down", True, id="nor other reasons than before"),
        pytest.param("a=down b=down", False, id="convicted anew, there is nothing to hold"),
        pytest.param("a=down", False, id="a dependent that is up lifts it"),
    ],
)
def test_a_conviction_is_held(seen: str, held: bool) -> None:
    components = sketch(TWO)
    found = diagnose(Graph(components), conditions(components, seen), held={"net": HELD})["net"]
    assert found.inference is not None
    assert (found.inference.held, found.state == State.DOWN) == (held, held or seen == "a=down b=down")


def test_a_conviction_by_those_that_merely_like_it_ends_when_all_of_them_are_up() -> None:
    components = sketch("net*, a: ?net, b: ?net")
    graph = Graph(components)
    assert diagnose(graph, conditions(components, "a=degraded"), held={"net": HELD})["net"].state == State.DOWN
    assert diagnose(graph, conditions(components, ""), held={"net": HELD})["net"].state == State.UNKNOWN


def test_a_conviction_that_a_larger_one_outdoes_is_not_held() -> None:
    components = sketch("deep*, net*: deep, a: net, b: net, c: deep")
    found = diagnose(Graph(components), conditions(components, "a=down b=down c=down"), held={"net": HELD})
    assert roots(found) == "deep"


def test_an_excused_component_convicts_nobody() -> None:
    components = sketch(TWO)
    assert roots(diagnose(Graph(components), conditions(components, "a=down b=down"), excused={"a"})) == "b"
