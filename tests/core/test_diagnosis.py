"""Rules 1, 2, 4 and 5, clause by clause; rule 3 has tables of its own."""

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
            "a, b: a", "a=degraded:status b=down", "a b", id="a degraded dependency does not explain a down component"
        ),
        pytest.param("a, b: a", "a=starting b=down", "", id="a starting dependency explains without being a root"),
        pytest.param("a, b: a", "a=maintenance b=degraded", "", id="maintenance explains without being a root"),
        pytest.param("a, b: a", "b=down", "b", id="an up dependency explains nothing"),
        pytest.param("a, b: a", "a=unknown b=down", "b", id="an unknown dependency explains nothing"),
        pytest.param("a, b: a, c: b", "a=down b=unknown c=down", "a", id="an unknown dependency is looked through"),
        pytest.param(
            "a, b: a, c: b",
            "a=degraded:status b=unknown c=down",
            "a c",
            id="looking through for a down component finds down ones only",
        ),
        pytest.param(
            "a, b: a, c: b",
            "a=down b=degraded c=down",
            "a",
            id="a degraded dependency is looked through for a down component",
        ),
        pytest.param(
            "a, b: a, c: b", "a=down c=down", "a c", id="an up dependency is not looked through without runs to compare"
        ),
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
            "a=down b=degraded:status c=down",
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
        # intrinsic reasons
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
        # suites
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


DOWN = "down/PFFF"  # since ten seconds after the moment that follows it


@pytest.mark.parametrize(
    ("seen", "certainty"),
    [
        pytest.param(f"a=down:refused b={DOWN}", "observed", id="its own runs made it down"),
        pytest.param(f"a=flapping/PFPFPFPF b={DOWN}", "observed", id="its own runs made it flap"),
        pytest.param(f"a=up/PFPFP b={DOWN}", "likely", id="it is up, and the rate of its failures decided"),
    ],
)
def test_how_certain_a_root_cause_is(seen: str, certainty: str) -> None:
    assert verdicts("a, b: a", seen)["a"].certainty == certainty


