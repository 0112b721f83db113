"""`suggest` and `validate --from`, on a running exporter and on the state of one that is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.journal import Journal
from staging_exporter.core.memory import Memory

from tests.storage.stores import saved
from tests.support.live import fetch, staging_exporter
from tests.support.suite import TOKEN, Staging, staging

AT = 1_763_800_000.0  # 2025-11-22 08:26:40 UTC
TIME = "2025-11-22 08:26 UTC"
SUGGESTIONS = f"""Missing dependencies:
  other may depend on backend: both failed and recovered together in 2 incidents ({TIME}, 2025-11-22 09:26 UTC); \
backend began first in 2 of 2

Doubtful dependencies:
  websocket may not depend on backend, or its check is shallow: it was up while backend was down in 1 incident ({TIME})

Shallow checks:
  the check of websocket is shallow: it passed while a dependency and a dependent of it failed in 1 incident ({TIME})
"""
WARNINGS = (
    "warning: {file}: components.websocket.depends_on: websocket may not depend on backend, or its check is shallow: "
    f"it was up while backend was down in 1 incident ({TIME})\n"
    "warning: {file}: components.websocket.check: the check of websocket is shallow: it passed while a dependency and "
    f"a dependent of it failed in 1 incident ({TIME})\n"
)


def incident(number: int) -> Incident:
    began = AT + 3600.0 * number
    once = ("websocket",) if number == 0 else ()
    backend = IncidentRootCause(
        "backend", "application", "P0", "refused", "", began, began + 60.0, began, contradicted_by=once, through=once
    )
    other = IncidentRootCause("other", "service", "P1", "failed", "", began, began + 60.0, began + 2.0)
    return Incident(began, began + 60.0, (backend, other))


def store(directory: Path) -> None:
    saved(directory, Memory("staging", journal=Journal(incidents=(incident(0), incident(1)))))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    """An exporter that remembers two incidents."""
    directory = tmp_path_factory.mktemp("learnt")
    store(directory / "storage")
    with staging(directory, up=True) as exporter:
        yield exporter


def test_a_running_exporter_suggests(learnt: Staging) -> None:
    done = staging_exporter("suggest", "--from", learnt.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == SUGGESTIONS
    document = json.loads(fetch(f"{learnt.url}/api/v1/suggestions"))
    assert document["edges"] == [
        {"component": "other", "depends_on": "backend", "incidents": [AT, AT + 3600.0], "in_order": 2}
    ]
    assert "What incidents say about the configuration" in fetch(learnt.url)


def test_validate_warns_of_what_a_running_exporter_learnt(learnt: Staging) -> None:
    done = staging_exporter("validate", "--config.file", learnt.config, "--from", learnt.url)
    warnings = "".join(line for line in done.stderr.splitlines(True) if not line.startswith("advice: "))
    assert (done.returncode, warnings) == (0, WARNINGS.format(file=learnt.config))


def test_validate_does_not_warn_of_an_edge_that_is_gone(learnt: Staging, tmp_path: Path) -> None:
    corrected = tmp_path / "staging.yml"
    corrected.write_text(learnt.config.read_text().replace("depends_on: [backend], ", ""))
    done = staging_exporter("validate", "--config.file", corrected, "--from", learnt.url)
    assert done.stderr.count("warning: ") == 1
    assert "components.websocket.check: " in done.stderr


def test_the_state_of_a_stopped_exporter_suggests(learnt: Staging, tmp_path: Path) -> None:
    store(tmp_path)
    done = staging_exporter("suggest", learnt.config, "--storage.path", tmp_path, env={"SUITE_TOKEN": TOKEN})
    assert (done.returncode, done.stdout, done.stderr) == (0, SUGGESTIONS, "")


def test_no_incident_is_no_suggestion(learnt: Staging, tmp_path: Path) -> None:
    saved(tmp_path, Memory("staging"))
    done = staging_exporter("suggest", learnt.config, "--storage.path", tmp_path)
    nothing = "no suggestions: the incidents of staging fit its configuration\n"
    assert (done.returncode, done.stdout) == (0, nothing)


MISTAKES = {
    "no source": ((), "give either --from URL, or FILE and --storage.path DIR"),
    "both": (("{file}", "--from", "{url}"), "give either --from URL, or FILE and --storage.path DIR"),
    "no storage": (("{file}",), "give either --from URL, or FILE and --storage.path DIR"),
    "a directory without a state": (("{file}", "--storage.path", "{empty}"), "{empty} has no state of an exporter"),
    "another environment": (
        ("{file}", "--storage.path", "{other}"),
        "cannot read the state in {other}: it belongs to environment 'production', not to 'staging'",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_exits_2(case: str, learnt: Staging, tmp_path: Path) -> None:
    arguments, message = MISTAKES[case]
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    saved(other, Memory("production"))
    before = sorted(other.iterdir())
    names = {"file": learnt.config, "url": learnt.url, "empty": empty, "other": other}
    done = staging_exporter("suggest", *(argument.format(**names) for argument in arguments))
    assert (done.returncode, done.stderr) == (2, message.format(**names) + "\n")
    assert sorted(other.iterdir()) == before, "a command that reads changes nothing"
