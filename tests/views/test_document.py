"""The documents of the API: their keys and types, as JSON values."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from staging_exporter.views.document import component_document, document
from staging_exporter.views.document_types import ComponentDetailDocument, StatusDocument
from typing_extensions import is_typeddict

from tests.views.fleet import board

# The keys that clients may rely on, in their order.
TOP = ["environment", "generated_at", "state", "pending", "settled", "online", "root_causes", "components", "journeys",
       "verdict"]  # fmt: skip
ROOT = ["component", "layer", "priority", "state", "reason", "detail", "since", "began", "certainty", "inferred",
        "stale", "suspects", "coincides_with", "contradicted_by", "through", "not_recovered_from", "remarks",
        "affected", "journeys"]  # fmt: skip
COMPONENT = ["state", "reason", "detail", "since", "last_probe", "kind", "layer", "priority", "depends_on",
             "optional_depends_on", "root_causes", "suspects", "contradicted", "facts"]  # fmt: skip
FURTHER = {"recovering_from", "explained_by", "contradicted_by", "conflicts", "links", "phases", "deployed",
          "explanation", "covers", "interval", "recent", "through", "recovers_until", "not_recovered_from", "subsided",
          "inferred", "certainty", "began", "failure_ratio", "unnoticed", "labels", "startup_ends"}  # fmt: skip
CONTRADICTED = ("report depends on it and is up, so the problem is the network path from the exporter, the dependency "
                "is wrong, or that check is shallow")  # fmt: skip
JOURNEY = ["state", "priority", "blocked_at", "root_causes", "steps"]


@pytest.fixture(scope="module")
def seen() -> Any:
    """The document as a client reads it."""
    return json.loads(json.dumps(document(board().snapshot(26.0)), allow_nan=False))


def test_the_keys_are_those_of_the_contract(seen: Any) -> None:
    assert list(seen) == TOP
    assert [list(root) for root in seen["root_causes"]] == [ROOT]
    for component in seen["components"].values():
        assert set(component) == {*COMPONENT, *FURTHER}
    for journey in seen["journeys"].values():
        assert list(journey) == JOURNEY
        assert all(list(step) == ["name", "component", "state"] for step in journey["steps"])


def test_the_status(seen: Any) -> None:
    assert {key: seen[key] for key in TOP[:6]} == {
        "environment": "staging", "generated_at": 26.0, "state": "down", "pending": False, "settled": False,
        "online": True,
    }  # fmt: skip


def test_the_root_cause(seen: Any) -> None:
    (root,) = seen["root_causes"]
    assert root == {
        "component": "database", "layer": "infrastructure", "priority": "P0", "state": "down", "reason": "closed",
        "detail": "the peer hung up", "since": pytest.approx(3.02), "began": 1.0, "certainty": "observed",
        "inferred": False, "stale": False, "suspects": [], "coincides_with": [], "contradicted_by": ["report"],
        "through": [], "not_recovered_from": [], "remarks": {"contradicted": CONTRADICTED},
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


def test_a_latent_component_and_one_that_was_never_probed(seen: Any) -> None:
    latent, silent = seen["components"]["vpc"], seen["components"]["silent"]
    assert (latent["kind"], latent["state"], latent["last_probe"]) == ("latent", "up", None)
    assert (silent["kind"], silent["state"], silent["reason"], silent["since"]) == (
        "tcp",
        "unknown",
        "no_evidence",
        None,
    )


def test_a_contradicted_root_cause(seen: Any) -> None:
    database = seen["components"]["database"]
    assert (database["contradicted"], database["contradicted_by"]) == (True, ["report"])
    assert seen["components"]["backend"]["contradicted"] is False


def test_a_suite_that_passes_while_a_covered_component_is_down(seen: Any) -> None:
    assert seen["components"]["suite"]["conflicts"] == ["database"]


def test_a_journey(seen: Any) -> None:
    assert seen["journeys"]["login"] == {
        "state": "blocked", "priority": "P0", "blocked_at": "sign-in", "root_causes": ["database"],
        "steps": [{"name": "open", "component": "model-a", "state": "up"},
                  {"name": "sign-in", "component": "backend", "state": "down"}],
    }  # fmt: skip


def test_every_document_has_exactly_the_keys_of_its_type() -> None:
    snapshot = board().snapshot(26.0)
    assert mismatches(document(snapshot), StatusDocument) == []
    assert mismatches(component_document(snapshot, "backend"), ComponentDetailDocument) == []


def mismatches(value: Any, declared: Any, at: str = "document") -> list[str]:
    """Where a value differs from its type, keys of typed dictionaries included."""
    kind, arguments = get_origin(declared), get_args(declared)
    if declared is Any:
        return []
    if kind in (Union, UnionType):
        return [] if any(not mismatches(value, one, at) for one in arguments) else [f"{at}: {value!r}"]
    if is_typeddict(declared):
        hints = get_type_hints(declared)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            return [f"{at}: {value!r} does not have the keys of {declared.__name__}"]
        return [m for key in hints for m in mismatches(value[key], hints[key], f"{at}.{key}")]
    if kind is list:
        return [m for n, item in enumerate(value) for m in mismatches(item, arguments[0], f"{at}[{n}]")]
    if kind is dict:
        return [m for key, item in value.items() for m in mismatches(item, arguments[1], f"{at}.{key}")]
    return [] if type(value) is declared else [f"{at}: {value!r} is not {declared}"]


MISSPELT = """
from staging_exporter.views.document_types import StatusDocument


def first_root_cause(status: StatusDocument) -> str:
    return status["root_causes"][0]["componnet"]
"""


def test_mypy_finds_a_misspelt_key(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(MISSPELT)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), "snippet.py"]
    source = str(Path(__file__).parents[2] / "exporter")
    done = subprocess.run(command, cwd=tmp_path, env={"MYPYPATH": source}, capture_output=True, text=True, timeout=120)
    assert 'TypedDict "RootCauseDocument" has no key "componnet"' in done.stdout, done
