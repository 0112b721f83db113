"""`/probe` and `/api/v1/components/NAME` of a running exporter, whose targets are real servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.net.address import HostPort

from tests.support.waiting import until
from tests.support.web import Web, response, serving

CONFIG = """
environment: test
{limits}
defaults: {{interval: {interval}, timeout: {timeout}, retry_interval: 100ms}}
components:
  network: {{layer: infrastructure, priority: P0}}
  backend:
    layer: application
    priority: P0
    depends_on: [network]
    check:
      kind: http
      url: http://{target}/health
      headers: {{X-Api-Key: {{env: PROBE_ROUTE_KEY}}}}
"""


class Running:
    """An exporter, and a session to it."""

    def __init__(self, app: App, url: str, session: aiohttp.ClientSession) -> None:
        self.app, self.url, self.session = app, url, session

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(self.url + path, headers=named) as answer:
            return answer.status, await answer.text()

    async def metrics(self, path: str, **headers: str) -> dict[str, float]:
        status, text = await self.get(path, **headers)
        assert status == 200, text
        return {_key(s.name, s.labels): s.value for family in parse_text(text) for s in family.samples}


def _key(name: str, labels: dict[str, str]) -> str:
    return name + "".join(f" {value}" for value in labels.values())


@asynccontextmanager
async def running(
    directory: Path, target: str, limits: str = "", interval: str = "1h", timeout: str = "3s"
) -> AsyncIterator[Running]:
    """An exporter that has probed `target` once, and does again after `interval`."""
    file = directory / "config.yml"
    file.write_text(CONFIG.format(target=target, limits=limits, interval=interval, timeout=timeout))
    app = App(file, load_config(file))
    url = await app.start(HostPort("127.0.0.1", 0))
    try:
        async with aiohttp.ClientSession() as session:
            await until(lambda: app.snapshot().ready)
            yield Running(app, url, session)
    finally:
        await app.stop()


@pytest.fixture(autouse=True)
def _key_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_ROUTE_KEY", "s3cret-key")


@asynccontextmanager
async def slow_to_answer(seen: list[int], gate: asyncio.Event) -> AsyncIterator[str]:
    """A server that answers when the gate is open, and counts who came."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        await reader.readuntil(b"\r\n\r\n")
        await gate.wait()
        writer.write(response(200, b"ok"))
        await writer.drain()
        await reader.read()

    async with serving(handle) as target:
        yield target


async def test_a_check_runs_now_and_its_metrics_have_the_names_of_blackbox_exporter(tmp_path: Path) -> None:
    web = Web({"*": response(200, b"fine")})
    async with serving(web) as target, running(tmp_path, target) as exporter:
        before = len(web.seen)
        seen = await exporter.metrics("/probe?component=backend")
        assert len(web.seen) == before + 1
    assert seen["probe_success"] == 1
    assert seen["probe_http_status_code"] == 200
    assert seen["probe_timeout_seconds"] == 3
    assert seen["probe_reason_info ok"] == 1
    assert {f"probe_http_duration_seconds {p}" for p in ("resolve", "connect", "tls", "processing", "transfer")} <= {
        *seen
    }


async def test_the_result_does_not_reach_the_board(tmp_path: Path) -> None:
    web = Web({"*": response(200)})
    async with serving(web) as target, running(tmp_path, target) as exporter:
        web.routes["*"] = response(500)
        for _ in range(3):
            assert (await exporter.metrics("/probe?component=backend"))["probe_success"] == 0
        status = exporter.app.snapshot().components["backend"]
        assert status.state == "up"
        assert status.stats is not None
        assert status.stats.runs == 1


async def test_the_accept_header_selects_openmetrics(tmp_path: Path) -> None:
    async with serving(Web({"*": response()})) as target, running(tmp_path, target) as exporter:
        _, text = await exporter.get("/probe?component=backend", Accept="application/openmetrics-text")
    assert "probe_success" in {family.name for family in parse_openmetrics(text)}


async def test_debug_adds_the_log_of_the_run_without_secrets(tmp_path: Path) -> None:
    echo = Web({"*": lambda request: response(500, f"bad key {request.headers['x-api-key']}".encode())})
    async with serving(echo) as target, running(tmp_path, target) as exporter:
        status, text = await exporter.get("/probe?component=backend&debug=true")
    assert status == 200
    assert "status 500, expected 2xx; body: bad key ***" in text
    assert "s3cret-key" not in text
    assert "connect took" in text
    assert "probe_success 0.0" in text


async def test_concurrent_requests_share_one_run(tmp_path: Path) -> None:
    came: list[int] = []
    gate = asyncio.Event()
    gate.set()
    async with slow_to_answer(came, gate) as target, running(tmp_path, target) as exporter:
        gate.clear()
        before = len(came)
        asked = [asyncio.create_task(exporter.get("/probe?component=backend")) for _ in range(5)]
        await until(lambda: len(came) > before)
        asked[0].cancel()  # who asked first may leave
        late = asyncio.create_task(exporter.get("/probe?component=backend"))
        # answered in order: the late question has arrived when this one, on the same loop, is answered
        assert (await exporter.get("/-/healthy"))[0] == 200
        gate.set()
        answers = {await task for task in [*asked[1:], late]}
        assert {status for status, _ in answers} == {200}
        assert len(came) == before + 1


