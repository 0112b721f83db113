"""The running exporter over its own routes: what it serves, what guards it, how it reloads and stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from staging_exporter.app import App
from staging_exporter.clock import now
from staging_exporter.config import load_config
from staging_exporter.net.address import HostPort

from tests.support.peers import serving
from tests.support.waiting import held_up, until

TOKEN = "open"
CONFIG = """
environment: test
{api}
defaults: {{interval: 500ms, timeout: 400ms, retry_interval: 50ms}}
components:
  database: {{layer: infrastructure, priority: P1, check: {{kind: tcp, address: "127.0.0.1:{database}"}}}}
  backend:
    layer: application
    priority: P0
    depends_on: [database]
    check: {{kind: tcp, address: "127.0.0.1:{backend}"}}
journeys: {{golden-path: {{priority: P0, steps: {{use: backend}}}}}}
"""


class Running:
    """An App on a configuration in `file`, with two TCP servers that it probes."""

    def __init__(self, directory: Path, api: str = "api: {token: {env: APP_TOKEN}}") -> None:
        self.file, self.api = directory / "config.yml", api
        self.servers: dict[str, asyncio.Server] = {}
        self.url = ""

    async def start(self) -> None:
        for name in ("database", "backend"):
            self.servers[name] = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        self.ports = {name: server.sockets[0].getsockname()[1] for name, server in self.servers.items()}
        self.write()
        self.app = App(self.file, load_config(self.file))
        self.url = await self.app.start(HostPort("127.0.0.1", 0))
        self.session = aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {TOKEN}"})

    def write(self, extra: str = "", **ports: int) -> None:
        self.file.write_text(CONFIG.format(**{**self.ports, **ports}, api="" if "api:" in extra else self.api) + extra)

    async def stop(self) -> None:
        await self.session.close()
        await self.app.stop()
        for server in self.servers.values():
            server.close()

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        async with self.session.get(path, headers=headers) as response:
            return response.status, response.headers.get("Content-Type", ""), await response.text()

    async def post(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.post(path, headers=headers) as response:
            return response.status, await response.text()

    async def status(self) -> dict[str, Any]:
        async with self.session.get("/api/v1/status") as response:
            return dict(await response.json())

    def states(self) -> dict[str, str]:
        return {name: str(status.state) for name, status in self.app.snapshot().components.items()}


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", TOKEN)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    exporter = Running(tmp_path)
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.stop()


async def test_the_exporter_is_not_ready_before_every_check_has_run(running: Running) -> None:
    assert (await running.get("/-/healthy"))[0] == 200
    status, _, text = await running.get("/-/ready")
    assert (status, "have not run yet" in text) == (503, True)
    await until(lambda: running.app.snapshot().ready)
    assert (await running.get("/-/ready"))[0] == 200


async def test_metrics_have_the_requested_format(running: Running) -> None:
    await until(lambda: running.states() == {"database": "up", "backend": "up"})
    _, content_type, text = await running.get("/metrics", Accept="text/plain")
    assert content_type.startswith("text/plain; version=")
    plain = {family.name for family in parse_text(text)}
    _, content_type, text = await running.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    opened = {family.name for family in parse_openmetrics(text)}
    assert {"staging_component_root_cause", "process_cpu_seconds"} <= plain & opened


async def test_the_status_has_a_tag_that_lasts_as_long_as_nothing_changes(running: Running) -> None:
    async with running.session.get("/api/v1/status") as first:
        assert first.content_type == "application/json"
        assert (await first.json())["environment"] == "test"
        tag = first.headers["ETag"]
    async with running.session.get("/api/v1/status", headers={"If-None-Match": tag}) as again:
        assert (again.status == 304) is (again.headers["ETag"] == tag)
    async with running.session.get("/api/v1/status", headers={"If-None-Match": 'W/"other"'}) as other:
        assert other.status == 200
        assert await other.json()


@pytest.mark.parametrize(("path", "varies"), [("/metrics", "Accept, Accept-Encoding"), ("/", "Accept-Encoding")])
async def test_responses_carry_a_vary_header(running: Running, path: str, varies: str) -> None:
    for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
        async with running.session.get(path, headers={"Accept-Encoding": accepted}) as response:
            seen = response.headers
            assert (seen["Vary"], seen.get("Content-Encoding"), bool(await response.text())) == (varies, encoding, True)


async def test_the_verdict_comes_and_goes(running: Running) -> None:
    await until(lambda: running.states() == {"database": "up", "backend": "up"})
    for server in running.servers.values():
        server.close()
    await until(lambda: running.app.snapshot().root_causes)
    document = await running.status()
    assert [(root["component"], root["priority"], root["affected"]) for root in document["root_causes"]] == [
        ("database", "P0", ["backend"])
    ]
    assert document["journeys"]["golden-path"]["state"] == "blocked"
    status, content_type, html = await running.get("/")
    assert (status, content_type) == (200, "text/html; charset=utf-8")
    assert "database is the root cause" in html
    for name, port in running.ports.items():
        running.servers[name] = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", port)
    await until(lambda: not running.app.snapshot().root_causes)
    assert (await running.status())["state"] == "up"


async def test_a_reload_keeps_the_state_of_unchanged_components(running: Running) -> None:
    await until(lambda: running.states() == {"database": "up", "backend": "up"})
    since = running.app.snapshot().components["database"].since
    running.write(backend=running.ports["database"])
    assert await running.post("/-/reload") == (200, "configuration reloaded.\n")
    components = running.app.snapshot().components
    assert components["database"].since == since
    assert components["database"].state == "up"
    assert components["backend"].state == "unknown"
    await until(lambda: running.states() == {"database": "up", "backend": "up"})


async def test_a_reload_that_only_changes_edges_keeps_all_states(running: Running) -> None:
    running.servers["database"].close()
    await until(lambda: running.app.snapshot().root_causes)
    before = running.app.snapshot().components["backend"]
    config = running.file.read_text()
    for old, new in (("[database]", "[]"), ("priority: P1", "priority: P2, links: {owner: dba}")):
        assert old in config
        config = config.replace(old, new)
    running.file.write_text(config)
    assert (await running.post("/-/reload"))[0] == 200
    after = running.app.snapshot()
    assert (after.components["backend"].state, after.components["backend"].since) == ("up", before.since)
    assert after.components["backend"].stats is not None
    assert before.stats is not None
    assert after.components["backend"].stats.runs >= before.stats.runs
    (root,) = after.root_causes
    assert (root.component, root.priority, root.state, root.stale) == ("database", "P2", "down", False)


async def test_a_reload_logs_unreadable_secrets(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.write(extra="api: {token: {file: /nowhere/token}}\n")
    assert (await running.post("/-/reload"))[0] == 200
    logged = [vars(record)["fields"] for record in caplog.records if record.message == "cannot read secret"]
    assert [fields["used_by"] for fields in logged] == [["api.token"]]
    assert "/nowhere/token" in logged[0]["error"]


async def test_a_reload_before_the_first_run_does_not_postpone_it(running: Running) -> None:
    config = running.file.read_text()
    running.file.write_text(config.replace("interval: 500ms", "interval: 1h", 1))
    for _ in range(3):
        assert (await running.post("/-/reload"))[0] == 200
    assert not running.app.snapshot().ready
    await until(lambda: running.app.snapshot().ready)


@asynccontextmanager
async def slow_backend(running: Running) -> AsyncIterator[tuple[str, list[int]]]:
    """A configuration whose backend takes 0.3 s to answer, with `%s` in its check, and a count of its connections."""
    arrived: list[int] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(1)
        await asyncio.sleep(0.3)
        writer.write(b"hello\n")
        await reader.read()

    async with serving(greet) as port:
        plain = f'tcp, address: "127.0.0.1:{running.ports["backend"]}"'
        slow = f'tcp, address: "127.0.0.1:{port}", steps: [{{send: "%s"}}, {{expect: hello}}]'
        config = running.file.read_text().replace("interval: 500ms, timeout: 400ms", "interval: 1s, timeout: 1s")
        assert plain in config
        yield config.replace(plain, slow), arrived


async def test_reloads_faster_than_a_run_do_not_cut_it_off(running: Running) -> None:
    async with slow_backend(running) as (config, arrived):
        running.file.write_text(config % "x")
        states = []
        begin, busy = time.monotonic(), held_up()
        while "up" not in states[:-200]:
            assert (await running.post("/-/reload"))[0] == 200
            states.append(running.states()["backend"])
            assert time.monotonic() - begin - (held_up() - busy) < 10
        assert set(states[states.index("up") :]) == {"up"}
        assert len(arrived) <= 2 + time.monotonic() - begin  # as often as without reloads


async def test_a_check_that_each_reload_changes_gets_its_first_run(running: Running) -> None:
    async def storm(config: str) -> None:
        for number in count():
            running.file.write_text(config % number)
            assert (await running.post("/-/reload"))[0] == 200

    async with slow_backend(running) as (config, _):
        running.file.write_text(config % "first")
        assert (await running.post("/-/reload"))[0] == 200
        reloading = asyncio.create_task(storm(config))
        await until(lambda: reloading.done() or running.states()["backend"] == "up")
        assert not reloading.done()
        reloading.cancel()
        await asyncio.wait({reloading})


async def test_a_bad_file_keeps_the_old_configuration(running: Running) -> None:
    await until(lambda: running.app.snapshot().ready)
    running.write(extra="colour: red\n")
    status, text = await running.post("/-/reload")
    assert status == 500
    assert "colour" in text
    assert not running.app.own_status().reload_successful
    assert (await running.status())["state"] == "up"
    _, _, metrics = await running.get("/metrics")
    assert 'staging_exporter_config_last_reload_successful{environment="test"} 0.0' in metrics


BODY = b'{"components": ["database"], "duration": "1s"}'


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (BODY, {"Content-Type": "application/json; charset=nonsense"}, 200, "database"),
        (BODY, {"Content-Type": "application/json; charset=hex"}, 200, "database"),
        (BODY, {"Content-Encoding": "gzip"}, 400, "content-encoding: gzip"),
        (b"[" * 200_000, {}, 400, "nested too deeply"),
        (b"{", {}, 400, "double quotes"),
        (b"\xff\xff", {}, 400, "can't decode"),
        (BODY.replace(b'"1s"', b"1e400"), {}, 400, "inf is not a duration"),
        (BODY.replace(b'"1s"', b"NaN"), {}, 400, "nan is not a duration"),
        (BODY.replace(b"database", rb"\ud800"), {}, 404, "no component"),
    ],
)
async def test_a_malformed_body_is_a_bad_request(
    running: Running, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    async with running.session.post("/api/v1/maintenance", data=body, headers=headers) as response:
        assert (response.status, said in await response.text()) == (status, True)


async def test_a_port_in_use_is_an_os_error(running: Running) -> None:
    port = int(running.url.rpartition(":")[2])
    second = App(running.file, load_config(running.file))
    with pytest.raises(OSError):
        await second.start(HostPort("127.0.0.1", port))


async def test_a_clock_that_was_an_hour_ahead_and_is_corrected_is_followed(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("staging_exporter.app._LOOK", 0.1)
    await until(lambda: running.states() == {"database": "up", "backend": "up"})
    now._offset += 3600.0
    await until(
        lambda: running.app.snapshot().generated_at - time.time() < 5 and "clock was set back" in caplog.text, 20
    )
    await until(lambda: running.states() == {"database": "up", "backend": "up"})
    for status in running.app.snapshot().components.values():
        assert status.since is not None
        assert status.since <= time.time() + 1
    running.servers["database"].close()
    await until(lambda: running.app.snapshot().root_causes, 20)
