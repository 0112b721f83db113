"""Commands that talk to a running exporter: maintenance, deploy, explain; incidents, and state over a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.storage.store import stored

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
        "give a configuration: --config.file FILE, or the variable STAGING_EXPORTER_CONFIG; or --from URL",
    ),
    "maintenance: no token": (
        ("maintenance", "--to", "{url}", "--component", "other", "--duration", "1h"),
        "{url} answered 401: this endpoint requires an api.token or a user: pass --token or set "
        "STAGING_EXPORTER_TOKEN.",
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
        "'localhost:9877' is not the address of an exporter; write it like http://127.0.0.1:9877 "
        "or unix:/run/staging-exporter/socket",
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
        assert 'msg=deployed components=other revision="r7 [2J" by="token at 127.0.0.1"\n' in log


def test_a_duration_of_zero_ends_maintenance(tmp_path: Path) -> None:
    with staging(tmp_path) as exporter:
        command = ("maintenance", "--to", exporter.url, "--token", TOKEN, "--component", "other", "--duration")
        staging_exporter(*command, "1h")
        exporter.until("other", state="maintenance")
        assert staging_exporter(*command, "0s").stdout == "other: maintenance ended.\n"
        exporter.until("other", state="up")


def test_a_store_that_is_no_database_is_set_aside_and_the_exporter_starts(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    store = tmp_path / "storage" / "store.db"
    store.write_bytes(b"no database" * 1000)
    with staging(tmp_path) as exporter:
        assert 'level=error msg="damaged store repaired"' in (tmp_path / "exporter.log").read_text()
        assert [root["component"] for root in exporter.status()["root_causes"]] == ["backend"]
    assert (tmp_path / "storage" / "store.db.damaged-1").read_bytes() == b"no database" * 1000
    assert stored(tmp_path / "storage", "staging").components["backend"].state == "down"


def test_a_second_exporter_on_the_same_storage_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with staging(tmp_path, up=True) as exporter:
        to = ("--to", exporter.url, "--token", TOKEN)
        staging_exporter("deploy", *to, "--component", "other", "--revision", "r1")
        part = tmp_path / "storage" / "e2e" / "suite" / "1.part"  # an upload that is under way
        part.parent.mkdir()
        part.touch()
        port = exporter.url.rpartition(":")[2]
        for address in (f"127.0.0.1:{port}", "127.0.0.1:0"):
            command = ("run", exporter.config, "--storage.path", tmp_path / "storage", "--web.listen-address", address)
            done = staging_exporter(*command, env={"SUITE_TOKEN": TOKEN})
            pid = (tmp_path / "storage" / "lock").read_text().strip()
            message = f"{tmp_path / 'storage'} is in use by another exporter, process {pid}\n"
            assert (done.returncode, done.stderr) == (2, message)
        assert part.exists()
        assert staging_exporter("deploy", *to, "--component", "other", "--revision", "r2").returncode == 0
    assert stored(tmp_path / "storage", "staging").journal.deploys["other"].revision == "r2"


def test_a_start_whose_address_is_in_use_leaves_what_is_stored_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with staging(tmp_path, storage=False) as exporter:
        address = exporter.url.removeprefix("http://")
        command = ("run", exporter.config, "--storage.path", tmp_path, "--web.listen-address", address)
        done = staging_exporter(*command, env={"SUITE_TOKEN": TOKEN})
    assert (done.returncode, f"cannot listen on {address}: " in done.stderr) == (2, True)
    assert (tmp_path / "state.json").read_text() == "{}"
    assert not (tmp_path / "store.db").exists()


def test_what_cannot_be_stored_is_refused_and_shown(tmp_path: Path) -> None:
    with staging(tmp_path, up=True) as exporter:
        to = ("--to", exporter.url, "--token", TOKEN, "--component", "other")
        storage = tmp_path / "storage"
        storage.rename(tmp_path / "elsewhere")
        done = staging_exporter("maintenance", *to, "--duration", "1h")
        assert (
            "answered 507: not changed, since it cannot be stored: the directory is read-only, or gone." in done.stderr
        )
        assert staging_exporter("deploy", *to).returncode == 2
        assert exporter.component("other")["state"] == "up"
        assert exporter.component("other")["deployed"] is None
        metrics = fetch(f"{exporter.url}/metrics")
        failed = float(metrics.rpartition("\nstaging_storage_errors_total{")[2].split()[1])
        assert failed >= 2
        assert "cannot store anything, so that a restart loses what happens now" in fetch(exporter.url)
        log = (tmp_path / "exporter.log").read_text()
        assert log.count('level=error msg="cannot store"') == 1
        (tmp_path / "elsewhere").rename(storage)
        assert staging_exporter("maintenance", *to, "--duration", "1h").returncode == 0
        exporter.until("other", state="maintenance")
        wait_for(lambda: "cannot store" not in fetch(exporter.url), "the page has no problem")
        assert 'msg="storing works again"' in (tmp_path / "exporter.log").read_text()


def test_run_exits_2_when_it_cannot_store(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(
        "environment: e\ncomponents: {a: {layer: test, priority: P2, check: {kind: tcp, address: 'a.test:1'}}}\n"
    )
    (tmp_path / "file").touch()
    done = staging_exporter("run", "--config.file", tmp_path / "c.yml", "--storage.path", tmp_path / "file")
    assert (done.returncode, done.stderr) == (2, f"cannot store anything in {tmp_path}/file: File exists\n")


def test_the_command_lists_incidents_and_tells_the_story_of_one(broken: Staging) -> None:
    source = ("--from", broken.url, "--token", TOKEN)
    listed = staging_exporter("incidents", *source).stdout
    id_, priority, took, *_ = listed.split()
    assert (priority, took, "backend  refused: nothing listens" in listed) == ("P0", "lasts", True)
    assert staging_exporter("incidents", *source, "--state", "over").stdout == "no incidents\n"
    done = staging_exporter("incidents", *source, "last", "--note", "it is the disk", "--acknowledge")
    assert done.stdout.startswith(f"incident {id_}, P0, lasts\naffected: websocket\nblocked journeys: golden-path\n\n")
    assert "  acknowledged   acknowledged by token\n" in done.stdout
    assert "it is the disk\n" in done.stdout
    assert json.loads(staging_exporter("incidents", *source, id_, "--format", "json").stdout)["id"] == id_
    assert staging_exporter("incidents", *source, id_, "--format", "markdown").stdout.startswith(f"# Incident {id_} in")
    refused = staging_exporter("incidents", *source, "--note", "x")
    assert (refused.returncode, refused.stderr) == (2, "give the ID of an incident, or `last`\n")
