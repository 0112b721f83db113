"""The law, clause by clause: rules 1, 2, 4 and 5. Latents have a table of their own."""

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
        pytest.param("a", "a=starting", "", id="starting is none"),
        pytest.param("a", "a=maintenance", "", id="maintenance is none"),
        pytest.param("a", "a=unknown", "", id="unknown is none"),
        pytest.param("a, b: a", "a=down b=down", "a", id="a down dependency accounts for a down one"),
        pytest.param("a, b: a", "a=down b=flapping", "a", id="and for a flapping one"),
        pytest.param("a, b: a", "a=down b=degraded", "a", id="and for a degraded one"),
        pytest.param("a, b: a", "a=flapping b=down", "a", id="a flapping one accounts"),
        pytest.param("a, b: a", "a=degraded b=degraded", "a", id="degraded accounts for degraded"),
        pytest.param("a, b: a", "a=degraded b=down", "a b", id="degraded does not account for down"),
        pytest.param("a, b: a", "a=starting b=down", "", id="starting accounts, and nobody is a root"),
        pytest.param("a, b: a", "a=maintenance b=degraded", "", id="so does maintenance"),
        pytest.param("a, b: a", "b=down", "b", id="an up dependency accounts for nobody"),
        pytest.param("a, b: a", "a=unknown b=down", "b", id="nor does an unknown one"),
        pytest.param("a, b: a, c: b", "a=down b=unknown c=down", "a", id="an unknown one is looked through"),
        pytest.param("a, b: a, c: b", "a=degraded b=unknown c=down", "a c", id="for a down one only to down ones"),
        pytest.param("a, b: a, c: b", "a=down b=degraded c=down", "a", id="a degraded one is looked through for down"),
        pytest.param("a, b: a, c: b", "a=down c=down", "a c", id="an up one is not looked through"),
        pytest.param("a, b: a, c: b, d: c", "a=down b=unknown c=unknown d=down", "a", id="through two unknown ones"),
        pytest.param("a, b: a, c: b", "a=down b=down c=down", "a", id="a chain has one root"),
        pytest.param("a, b, c: a b", "a=down b=down c=down", "a b", id="two dependencies, two roots"),
        pytest.param("a, b, c: a", "a=down b=down c=down", "a b", id="two faults that have nothing in common"),
        # rule 1, alternatives and optional dependencies
        pytest.param("a, b, c: a|b", "a=down c=down", "a c", id="one of two alternatives does not account"),
        pytest.param("a, b, c: a|b", "a=down b=down c=down", "a b", id="both of them do"),
        pytest.param("a, b, c: a|b", "a=down b=degraded c=down", "a b c", id="a degraded alternative does not"),
        pytest.param("a, b, c: a|b", "a=down c=degraded", "a", id="one alternative accounts for a degraded one"),
        pytest.param(
            "x, a: x, b, c: a|b", "x=down a=unknown b=down c=down", "b x", id="through an unknown alternative"
        ),
        pytest.param("a, b: ?a", "a=down b=degraded", "a", id="an optional one accounts for a degraded one"),
        pytest.param("a, b: ?a", "a=degraded b=degraded", "a", id="also when it is degraded itself"),
        pytest.param("a, b: ?a", "a=down b=down", "a b", id="never for a down one"),
        pytest.param("a, b: a, c: ?b", "a=down b=unknown c=degraded", "a", id="an optional one is looked through"),
        # rule 2
        pytest.param("a, b: a", "a=down b=down:identity", "a b", id="an intrinsic reason is a root of its own"),
        pytest.param("a, b: a", "a=down b=flapping:tls_name", "a b", id="also when it flaps"),
        pytest.param("a, b: a", "a=down b=degraded:identity", "a", id="not when it is merely degraded"),
        pytest.param("a, b: a", "a=down:dns b=down:dns", "a", id="the same class above: it only relays it"),
        pytest.param("a, b: a", "a=down:tls_expired b=down:tls_name", "a", id="another reason of that class, too"),
        pytest.param("a, b: a", "a=down:content b=down:identity", "a", id="content and identity are one class"),
        pytest.param("a, b: a, c: b", "a=down:dns b=down c=down:dns", "a", id="a class further above"),
        pytest.param("a, x, b: a ?x", "a=down x=down:dns b=down:dns", "a b x", id="an optional one relays nothing"),
        pytest.param("a, b: a", "a=starting b=down:identity", "b", id="intrinsic is not excused by a start"),
        # rule 5
        pytest.param("a, s!: ~a", "a=down s=down:failed", "a", id="what a suite covers accounts for it"),
        pytest.param("a, s!: ~a", "a=degraded s=down:failed", "a", id="in any way that it fails"),
        pytest.param("a, s!: ~a", "s=down:failed", "s", id="a suite that fails alone is a root"),
        pytest.param("a, s!: ~a", "a=starting s=down:failed", "s", id="a start is no failure"),
    ],
)
def test_roots(environment: str, seen: str, expected: str) -> None:
    assert roots(verdicts(environment, seen)) == expected