@pytest.mark.parametrize(
    ("environment", "seen", "expected"),
    [
        # a degraded dependency that hands its trouble on
        pytest.param("a, b: a", "a=degraded:slow b=down:timeout", "a", id="a slow dependency explains a timeout"),
        pytest.param("a, b: a", "a=degraded:slow b=down:refused", "a b", id="a slow dependency does not refuse"),
        pytest.param("a, b: a", "a=degraded:saturated b=flapping:server_error", "a", id="a saturated one explains 5xx"),
        pytest.param("a, b: a", "a=degraded:content b=down:content", "a", id="wrong content is handed on"),
        pytest.param("a, b: a", "a=degraded:timeout b=down:timeout", "a", id="what times out and is not down yet"),
        pytest.param(
            "a, b: a", "a=degraded:slow/PPPPPPSSSD b=down:timeout/PPPPPPPFFF", "a", id="it was late before it was slow"
        ),
        pytest.param("a, b: a", "a=degraded:tls_expired b=down:timeout", "a b", id="an expired certificate is not"),
        pytest.param("a, b: a", "a=degraded:unstable b=down:refused", "a", id="an unstable one explains a refusal"),
        pytest.param("a, b: a", "a=degraded:unstable b=down:dns", "a b", id="a lost name remains a root beside it"),
        pytest.param("a, b: a", "a=degraded:unstable b=down:tls_name", "a b", id="no instability shows another name"),
        pytest.param(
            "a, b: a", "a=degraded:slow@20 b=down:timeout@0", "a", id="it may be seen two intervals after its effect"
        ),
        pytest.param("a, b: a", "a=degraded:slow@21 b=down:timeout@0", "a b", id="it may not be seen later"),
        pytest.param("a, b: a", "a=degraded:slow@0 b=down:timeout@900", "a", id="it may have begun long before"),
        pytest.param("a, b: a", "a=degraded:unstable@99 b=down@0", "a", id="an unstable one may be seen at any time"),
        pytest.param(
            "a, b: a, c: b",
            "a=degraded:slow b=degraded:content c=down:timeout",
            "a",
            id="a chain of degradation explains what is down at its end",
        ),
        # through a check that notices nothing
        pytest.param("a, b: a, c: b", f"a={DOWN} c={DOWN}", "a", id="an up dependency is looked through"),
        pytest.param("a, b: a, c: b", f"a={DOWN}@0 c={DOWN}@20", "a", id="both may have begun together"),
        pytest.param("a, b: a, c: b", f"a={DOWN}@0 c={DOWN}@21", "a c", id="the effect was seen up too long after"),
        pytest.param("a, b: a, c: b", f"a={DOWN}@21 c={DOWN}@0", "a c", id="the cause was seen up too long after"),
        pytest.param("a, b: a, c: b, d: c", f"a={DOWN} d={DOWN}", "a", id="two up dependencies are looked through"),
        pytest.param(
            "a, b: a, c: b, d: c", f"a={DOWN} b=unknown d={DOWN}", "a", id="an up and an unknown one are looked through"
        ),
        pytest.param(
            "a, b: a, c: b", f"a=starting@0 c={DOWN}", "c", id="a start behind an up dependency explains nothing"
        ),
        pytest.param(
            "a, b: a, c: b", f"a=degraded:slow/PDDD c={DOWN}", "a", id="what is handed on is looked for there too"
        ),
        pytest.param(
            "a, b: a, c: b", f"a=degraded:tls_expired/PDDD c={DOWN}", "a c", id="what is not handed on explains nothing"
        ),
        pytest.param(
            "a, b: a, c: b",
            "a=down/PPPPPPSSSFFF c=down/PPPPPPSSSSSSFFFF",
            "a",
            id="what was late with it began with it, although it failed later",
        ),
        pytest.param(
            "a, b: a, x, c: b|x", f"a={DOWN} c={DOWN}", "a c", id="an alternative that is up is no way through"
        ),
        pytest.param(
            "a, b: a, c: b", "a=down/PFFF c=degraded:slow/PDDD", "a", id="what is degraded looks through, too"
        ),
        pytest.param(
            "a, b: a, c: b, d: b|c",
            f"a={DOWN}@99 b=degraded:dns/PDDD@99 d={DOWN}@0",
            "a d",
            id="what is looked through beside an up alternative is no way around its onset",
        ),
        # alternatives of what fails now and then
        pytest.param("a, b, c: a|b", "a=down c=down/PFPFF", "a", id="one alternative explains what fails now and then"),
        pytest.param("a, b, c: a|b", "a=down c=flapping", "a", id="one alternative explains what flaps"),
        pytest.param("a, b, c: a|b", "a=down c=down/PFFFF", "a c", id="it does not explain what fails each time"),
        # names and identities that begin with a cause
        pytest.param("a, b: a", f"a={DOWN} b=down:dns/PFFF", "a", id="a name that is lost with a dependency"),
        pytest.param("a, b: a", f"a={DOWN}@99 b=down:dns/PFFF", "a b", id="a name that was lost long before"),
        pytest.param("a, b: a", f"a={DOWN} b=down:dns/PFFF@99", "a b", id="a name that was lost long after"),
        pytest.param("a, b: a", f"a={DOWN} b=down:identity/PFFF", "a", id="another identity with a dependency"),
        pytest.param("a, b: a", f"a={DOWN} b=down:tls_name/PFFF", "a b", id="another certificate is never a symptom"),
        pytest.param(
            "a, b: a, c: b",
            f"a={DOWN}@99 b={DOWN} c=down:dns/PFFF@99",
            "a c",
            id="a name that is lost long after what explains it, although with a root further up",
        ),
        # a component that is up, and whose runs say more
        pytest.param("a, b: a", f"a=up/PFPFP b={DOWN}", "a", id="failures now and then at a rate that fits"),
        pytest.param("a, b: a", f"a=up/PFPPPPP b={DOWN}", "b", id="a single failure among passes"),
        pytest.param("a, b: a", "a=up/PFPFP b=down", "b", id="without runs of the effect nothing fits"),
        pytest.param("a, x, b: a x", f"a=up/PFPFP x={DOWN} b={DOWN}", "x", id="nothing is looked for when explained"),
        pytest.param("a, b: ?a", f"a=up/PFPFP b={DOWN}", "b", id="optional dependencies are not looked at"),
        pytest.param("a, b: a, c: b", f"a=up/PFPFP c={DOWN}", "a", id="through a check that notices nothing"),
        pytest.param("a, b: a", "a=up/PPPPPSSSS@0 b=down/PFFF@40", "a", id="slow passes since a timeout began"),
        pytest.param("a, b: a", "a=up/PPPPPSSSS@0 b=down:refused/PFFF@40", "b", id="slow passes do not refuse"),
        pytest.param("a, b: a", "a=up/PPPPPSSSS@20 b=down/PFFF@0", "b", id="slow passes that began too late"),
        pytest.param("a, b: a", f"a=up/PPPPPSS b={DOWN}", "b", id="two slow passes"),
        # states that outlast their failures
        pytest.param("a", "a=flapping/PFPFPF", "a", id="flapping is a root while it fails"),
        pytest.param("a", "a=flapping/PFPFPFPPPPPP", "", id="flapping is none after six passes"),
        pytest.param("a, b: a", f"a=flapping/PFPFPFPPPPPP b={DOWN}", "", id="it explains on, without being a root"),
    ],
)
def test_roots_by_onset_and_runs(environment: str, seen: str, expected: str) -> None:
    assert roots(verdicts(environment, seen)) == expected


