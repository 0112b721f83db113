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
LABELS = {"alertname": "StagingFlapping", "priority": "P2", "environment": "netra-staging", "role": "evidence"}
ROOT = {"alertname": "StagingRootCauseP0", "role": "root_cause"}
SUMMARY = {"summary": "Something in netra-staging keeps failing."}
ONE_LIMIT = 15000  # characters of a description that Opsgenie accepts, fewer than the other services


def alert(name: str, status: str = "firing") -> dict[str, Any]:
    annotations = {"description": f"{name} flaps.", "runbook_url": "https://r.example.com/F.md", **SUMMARY}
    annotations["status_url"] = f"https://e.com/{name}"
    times = {"startsAt": "2026-01-01T12:00:00.4Z", "endsAt": "2026-01-01T12:05:30.6Z"}
    return {"status": status, "labels": {**LABELS, "component": name}, "annotations": annotations, **times}


def rendered(directory: Path, template: str, alerts: Iterable[dict[str, Any]], common: dict[str, str] = SUMMARY) -> str:
    given = [*alerts]
    status = "firing" if any(one["status"] == "firing" for one in given) else "resolved"
    shared = {**LABELS, "role": given[0]["labels"]["role"]}
    data = {"status": status, "alerts": given, "commonLabels": shared, "commonAnnotations": common}
    file = directory / "data.json"
    file.write_text(json.dumps(data))
    asked = ("--template.text", f'{{{{ template "{template}" . }}}}', "--template.data", file)
    done = run("amtool", "template", "render", "--template.glob", TEMPLATE, *asked)
    assert done.returncode == 0, done.stderr
    return done.stdout


WHAT = "netra-staging: Something in netra-staging keeps failing."
ONE = "a flaps.\nRunbook: https://r.example.com/F.md\nStatus: https://e.com/a\n"
TWO = "b flaps.\nRunbook: https://r.example.com/F.md\nStatus: https://e.com/b\n"
OVER = "a had StagingFlapping for 5m30s, until 12:05:30 UTC.\nStatus: https://e.com/a\n"


@pytest.mark.parametrize(
    ("alerts", "title", "text"),
    [
        pytest.param([alert("a")], f"[FIRING] P2 {WHAT}", ONE, id="one alert"),
        pytest.param([alert("a"), alert("b")], f"[FIRING:2] P2 {WHAT}", f"{ONE}\n{TWO}", id="two alerts"),
        pytest.param(
            [alert("a", "resolved"), alert("b")],
            f"[FIRING] P2 {WHAT}",
            f"{TWO}\nResolved:\n{OVER}",
            id="one of two is resolved",
        ),
        pytest.param(
            [alert("a", "resolved")],
            "[RESOLVED] P2 netra-staging: StagingFlapping is over after 5m30s.",
            OVER,
            id="resolved, in the past tense",
        ),
    ],
)
def test_a_notification(alerts: list[dict[str, Any]], title: str, text: str, tmp_path: Path) -> None:
    assert rendered(tmp_path, "staging.title", alerts) == title
    assert rendered(tmp_path, "staging.text", alerts) == text


ROOTS = [
    alert(name) | {"startsAt": f"2026-01-01T12:00:{at:02}Z", "labels": {**LABELS, **ROOT, "component": name}}
    for at, name in enumerate("abcdefg", 10)
]


@pytest.mark.parametrize(
    ("alerts", "title", "first"),
    [
        pytest.param(
            [ROOTS[0], ROOTS[2], ROOTS[1]],
            "[FIRING:3] P2 netra-staging: a, c, b are root causes of the outage.",
            "Newest: c",
            id="several root causes are listed, and the newest is named",
        ),
        pytest.param(
            ROOTS,
            "[FIRING:7] P2 netra-staging: a, b, c, d, e and 2 more are root causes of the outage.",
            "Newest: g",
            id="five of many are listed",
        ),
        pytest.param(
            [one | {"startsAt": ROOTS[0]["startsAt"]} for one in ROOTS[:2]],
            "[FIRING:2] P2 netra-staging: a, b are root causes of the outage.",
            "a flaps.",
            id="of those that began together none is the newest",
        ),
        pytest.param(
            [one | {"status": "resolved"} for one in ROOTS[:2]],
            "[RESOLVED] P2 netra-staging: a, b were root causes of the outage, which is over after 5m21s.",
            "a was a root cause for 5m21s, until 12:05:30 UTC.",
            id="resolved root causes are listed, with how long it took in all",
        ),
        pytest.param(
            [one | {"status": "resolved"} for one in ROOTS[1:2]],
            "[RESOLVED] P2 netra-staging: b was the root cause of the outage, which is over after 5m20s.",
            "b was a root cause for 5m20s, until 12:05:30 UTC.",
            id="one resolved root cause",
        ),
    ],
)
def test_a_notification_of_several_root_causes(
    alerts: list[dict[str, Any]], title: str, first: str, tmp_path: Path
) -> None:
    assert rendered(tmp_path, "staging.title", alerts, {}) == title
    assert rendered(tmp_path, "staging.text", alerts, {}).splitlines()[0] == first


def test_a_notification_of_hundreds_of_alerts_fits_every_service(tmp_path: Path) -> None:
    many = [alert(f"c-{n}") for n in range(200)] + [alert(f"d-{n}", "resolved") for n in range(100)]
    text = rendered(tmp_path, "staging.text", many)
    assert text.count("flaps") == text.count("had StagingFlapping for") == 10
    assert "These are the first 10 of 200." in text
    assert "These are the first 10 of 100." in text
    assert len(text) < ONE_LIMIT


@pytest.mark.parametrize(
    ("annotations", "link", "runbook"),
    [
        pytest.param(
            {
                "status_url": "https://e.com/a",
                "runbook_url": "https://r.com/F",
                "component_runbook_url": "https://r.com/a",
            },
            "https://e.com/a",
            "https://r.com/a",
            id="the page and the component's own runbook",
        ),
        pytest.param(
            {"runbook_url": "https://r.com/F"}, "https://am.com", "https://r.com/F", id="without a status page"
        ),
    ],
)
def test_what_a_notification_links_to(annotations: dict[str, str], link: str, runbook: str, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    alerts = [{"status": "firing", "labels": LABELS, "annotations": annotations}]
    file.write_text(json.dumps({"alerts": alerts, "commonAnnotations": {}, "externalURL": "https://am.com"}))
    for template, expected in (("staging.link", link), ("staging.runbook", runbook)):
        asked = ("--template.text", f'{{{{ template "{template}" . }}}}', "--template.data", file)
        assert run("amtool", "template", "render", "--template.glob", TEMPLATE, *asked).stdout == expected
