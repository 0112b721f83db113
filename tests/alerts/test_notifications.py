"""The notification templates of Alertmanager, for one alert and for hundreds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.promtool import DEPLOY
from tests.alerts.test_alertmanager import run

TEMPLATE = DEPLOY / "alertmanager" / "staging.tmpl"
LABELS = {"priority": "P2", "environment": "netra-staging"}
SUMMARY = {"summary": "Something in netra-staging keeps failing."}
ONE_LIMIT = 15000  # characters of a description that Opsgenie accepts, fewer than the other services


def alert(name: str, status: str = "firing") -> dict[str, Any]:
    annotations = {"description": f"{name} flaps.", "runbook_url": "https://r.example.com/F.md", **SUMMARY}
    return {"status": status, "labels": {**LABELS, "component": name}, "annotations": annotations}


def rendered(directory: Path, template: str, alerts: Iterable[dict[str, Any]]) -> str:
    given = [*alerts]
    status = "firing" if any(one["status"] == "firing" for one in given) else "resolved"
    data = {"status": status, "alerts": given, "commonLabels": LABELS, "commonAnnotations": SUMMARY}
    file = directory / "data.json"
    file.write_text(json.dumps(data))
    asked = ("--template.text", f'{{{{ template "{template}" . }}}}', "--template.data", file)
    done = run("amtool", "template", "render", "--template.glob", TEMPLATE, *asked)
    assert done.returncode == 0, done.stderr
    return done.stdout


WHAT = "netra-staging: Something in netra-staging keeps failing."
ONE = "a flaps.\nRunbook: https://r.example.com/F.md\n"
TWO = "b flaps.\nRunbook: https://r.example.com/F.md\n"


@pytest.mark.parametrize(
    ("alerts", "title", "text"),
    [
        pytest.param([alert("a")], f"[FIRING] P2 {WHAT}", ONE, id="one alert"),
        pytest.param([alert("a"), alert("b")], f"[FIRING:2] P2 {WHAT}", f"{ONE}\n{TWO}", id="two alerts"),
        pytest.param(
            [alert("a", "resolved"), alert("b")],
            f"[FIRING] P2 {WHAT}",
            f"{TWO}\nResolved:\n{ONE}",
            id="one of two is resolved",
        ),
        pytest.param([alert("a", "resolved")], f"[RESOLVED] P2 {WHAT}", f"Resolved:\n{ONE}", id="resolved"),
    ],
)
def test_a_notification(alerts: list[dict[str, Any]], title: str, text: str, tmp_path: Path) -> None:
    assert rendered(tmp_path, "staging.title", alerts) == title
    assert rendered(tmp_path, "staging.text", alerts) == text


def test_a_notification_of_hundreds_of_alerts_fits_every_service(tmp_path: Path) -> None:
    many = [alert(f"c-{n}") for n in range(200)] + [alert(f"d-{n}", "resolved") for n in range(100)]
    text = rendered(tmp_path, "staging.text", many)
    assert text.count("flaps") == 20
    assert "These are the first 10 of 200." in text
    assert "These are the first 10 of 100." in text
    assert len(text) < ONE_LIMIT
