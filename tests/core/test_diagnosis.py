"""Rules 1, 2, 4 and 5, clause by clause; rule 3 has a table of its own."""

from __future__ import annotations

import pytest
from staging_exporter.core.diagnosis import Verdict, diagnose
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Reason, State

from tests.support.sketch import conditions, sketch


def verdicts(environment: str, seen: str, **options: object) -> dict[str, Verdict]:
    components = sketch(environment, **options)
    return diagnose(Graph(components), conditions(components, seen))


def roots(found: dict[str, Verdict]) -> str:
    return " ".join(sorted(name for name, verdict in found.items() if verdict.root))


@pytest.mark.parametrize(
    ("environment", "seen", "expected"),
    [
        # rule 1, the table of states
        pytest.param("a", "", "", id="nothing fails: no root"),
        pytest.param("a", "a=down", "a", id="down is a root"),
        pytest.param("a", "a=flapping", "a", id="flapping is a root"),
        pytest.param("a", "a=degraded", "a", id="degraded is a root"),
        pytest.param("a", "a=starting", "", id="starting is no root"),
        pytest.param("a", "a=maintenance", "", id="maintenance is no root"),
        pytest.param("a", "a=unknown", "", id="unknown is no root"),
        pytest.param("a, b: a", "a=down b=down", "a", id="a down dependency explains a down component"),
        pytest.param("a, b: a", "a=down b=flapping", "a", id="a down dependency explains a flapping component"),
        pytest.param("a, b: a", "a=down b=degraded", "a", id="a down dependency explains a degraded component"),
        pytest.param("a, b: a", "a=flapping b=down", "a", id="a flapping dependency explains a down component"),
        pytest.param("a, b: a", "a=degraded b=degraded", "a", id="a degraded dependency explains a degraded component"),
        pytest.param(
            "a, b: a", "a=degraded b=down", "a b", id="a degraded dependency does not explain a down component"
        ),
        pytest.param("a, b: a", "a=starting b=down", "", id="a starting dependency explains without being a root"),
        pytest.param("a, b: a", "a=maintenance b=degraded", "", id="maintenance explains without being a root"),
        pytest.param("a, b: a", "b=down", "b", id="an up dependency explains nothing"),
        pytest.param("a, b: a", "a=unknown b=down", "b", id="an unknown dependency explains nothing"),
        pytest.param("a, b: a, c: b", "a=down b=unknown c=down", "a", id="an unknown dependency is looked through"),
        pytest.param(
            "a, b: a, c: b",
            "a=degraded b=unknown c=down",
            "a c",
            id="looking through for a down component finds down ones only",
        ),
        pytest.param(
            "a, b: a, c: b",
            "a=down b=degraded c=down",
            "a",
            id="a degraded dependency is looked through for a down component",
        ),
        pytest.param("a, b: a, c: b", "a=down c=down", "a c", id="an up dependency is not looked through"),
        pytest.param(
            "a, b: a, c: b, d: c",
            "a=down b=unknown c=unknown d=down",
            "a",
            id="two unknown dependencies are looked through",
        ),
        pytest.param("a, b: a, c: b", "a=down b=down c=down", "a", id="a chain has one root"),
        pytest.param("a, b, c: a b", "a=down b=down c=down", "a b", id="two down dependencies are two roots"),
        pytest.param("a, b, c: a", "a=down b=down c=down", "a b", id="two unrelated faults are two roots"),
        # rule 1, alternatives and optional dependencies
        pytest.param(
            "a, b, c: a|b", "a=down c=down", "a c", id="one of two alternatives does not explain a down component"
        ),
        pytest.param("a, b, c: a|b", "a=down b=down c=down", "a b", id="both alternatives explain a down component"),
        pytest.param(
            "a, b, c: a|b",
            "a=down b=degraded c=down",
            "a b c",
            id="a degraded alternative does not explain a down component",
        ),
        pytest.param("a, b, c: a|b", "a=down c=degraded", "a", id="one alternative explains a degraded component"),
        pytest.param(
            "x, a: x, b, c: a|b", "x=down a=unknown b=down c=down", "b x", id="an unknown alternative is looked through"
        ),
        pytest.param(
            "a, b: ?a", "a=down b=degraded", "a", id="a down optional dependency explains a degraded component"
        ),
        pytest.param(
            "a, b: ?a", "a=degraded b=degraded", "a", id="a degraded optional dependency explains a degraded component"
        ),
        pytest.param("a, b: ?a", "a=down b=down", "a b", id="an optional dependency never explains a down component"),
        pytest.param(
            "a, b: a, c: ?b", "a=down b=unknown c=degraded", "a", id="an unknown optional dependency is looked through"
        ),
        # rule 2
        pytest.param("a, b: a", "a=down b=down:identity", "a b", id="an intrinsic reason is a root of its own"),
        pytest.param(
            "a, b: a",
            "a=down b=flapping:tls_name",
            "a b",
            id="an intrinsic reason of a flapping component is a root of its own",
        ),
        pytest.param(
            "a, b: a", "a=down b=degraded:identity", "a", id="an intrinsic reason of a degraded component is no root"
        ),
        pytest.param("a, b: a", "a=down:dns b=down:dns", "a", id="the same class above is only relayed"),
        pytest.param(
            "a, b: a", "a=down:tls_expired b=down:tls_name", "a", id="another reason of the same class is only relayed"
        ),
        pytest.param(
            "a, b: a", "a=down:content b=down:identity", "a", id="content and identity are one class and only relayed"
        ),
        pytest.param("a, b: a, c: b", "a=down:dns b=down c=down:dns", "a", id="a class further above is only relayed"),
        pytest.param(
            "a, x, b: a ?x",
            "a=down x=down:dns b=down:dns",
            "a b x",
            id="the class of an optional dependency is not relayed",
        ),
        pytest.param(
            "a, b: a",
            "a=starting b=down:identity",
            "b",
            id="a starting dependency does not explain an intrinsic reason",
        ),
        # rule 5
        pytest.param("a, s!: ~a", "a=down s=down:failed", "a", id="a down component explains a suite that covers it"),
        pytest.param(
            "a, s!: ~a", "a=degraded s=down:failed", "a", id="a degraded component explains a suite that covers it"
        ),
        pytest.param("a, s!: ~a", "s=down:failed", "s", id="a suite that fails alone is a root"),
        pytest.param("a, s!: ~a", "a=starting s=down:failed", "s", id="a starting component does not explain a suite"),
    ],
)
def test_roots(environment: str, seen: str, expected: str) -> None:
    assert roots(verdicts(environment, seen)) == expected


