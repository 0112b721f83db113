"""One run of a flow gives results for several components: the graph decides which of them is the root cause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import Config, load_config
from staging_exporter.core.blackbox import ProbeResult
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.engine.build import build_engine
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.engine.run_once import run_until
from staging_exporter.views.document import document
from staging_exporter.views.exposition import TEXT
from staging_exporter.views.metrics import ExporterStatus, Metrics

from tests.support.web import Answer, Seen, Web, response, serving

OK = response(200, b'{"token": "the-token-of-a-user"}')


def configuration(host: str) -> dict[str, Any]:
    def http(path: str, **more: Any) -> dict[str, Any]:
        return {"url": f"http://{host}/{path}", **more}

    steps: list[dict[str, Any]] = [
        {"name": "page", "http": http("page")},
        {"name": "login", "http": http("login"), "capture": {"t": {"json": "$.token"}}, "component": "auth-login"},
        {"name": "chat", "http": http("chat?t={{t}}"), "component": "chat"},
        {"name": "logout", "http": http("logout?t={{t}}"), "always": True},
    ]
    service = {"layer": "service", "priority": "P1"}
    return {
        "environment": "test",
        "defaults": {"interval": "2s", "timeout": "1s", "retry_interval": "100ms"},
        "components": {
            "auth": {**service, "check": {"kind": "http", **http("health")}},
            "auth-login": {**service, "depends_on": ["auth"]},
            "chat": {**service, "depends_on": ["auth-login"]},
            "user": {"layer": "application", "priority": "P0", "check": {"kind": "flow", "steps": steps}},
        },
        "journeys": {"path": {"priority": "P0", "steps": {"page": "user.page", "login": "auth-login", "chat": "chat"}}},
    }


@asynccontextmanager
async def served(tmp_path: Path, *places: str, **broken: Answer) -> AsyncIterator[Config]:
    """`places` are steps of a second journey."""

    def answer(request: Seen) -> bytes:
        path = request.target.strip("/").partition("?")[0]
        found = broken.get(path, OK)
        return found if isinstance(found, bytes) else found(request)

    async with serving(Web({"*": answer})) as host:
        file = tmp_path / "config.yml"
        tree = configuration(host)
        if places:
            tree["journeys"]["second"] = {"priority": "P0", "steps": {f"s{n}": each for n, each in enumerate(places)}}
        file.write_text(yaml.safe_dump(tree))
        yield load_config(file)


async def verdict(tmp_path: Path, *places: str, **broken: Answer) -> Snapshot:
    async with served(tmp_path, *places, **broken) as config:
        return await run_until(config, seconds=20)


def states(snapshot: Snapshot) -> dict[str, str]:
    return {name: str(status.state) for name, status in snapshot.components.items()}


async def test_a_run_that_passes_is_a_pass_of_all_its_steps(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path)
    assert set(states(snapshot).values()) == {"up"}
    assert [step.state for step in snapshot.journeys["path"].steps] == ["up", "up", "up"]


async def test_the_component_of_the_step_that_fails_is_the_root_cause(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, login=response(500, b"no user table"))
    (root,) = snapshot.root_causes
    assert (root.component, root.detail[:22], root.affected) == ("auth-login", "step login: status 500", ("user",))
    assert states(snapshot) == {
        "auth": "up",
        "auth-login": "down",
        "chat": "unknown",
        "user": "down",
        "user.page": "up",
    }
    assert snapshot.components["chat"].detail == "not reached: step login failed"


async def test_the_journey_stops_at_the_step_that_fails(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, page=response(502))
    journey = snapshot.journeys["path"]
    assert (journey.state, journey.blocked_at, journey.root_causes) == ("blocked", "page", ("user.page",))


async def test_a_clean_up_that_fails_after_another_step_is_no_root_cause(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, "user.logout", chat=response(500), logout=response(404, b"no such user"))
    assert [root.component for root in snapshot.root_causes] == ["chat"]
    logout = snapshot.components["user.logout"]
    assert (str(logout.state), logout.reason) == ("unknown", "no_evidence")
    assert logout.detail.startswith("after step chat failed: step logout: status 404, expected 2xx")


async def test_a_clean_up_that_fails_alone_is_the_root_cause(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, "user.logout", logout=response(404))
    assert [root.component for root in snapshot.root_causes] == ["user.logout"]


async def test_a_clean_up_that_passes_after_another_step_failed_is_up(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, "user.logout", chat=response(500))
    assert states(snapshot)["user.logout"] == "up"


async def test_the_graph_explains_a_step_by_a_component_below_it(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, login=response(500), health=response(500))
    assert [root.component for root in snapshot.root_causes] == ["auth"]
    assert snapshot.components["auth-login"].root_causes == ("auth",)


async def test_metrics_have_the_durations_of_the_steps(tmp_path: Path) -> None:
    status = ExporterStatus(reload_successful=True, loaded_at=0.0)
    lines = "".join(Metrics().pieces(await verdict(tmp_path), status, TEXT)).splitlines()
    steps = [line for line in lines if line.startswith("staging_probe_step_duration_seconds")]
    assert [line.split('step="')[1].split('"')[0] for line in steps] == ["page", "login", "chat", "logout"]


@pytest.mark.parametrize(("name", "passes"), [("user", False), ("user.page", True), ("auth-login", False)])
async def test_a_component_of_a_step_can_be_probed_on_demand(name: str, passes: bool, tmp_path: Path) -> None:
    async with served(tmp_path, login=response(500)) as config:
        result: ProbeResult = await build_engine(config, LoopLagMonitor()).on_demand.probe(name)
    assert (result.seen.component, result.seen.outcome == "pass") == (name, passes)


async def test_a_step_that_was_refused_is_not_reached_when_the_login_then_fails(tmp_path: Path) -> None:
    answers = {"login": [OK, response(500)], "chat": [OK, response(401)]}

    def answer(request: Seen) -> bytes:
        left = answers.get(request.target.strip("/").partition("?")[0])
        return left.pop(0) if left else OK

    async with serving(Web({"*": answer})) as host:
        tree, file = configuration(host), tmp_path / "config.yml"
        tree["components"]["user"]["check"]["steps"][1]["reuse"] = "10m"
        file.write_text(yaml.safe_dump(tree))
        engine = build_engine(load_config(file), LoopLagMonitor())
        await engine.on_demand.probe("user")
        seen = (await engine.on_demand.probe("user")).seen
    found = {each.component: (each.outcome, each.detail.partition(",")[0]) for each in seen.also}
    assert found["auth-login"] == ("fail", "step login: status 500")
    assert found["chat"] == ("unknown", "not reached: step login failed")


async def test_the_document_has_no_captured_value(tmp_path: Path) -> None:
    snapshot = await verdict(tmp_path, chat=response(500, b"bad token the-token-of-a-user"))
    assert "step chat" in str(document(snapshot))
    assert "the-token-of-a-user" not in str(document(snapshot))