def test_a_check_widens_what_is_intrinsic() -> None:
    seen = "a=down b=down:denied"
    assert roots(verdicts("a, b: a", seen)) == "a"
    assert roots(verdicts("a, b: a", seen, intrinsic=frozenset({Reason.DENIED}))) == "a b"


def test_a_symptom_inherits_the_roots_of_those_that_account_for_it() -> None:
    found = verdicts("a, b, c: a b, d: c", "a=down b=down c=down d=down")
    assert found["d"].roots == ("a", "b")
    assert found["d"].explained_by == ("c",)
    assert found["a"].roots == ()


def test_a_symptom_of_a_start_has_no_roots() -> None:
    found = verdicts("a, b: a, c: b", "a=starting b=down c=down")
    assert found["c"].roots == ()
    assert found["c"].explained_by == ("b",)


def test_what_is_up_says_what_would_account_for_it() -> None:
    found = verdicts("a, b: a", "a=down")
    assert (found["b"].state, found["b"].explained_by, found["b"].root) == (State.UP, ("a",), False)


@pytest.mark.parametrize(
    ("environment", "seen", "name", "suspects"),
    [
        pytest.param("a, b: ?a", "a=down b=down", "b", ("a",), id="an optional one of a down one"),
        pytest.param("a, b: ?a", "b=down", "b", (), id="not when it is up"),
        pytest.param("a, b: ?a", "a=down b=degraded", "b", (), id="what accounts for it is no mere suspect"),
        pytest.param("a, x, b: a ?x", "a=down x=down b=down", "b", ("x",), id="beside what accounts for it"),
        pytest.param("a, b: a", "a=unknown b=down", "b", ("a",), id="a blind dependency of a root"),
        pytest.param("a, b: a", "a=unknown", "b", (), id="nothing fails, nobody is suspected"),
        pytest.param("net*, a: net", "a=down", "a", ("net",), id="a latent that one alone speaks against"),
    ],
)
def test_suspects(environment: str, seen: str, name: str, suspects: tuple[str, ...]) -> None:
    assert verdicts(environment, seen)[name].suspects == suspects


@pytest.mark.parametrize(
    ("environment", "seen", "name", "witnesses"),
    [
        pytest.param("a, b: a", "a=down", "a", ("b",), id="a dependent that is up contradicts"),
        pytest.param("a, b: a", "a=down b=down", "a", (), id="one that is down does not"),
        pytest.param("a, b: a", "a=down b=degraded", "a", (), id="nor one that is degraded"),
        pytest.param("a, b: a", "a=degraded", "a", (), id="what is degraded may have dependents that are up"),
        pytest.param("a, x, b: a|x", "a=down", "a", (), id="one that has an alternative proves nothing"),
        pytest.param("a, b: ?a", "a=down", "a", (), id="nor one that merely likes it"),
        pytest.param("a, s!: a", "a=down", "a", (), id="a suite contradicts nobody"),
    ],
)
def test_contradictions(environment: str, seen: str, name: str, witnesses: tuple[str, ...]) -> None:
    assert verdicts(environment, seen)[name].contradicted_by == witnesses


@pytest.mark.parametrize(
    ("seen", "conflicts"),
    [
        pytest.param("a=down", ("a",), id="it passes while what it covers is down"),
        pytest.param("a=flapping b=down", ("a", "b"), id="both of them"),
        pytest.param("a=degraded", (), id="degraded is no conflict"),
        pytest.param("a=down s=down:failed", (), id="it fails, too"),
        pytest.param("a=down s=unknown", (), id="it tells nothing"),
    ],
)
def test_conflicts(seen: str, conflicts: tuple[str, ...]) -> None:
    assert verdicts("a, b, s!: ~a ~b", seen)["s"].conflicts == conflicts