def test_a_check_may_add_intrinsic_reasons() -> None:
    seen = "a=down b=down:denied"
    assert roots(verdicts("a, b: a", seen)) == "a"
    assert roots(verdicts("a, b: a", seen, intrinsic=frozenset({Reason.DENIED}))) == "a b"


def test_a_symptom_inherits_the_roots_of_what_explains_it() -> None:
    found = verdicts("a, b, c: a b, d: c", "a=down b=down c=down d=down")
    assert found["d"].roots == ("a", "b")
    assert found["d"].explained_by == ("c",)
    assert found["a"].roots == ()


def test_a_symptom_of_a_start_has_no_roots() -> None:
    found = verdicts("a, b: a, c: b", "a=starting b=down c=down")
    assert found["c"].roots == ()
    assert found["c"].explained_by == ("b",)


def test_an_up_component_names_what_would_explain_it() -> None:
    found = verdicts("a, b: a", "a=down")
    assert (found["b"].state, found["b"].explained_by, found["b"].root) == (State.UP, ("a",), False)


@pytest.mark.parametrize(
    ("environment", "seen", "name", "suspects"),
    [
        pytest.param(
            "a, b: ?a", "a=down b=down", "b", ("a",), id="a down optional dependency of a down component is a suspect"
        ),
        pytest.param("a, b: ?a", "b=down", "b", (), id="an optional dependency that is up is no suspect"),
        pytest.param("a, b: ?a", "a=down b=degraded", "b", (), id="an optional dependency that explains is no suspect"),
        pytest.param(
            "a, x, b: a ?x",
            "a=down x=down b=down",
            "b",
            ("x",),
            id="an optional dependency is a suspect beside the explanation",
        ),
        pytest.param("a, b: a", "a=unknown b=down", "b", ("a",), id="an unknown dependency of a root is a suspect"),
        pytest.param("a, b: a", "a=unknown", "b", (), id="an unknown dependency of an up component is no suspect"),
        pytest.param("net*, a: net", "a=down", "a", ("net",), id="a latent with one failing dependent is a suspect"),
    ],
)
def test_suspects(environment: str, seen: str, name: str, suspects: tuple[str, ...]) -> None:
    assert verdicts(environment, seen)[name].suspects == suspects


@pytest.mark.parametrize(
    ("environment", "seen", "name", "witnesses"),
    [
        pytest.param("a, b: a", "a=down", "a", ("b",), id="a dependent that is up contradicts"),
        pytest.param("a, b: a", "a=down b=down", "a", (), id="a dependent that is down does not contradict"),
        pytest.param("a, b: a", "a=down b=degraded", "a", (), id="a dependent that is degraded does not contradict"),
        pytest.param("a, b: a", "a=degraded", "a", (), id="a degraded component is not contradicted"),
        pytest.param("a, x, b: a|x", "a=down", "a", (), id="a dependent with an alternative does not contradict"),
        pytest.param("a, b: ?a", "a=down", "a", (), id="an optional dependent does not contradict"),
        pytest.param("a, s!: a", "a=down", "a", (), id="a suite does not contradict"),
    ],
)
def test_contradictions(environment: str, seen: str, name: str, witnesses: tuple[str, ...]) -> None:
    assert verdicts(environment, seen)[name].contradicted_by == witnesses


@pytest.mark.parametrize(
    ("seen", "conflicts"),
    [
        pytest.param("a=down", ("a",), id="it passes while a covered component is down"),
        pytest.param("a=flapping b=down", ("a", "b"), id="it passes while two covered components are down"),
        pytest.param("a=degraded", (), id="a degraded component is no conflict"),
        pytest.param("a=down s=down:failed", (), id="a failing suite is no conflict"),
        pytest.param("a=down s=unknown", (), id="an unknown suite is no conflict"),
    ],
)
def test_conflicts(seen: str, conflicts: tuple[str, ...]) -> None:
    assert verdicts("a, b, s!: ~a ~b", seen)["s"].conflicts == conflicts