async def test_the_timeout_of_the_scrape_ends_the_run_half_a_second_earlier(tmp_path: Path) -> None:
    gate = asyncio.Event()
    gate.set()
    async with slow_to_answer([], gate) as target, running(tmp_path, target) as exporter:
        gate.clear()
        path = "/probe?component=backend"
        seen = await exporter.metrics(path, X_Prometheus_Scrape_Timeout_Seconds="0.7")
        assert seen["probe_success"] == 0
        assert seen["probe_timeout_seconds"] == pytest.approx(0.35)
        assert seen["probe_reason_info timeout"] == 1
        assert seen["probe_duration_seconds"] < 1
        seen = await exporter.metrics(path, X_Prometheus_Scrape_Timeout_Seconds="1.2")
        assert seen["probe_timeout_seconds"] == pytest.approx(0.7)
        gate.set()
        seen = await exporter.metrics(path, X_Prometheus_Scrape_Timeout_Seconds="60")
        assert seen["probe_timeout_seconds"] == 3


@pytest.mark.parametrize(
    ("path", "header", "status", "message"),
    [
        ("/probe", "10", 400, "missing parameter: use /probe?component=NAME\n"),
        ("/probe?component=", "10", 400, "missing parameter: use /probe?component=NAME\n"),
        ("/probe?component=nobody", "10", 404, "there is no component 'nobody'.\n"),
        ("/probe?component=vantage%5B0%5D", "10", 404, "there is no component 'vantage[0]'.\n"),
        ("/probe?component=network", "10", 400, "network has no check: it is inferred from its dependents.\n"),
        ("/probe?component=backend", "soon", 400, "'soon' is not a number of seconds"),
        ("/probe?component=backend", "-1", 400, "'-1' is not a number of seconds"),
        ("/probe?component=backend", "inf", 400, "'inf' is not a number of seconds"),
        ("/api/v1/components/nobody", "10", 404, "there is no component 'nobody'.\n"),
    ],
)
async def test_an_invalid_request_is_refused(tmp_path: Path, path: str, header: str, status: int, message: str) -> None:
    async with serving(Web({})) as target, running(tmp_path, target) as exporter:
        got, text = await exporter.get(path, X_Prometheus_Scrape_Timeout_Seconds=header)
    assert got == status
    assert message in text


async def test_the_rate_limit_of_the_host_holds(tmp_path: Path) -> None:
    web = Web({"*": response()})
    limits = "limits: {requests_per_minute: 3}"
    async with serving(web) as target, running(tmp_path, target, limits) as exporter:
        answers = [await exporter.get("/probe?component=backend") for _ in range(5)]
    assert len(web.seen) <= 3
    status, text = answers[-1]
    assert status == 429
    assert "the rate limit of its host allows the next request in" in text


async def test_a_host_that_answered_429_is_not_probed(tmp_path: Path) -> None:
    web = Web({"*": response()})
    async with serving(web) as target, running(tmp_path, target) as exporter:
        web.routes["*"] = response(429, headers={"Retry-After": "120"})
        assert (await exporter.metrics("/probe?component=backend"))["probe_reason_info rate_limited"] == 1
        asked = len(web.seen)
        assert (await exporter.get("/probe?component=backend"))[0] == 429
        assert len(web.seen) == asked


async def test_a_reload_keeps_the_rate_limit_and_the_retry_after_of_a_host(tmp_path: Path) -> None:
    web = Web({"*": response()})
    limits = "limits: {requests_per_minute: 3}"
    async with serving(web) as target, running(tmp_path, target, limits) as exporter:
        while (await exporter.get("/probe?component=backend"))[0] != 429:
            assert len(web.seen) <= 3
        assert await exporter.app.reload() is None
        assert (
            "the rate limit of its host allows the next request in"
            in (await exporter.get("/probe?component=backend"))[1]
        )
    async with serving(web) as target, running(tmp_path, target) as exporter:
        web.routes["*"] = response(429, headers={"Retry-After": "120"})
        await exporter.get("/probe?component=backend")
        assert await exporter.app.reload() is None
        asked = len(web.seen)
        assert (await exporter.get("/probe?component=backend"))[0] == 429
        assert len(web.seen) == asked


async def test_the_last_runs_and_failures_of_a_component_survive_a_reload(tmp_path: Path) -> None:
    web = Web({"*": response()})

    async def document(exporter: Running, name: str) -> dict[str, Any]:
        async with exporter.session.get(f"{exporter.url}/api/v1/components/{name}") as answer:
            return dict(await answer.json())

    async with serving(web) as target, running(tmp_path, target, interval="500ms", timeout="500ms") as exporter:
        web.routes["*"] = response(500, b"no")
        await until(lambda: exporter.app.snapshot().components["backend"].state == "down")
        about = await document(exporter, "backend")
        assert about["state"] == "down"
        assert about["explanation"]
        assert about["runs"][0]["reason"] == "ok"
        failure = about["failures"][-1]
        assert (failure["outcome"], failure["reason"]) == ("fail", "server_error")
        assert failure["detail"] == "status 500, expected 2xx; body: no"
        assert "connect" in failure["phases"]
        latent = await document(exporter, "network")
        assert (latent["runs"], latent["failures"]) == ([], [])
        assert await exporter.app.reload() is None
        assert (await document(exporter, "backend"))["failures"][: len(about["failures"])] == about["failures"]


async def test_prometheus_finds_the_components_with_a_check_and_the_operator_asks_by_target(tmp_path: Path) -> None:
    async with serving(Web({"*": response(200, b"{}")})) as target, running(tmp_path, target) as exporter:
        async with exporter.session.get(f"{exporter.url}/api/v1/targets") as answer:
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            [found] = await answer.json()
        assert found == {
            "targets": ["backend"],
            "labels": {
                "__meta_staging_environment": "test",
                "__meta_staging_kind": "http",
                "__meta_staging_layer": "application",
                "__meta_staging_priority": "P0",
            },
        }
        assert (await exporter.metrics("/probe?target=backend"))["probe_success"] == 1
