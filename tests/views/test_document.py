"""`/api/v1/status` and `check --format json`: the keys of the contract, JSON values alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from staging_exporter.views.document import document

from tests.views.fleet import board

# Section "commands and API" of the contract, in its order; what comes after is beyond it.
TOP = ["environment", "generated_at", "state", "pending", "settled", "online", "root_causes", "components", "journeys",
       "verdict"]  # fmt: skip
ROOT = ["component", "layer", "priority", "state", "reason", "detail", "since", "inferred", "stale", "suspects",
        "affected", "journeys"]  # fmt: skip
COMPONENT = ["state", "reason", "detail", "since", "last_probe", "kind", "layer", "priority", "depends_on",
             "optional_depends_on", "root_causes", "suspects", "contradicted", "facts"]  # fmt: skip
BEYOND = {"recovering_from", "explained_by", "contradicted_by", "conflicts", "links", "phases", "deployed",
          "explanation", "covers", "interval", "recent"}  # fmt: skip
JOURNEY = ["state", "priority", "blocked_at", "root_causes", "steps"]


@pytest.fixture(scope="module")
def seen() -> Any:
    """The document as a client reads it."""
    return json.loads(json.dumps(document(board().snapshot(26.0)), allow_nan=False))


def test_the_keys_are_those_of_the_contract(seen: Any) -> None:
    assert list(seen) == TOP
    assert [list(root) for root in seen["root_causes"]] == [ROOT]
    for component in seen["components"].values():
        assert set(component) == {*COMPONENT, *BEYOND}
    for journey in seen["journeys"].values():
        assert list(journey) == JOURNEY
        assert all(list(step) == ["name", "component", "state"] for step in journey["steps"])


def test_the_whole(seen: Any) -> None:
    assert {key: seen[key] for key in TOP[:6]} == {
        "environment": "staging", "generated_at": 26.0, "state": "down", "pending": False, "settled": False,
        "online": True,
    }  # fmt: skip


def test_the_root_cause(seen: Any) -> None:
    (root,) = seen["root_causes"]
    assert root == {
        "component": "database", "layer": "infrastructure", "priority": "P0", "state": "down", "reason": "closed",
        "detail": "the peer hung up", "since": pytest.approx(3.02), "inferred": False, "stale": False, "suspects": [],
        "affected": ["backend"], "journeys": ["login"],
    }  # fmt: skip


def test_a_symptom(seen: Any) -> None:
    backend = seen["components"]["backend"]
    assert backend["depends_on"] == ["database", ["model-a", "model-b"]]
    assert (backend["state"], backend["reason"], backend["detail"]) == (
        "down",
        "server_error",
        "status 503, expected 2xx",
    )
    assert (backend["root_causes"], backend["optional_depends_on"]) == (["database"], ["cache"])
    assert (backend["kind"], backend["layer"], backend["priority"]) == ("http", "application", "P0")
    assert (backend["last_probe"], backend["since"]) == (3.0, pytest.approx(3.3))
    assert backend["facts"]["status"] == 503
    assert backend["links"] == {"owner": "backend-team"}


def test_a_latent_component_and_one_that_never_ran(seen: Any) -> None:
    latent, silent = seen["components"]["vpc"], seen["components"]["silent"]
    assert (latent["kind"], latent["state"], latent["last_probe"]) == ("latent", "up", None)
    assert (silent["kind"], silent["state"], silent["reason"], silent["since"]) == (
        "tcp",
        "unknown",
        "no_evidence",
        None,
    )


def test_a_root_that_something_contradicts(seen: Any) -> None:
    database = seen["components"]["database"]
    assert (database["contradicted"], database["contradicted_by"]) == (True, ["report"])
    assert seen["components"]["backend"]["contradicted"] is False


def test_a_suite_that_passes_while_what_it_covers_is_down(seen: Any) -> None:
    assert seen["components"]["suite"]["conflicts"] == ["database"]


def test_a_journey(seen: Any) -> None:
    assert seen["journeys"]["login"] == {
        "state": "blocked", "priority": "P0", "blocked_at": "sign-in", "root_causes": ["database"],
        "steps": [{"name": "open", "component": "model-a", "state": "up"},
                  {"name": "sign-in", "component": "backend", "state": "down"}],
    }  # fmt: skip
