"""What is said of a root cause that is not certain, and of the components around it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.explain import explain, remarks
from staging_exporter.core.model import LATENT, Certainty, Component, Layer, Priority, Reason, State
from staging_exporter.core.snapshot import ComponentStatus, Histogram, RootCause, Snapshot

ROOT = RootCause("db", Layer.SERVICE, Priority.P0, State.DOWN, Reason.CLOSED, "hung up", 1.0)
STATUS = ComponentStatus(
    Component("db", Layer.SERVICE, Priority.P0, "postgres"), State.DOWN, Reason.CLOSED, "hung up", 1.0, 1.0, root=True
)
SYMPTOM = replace(STATUS, root=False)
ALL = (
    "report depends on it and is up, so the problem is the network path from the exporter, the dependency is wrong, or "
    "that check is shallow"
)
LIKELY = "likely: concluded from the time or the number of the failures"


def said(status: ComponentStatus, *roots: RootCause) -> str:
    lag = Histogram((), (0,))
    snapshot = Snapshot("test", 9.0, State.DOWN, False, True, True, True, {"db": status}, roots, {}, lag)
    return explain(snapshot, "db")


@pytest.mark.parametrize(
    ("root", "about", "phrase"),
    [
        pytest.param(
            replace(ROOT, certainty=Certainty.INFERRED),
            "certainty",
            "inferred from the failures of its dependents",
            id="an inferred one",
        ),
        pytest.param(
            replace(ROOT, certainty=Certainty.LIKELY, suspects=("vpc",)),
            "certainty",
            f"{LIKELY}; the alternative is vpc",
            id="a likely one names its alternative",
        ),
        pytest.param(
            replace(ROOT, certainty=Certainty.LIKELY, suspects=("lb", "vpc")),
            "certainty",
            f"{LIKELY}; the alternatives are lb or vpc",
            id="a likely one names its alternatives",
        ),
        pytest.param(
            replace(ROOT, certainty=Certainty.LIKELY),
            "certainty",
            f"{LIKELY}; a probe of it would decide",
            id="a likely one without alternatives",
        ),
        pytest.param(
            replace(ROOT, certainty=Certainty.LIKELY, reason=Reason.UNSTABLE),
            "certainty",
            "likely: concluded from the rate of its failures; more probes will decide",
            id="a likely one by its rate",
        ),
        pytest.param(
            replace(ROOT, not_recovered_from=("vpc",)),
            "not recovered",
            "since vpc came back",
            id="one that stays behind",
        ),
        pytest.param(
            replace(ROOT, coincides_with=("lb", "mail")),
            "coincides",
            "with lb and mail, to which no dependency is configured",
            id="two that began together with it",
        ),
        pytest.param(replace(ROOT, contradicted_by=("report",)), "contradicted", ALL, id="a dependent that is up"),
        pytest.param(
            replace(ROOT, contradicted_by=("lb", "report")),
            "contradicted",
            "lb and report depend on it and are up, so the problem is the network path from the exporter, the "
            "dependency is wrong, or those checks are shallow",
            id="two dependents that are up",
        ),
        pytest.param(replace(ROOT, through=("lb",)), "unnoticed", "by the check of lb", id="a shallow check"),
    ],
)
def test_a_remark(root: RootCause, about: str, phrase: str) -> None:
    assert remarks(root) == {about: phrase}


def test_a_certain_root_cause_has_none() -> None:
    assert remarks(ROOT) == {}


def test_the_explanation_has_every_remark() -> None:
    root = replace(
        ROOT,
        inferred=True,
        certainty=Certainty.LIKELY,
        suspects=("vpc",),
        not_recovered_from=("cache",),
        coincides_with=("mail",),
        through=("lb",),
    )
    status = replace(STATUS, component=replace(STATUS.component, kind=LATENT), suspects=("vpc",))
    assert said(status, root) == (
        "db is down (closed): hung up. It has no check; it is inferred from the failures of its dependents. "
        f"This is {LIKELY}; the alternative is vpc. It has not recovered since cache came back. "
        "It began to fail at the same time as mail, to which no dependency is configured. "
        "It is not noticed by the check of lb."
    )


def test_a_component_that_cannot_be_probed_is_inferred() -> None:
    text = said(STATUS, replace(ROOT, inferred=True, certainty=Certainty.INFERRED))
    assert text.endswith("It cannot be probed; it is inferred from the failures of its dependents.")


@pytest.mark.parametrize(
    ("status", "sentences"),
    [
        pytest.param(
            replace(SYMPTOM, root_causes=("vpc",), explained_by=("vpc",), through=("lb",)),
            "It is affected by vpc, through lb, whose check does not notice vpc.",
            id="a shallow check between a symptom and its root cause",
        ),
        pytest.param(
            replace(SYMPTOM, recovering_from=("vpc",), recovers_until=3600.0, subsided=True),
            "It has not recovered yet from vpc, which is no longer failing. It becomes a root cause if it still fails "
            "at 01:00:00 UTC. Its last probes passed.",
            id="a symptom that has time to recover",
        ),
        pytest.param(
            replace(SYMPTOM, recovers_until=3600.0),
            "It is recovering after its maintenance. It becomes a root cause if it still fails at 01:00:00 UTC.",
            id="a component whose maintenance ended",
        ),
    ],
)
def test_a_component_that_is_no_root_cause(status: ComponentStatus, sentences: str) -> None:
    assert said(status) == f"db is down (closed): hung up. {sentences}"


def test_a_contradiction_is_explained() -> None:
    assert said(replace(STATUS, contradicted_by=("report",)), ROOT).endswith(f"{ALL}.")
