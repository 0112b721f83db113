"""`compare` on real servers: exactly the differences that were planted, in every format and from every kind of side."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.live import staging_exporter
from tests.support.suite import Staging
from tests.support.web import Web, response, serving

CONFIG = """
environment: {name}
defaults: {{interval: 1s, timeout: 800ms, retry_interval: 50ms}}
components:
  backend: {{layer: application, priority: P0, check: {{kind: http, url: "http://{at}/v", facts: {{version: $.v}}}}}}
  auth: {{layer: service, priority: P0, check: {{kind: http, url: "http://{at}/auth", expect: {{status: [200, 204]}}}}}}
  frontend: {{layer: application, priority: P1, check: {{kind: http, url: "http://{at}/home"}}}}
  chat: {{layer: service, priority: P1, check: {{kind: http, url: "http://{at}/chat"}}}}
  same: {{layer: service, priority: P1, check: {{kind: http, url: "http://{at}/same"}}}}
"""
EXTRA = "  cache: {layer: platform, priority: P2, check: {kind: exec, command: ['true']}}\n"
PAGE = response(200, b"here", {"Content-Type": "text/plain"})
STAGING = {
    "/v": response(200, b'{"v": "1.4"}'),
    "/auth": PAGE,
    "/home": response(302, b"", {"Location": "/same"}),
    "/chat": PAGE,
    "/same": PAGE,
}
PRODUCTION = STAGING | {
    "/v": response(200, b'{"v": "1.5"}'),
    "/auth": response(204),
    "/home": PAGE,
    "/chat": response(500),
}
PLANTED = {
    ("backend", "version", "version 1.4", "version 1.5"),
    ("auth", "status", "200", "204"),
    ("frontend", "redirects", "1", "0"),
    ("chat", "state", "up", "down (server_error)"),
    ("chat", "status", "200", "500"),
    ("cache", "missing", "present", "missing"),
}


async def test_the_planted_differences_are_found_and_nothing_else(tmp_path: Path) -> None:
    async with serving(Web(STAGING)) as one, serving(Web(PRODUCTION)) as other:
        a, b = tmp_path / "staging.yml", tmp_path / "production.yml"
        a.write_text(CONFIG.format(name="staging", at=one) + EXTRA)
        b.write_text(CONFIG.format(name="production", at=other))
        done = await asyncio.to_thread(staging_exporter, "compare", a, b, "--format", "json", "--ignore", "latency")
        asked = await asyncio.to_thread(staging_exporter, "check", a, "--format", "json")
        (tmp_path / "staging.json").write_text(asked.stdout)
        told = await asyncio.to_thread(
            staging_exporter, "compare", tmp_path / "staging.json", b, "--ignore", "version,chat,latency,cache:missing"
        )
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert {(each["component"], each["aspect"], each["a"], each["b"]) for each in found["differences"]} == PLANTED
    assert (found["a"], found["b"], found["components"]) == ("staging", "production", 5)
    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout == (
        "component  aspect     staging  production\n"
        "auth       status     200      204\n"
        "frontend   redirects  1        0\n\n"
        "staging and production differ in 2 places; 5 components are in both\n"
    )


def test_a_running_exporter_and_a_file_of_it_are_the_same(well: Staging, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_text(json.dumps(well.status()))
    done = staging_exporter("compare", well.url, file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{well.url} and {file} do not differ in missing, state, version, status, redirects, tls_version, issuer or "
        "latency: 4 components\n"
    )


def test_for_github(well: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    status = well.status() | {"environment": "pro|duction"}
    del status["components"]["other"]
    file = tmp_path / "status.json"
    file.write_text(json.dumps(status))
    done = staging_exporter("compare", well.url, file, "--format", "github")
    assert done.returncode == 1
    assert done.stdout == (
        "::warning title=other differs in missing::staging: present%0Apro|duction: missing\n"
        "staging and pro|duction differ in one place; 3 components are in both\n"
    )
    assert (tmp_path / "summary.md").read_text() == (
        "## ⚠️ staging and pro\\|duction differ in one place; 3 components are in both\n\n"
        "| Component | Aspect | staging | pro\\|duction |\n| --- | --- | --- | --- |\n"
        "| other | missing | present | missing |\n"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "is not a file of `check --format json`, or of another version"),
        ("[" * 100_000, "is not a file of `check --format json`, or of another version"),
        (None, "cannot read {file}: No such file or directory"),
    ],
    ids=["another document", "deep nesting", "no file"],
)
def test_a_side_that_cannot_be_read_exits_2(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "status.json"
    if text is not None:
        file.write_text(text)
    done = staging_exporter("compare", file, file)
    assert (done.returncode, done.stdout) == (2, "")
    assert says.format(file=file) in done.stderr


def test_an_unknown_name_to_ignore_exits_2(well: Staging) -> None:
    done = staging_exporter("compare", well.url, well.url, "--ignore", "backend:laterncy")
    assert done.returncode == 2
    assert done.stderr == "--ignore: there is no aspect 'laterncy', did you mean 'latency'?\n"
