"""Commands that talk to a running exporter: maintenance, deploy, explain; incidents, and state over a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import fetch, staging_exporter, wait_for
from tests.support.suite import TOKEN, Staging, staging


def incidents(exporter: Staging) -> list[dict[str, Any]]:
    return list(json.loads(fetch(f"{exporter.url}/api/v1/incidents")))


def test_explain_names_the_root_cause(broken: Staging) -> None:
    done = staging_exporter("explain", "backend", "--from", broken.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("backend is down (refused): nothing listens at 127.0.0.1")
    assert "so it is the root cause. Affected: websocket. It blocks golden-path." in done.stdout
    done = staging_exporter("explain", "websocket", "--from", broken.url)
    assert done.stdout.endswith("It is affected by backend.\n")


def test_explain_probes_a_configuration(broken: Staging) -> None:
    done = staging_exporter("explain", "websocket", "--config.file", broken.config, env={"SUITE_TOKEN": TOKEN})
    assert (done.returncode, done.stdout[-28:]) == (0, " It is affected by backend.\n")


KNOWN = "backend, websocket, other, suite"
MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "explain: unknown component": (
        ("explain", "x", "--from", "{url}"),
        f"there is no component 'x'; there are {KNOWN}",
    ),
    "explain: misspelt component": (
        ("explain", "backnd", "--from", "{url}"),
        "there is no component 'backnd', did you mean 'backend'?",
    ),
    "explain: no source": (
        ("explain", "x"),
        "give a configuration: FILE, --config.file FILE, or the variable STAGING_EXPORTER_CONFIG; or --from URL",
    ),
    "maintenance: no token": (
        ("maintenance", "--to", "{url}", "--component", "other", "--duration", "1h"),
        "{url} answered 401: this endpoint requires the api.token: pass --token or set STAGING_EXPORTER_TOKEN.",
    ),
    "maintenance: unknown component": (
        ("maintenance", "--to", "{url}", "--token", TOKEN, "--component", "x", "--duration", "1h"),
        "{url} answered 404: there is no component 'x'.",
    ),
    "maintenance: bad duration": (
        ("maintenance", "--to", "{url}", "--token", TOKEN, "--component", "other", "--duration", "soon"),
        "{url} answered 400: duration: 'soon' is not a duration; write it like 500ms, 15s or 1m30s",
    ),
    "deploy: unknown component": (
        ("deploy", "--to", "{url}", "--token", TOKEN, "--component", "x"),
        "{url} answered 404: there is no component 'x'.",
    ),
    "deploy: bad address": (
        ("deploy", "--to", "localhost:9877", "--component", "x"),
        "'localhost:9877' is not the address of an exporter; write it like http://127.0.0.1:9877",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_in_one_line(name: str, broken: Staging) -> None:
    arguments, message = MISTAKES[name]
    done = staging_exporter(*(argument.format(url=broken.url) for argument in arguments))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message.format(url=broken.url) + "\n")


def test_maintenance_deploys_and_incidents_survive_a_restart(tmp_path: Path) -> None:
    with staging(tmp_path) as exporter:
        (incident,) = incidents(exporter)
        assert [(root["component"], root["until"]) for root in incident["roots"]] == [("backend", None)]
        to = ("--to", exporter.url, "--token", TOKEN)
        done = staging_exporter("deploy", *to, "--component", "other", "--revision", "00742")
        assert (done.returncode, done.stdout) == (0, "other: deployed 00742.\n")
        done = staging_exporter("maintenance", *to, "--component", "backend,other", "--duration", "1h")
        assert (done.returncode, done.stdout) == (0, "backend, other: in maintenance for 1h.\n")
        exporter.until("backend", state="maintenance")
        wait_for(lambda: incidents(exporter)[0]["ended"], "the incident ends")
        before = incidents(exporter)
    with staging(tmp_path) as exporter:
        assert exporter.until("backend", state="maintenance")["detail"].startswith("in maintenance; its last run")
        assert exporter.component("other")["deployed"]["revision"] == "00742"
        assert incidents(exporter) == before


def test_an_unreadable_secret_is_logged_at_startup(tmp_path: Path) -> None:
    with staging(tmp_path, api="api: {token: {env: NO_SUCH_TOKEN}}"):
        line = 'msg="cannot read secret" error="environment variable NO_SUCH_TOKEN is not set" used_by=api.token\n'
        log = (tmp_path / "exporter.log").read_text()
        assert log.index(line) < log.index("msg=listening")
        assert log.count("NO_SUCH_TOKEN") == 1


def test_control_characters_of_a_revision_are_removed(tmp_path: Path) -> None:
    with staging(tmp_path) as exporter:
        to = ("--to", exporter.url, "--token", TOKEN)
        staging_exporter("deploy", *to, "--component", "other", "--revision", "r7\x1b[2J\u202e\u2066")
        assert exporter.component("other")["deployed"]["revision"] == "r7 [2J"
        log = (tmp_path / "exporter.log").read_text()
        assert 'msg=deployed components=other revision="r7 [2J"\n' in log


def test_a_duration_of_zero_ends_maintenance(tmp_path: Path) -> None:
    with staging(tmp_path) as exporter:
        command = ("maintenance", "--to", exporter.url, "--token", TOKEN, "--component", "other", "--duration")
        staging_exporter(*command, "1h")
        exporter.until("other", state="maintenance")
        assert staging_exporter(*command, "0s").stdout == "other: maintenance ended.\n"
        exporter.until("other", state="up")


def test_an_unreadable_state_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    state = tmp_path / "storage" / "state.json"
    state.write_text('{"version": 1, "compo')
    with staging(tmp_path) as exporter:
        assert 'level=error msg="ignoring unreadable state file"' in (tmp_path / "exporter.log").read_text()
        assert [root["component"] for root in exporter.status()["root_causes"]] == ["backend"]
    assert json.loads(state.read_text())["components"]["backend"]["state"] == "down"


def test_run_exits_2_when_it_cannot_store(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(
        "environment: e\ncomponents: {a: {layer: test, priority: P2, check: {kind: tcp, address: 'a.test:1'}}}\n"
    )
    (tmp_path / "file").touch()
    done = staging_exporter("run", "--config.file", tmp_path / "c.yml", "--storage.path", tmp_path / "file")
    assert (done.returncode, done.stderr) == (2, f"cannot store anything in {tmp_path}/file: File exists\n")