def test_a_published_root_stays_one_when_its_failures_have_subsided() -> None:
    components = sketch("a")
    seen = conditions(components, "a=flapping/PFPFPFPPPPPP")
    assert roots(diagnose(Graph(components), seen, standing={"a"})) == "a"


def test_a_recovering_component_is_no_root_unless_something_explains_it() -> None:
    components = sketch("a, b: a")
    graph = Graph(components)
    assert roots(diagnose(graph, conditions(components, "b=down"), recovering={"b"})) == ""
    found = diagnose(graph, conditions(components, "a=down b=down"), recovering={"b"})
    assert (roots(found), found["b"].roots) == ("a", ("a",))


@pytest.mark.parametrize(
    ("environment", "seen", "name", "through"),
    [
        pytest.param("a, b: a, c: b", f"a={DOWN} c={DOWN}", "c", ("b",), id="the check in the middle is named"),
        pytest.param("a, b: a, c: b, d: c", f"a={DOWN} d={DOWN}", "d", ("b", "c"), id="all of them are"),
        pytest.param("a, b: a, c: b", f"a={DOWN} b={DOWN} c={DOWN}", "c", (), id="none when the middle fails"),
        pytest.param("a, b: a, c: a b", f"a={DOWN} c={DOWN}", "c", (), id="none when it depends on the cause itself"),
        pytest.param("a, b: a, c: b", f"a={DOWN}", "c", (), id="none when nothing fails behind it"),
    ],
)
def test_what_lies_between_an_effect_and_its_cause(
    environment: str, seen: str, name: str, through: tuple[str, ...]
) -> None:
    assert verdicts(environment, seen)[name].through == through


def test_a_component_that_is_up_is_judged_by_its_runs() -> None:
    judged = verdicts("a, b: a", f"a=up/PFPFP b={DOWN}")["a"].judged
    assert judged is not None
    assert (judged.state, judged.reason, judged.failing_since) == (State.DEGRADED, Reason.UNSTABLE, 10.0)
    assert judged.detail == "2 of its last 4 probes failed, at a rate that fits its dependents"
    slow = verdicts("a, b: a", "a=up/PPPPPSSSS@0 b=down/PFFF@40")["a"].judged
    assert slow is not None
    assert (slow.state, slow.reason, slow.failing_since) == (State.DEGRADED, Reason.SLOW, 50.0)
    assert slow.detail == "took 1.00 s, usually 0.10 s"
    assert verdicts("a, b: a", "")["a"].judged is None


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
