"""Hostile peers at a step of a flow and when it cleans up: it ends in time, names the step, and holds no connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psutil
import pytest
from staging_exporter.core.model import Reason

from tests.probes.test_http_hostile import HTTP, HTTP_OPTIONS, WEBSOCKET
from tests.probes.test_postgres import PEERS as POSTGRES
from tests.probes.test_redis import PEERS as REDIS
from tests.support.peers import serving as serving_port
from tests.support.probing import probe
from tests.support.waiting import until
from tests.support.web import Web, response, serving

TIMEOUT = 0.8
Options = AbstractAsyncContextManager[dict[str, Any]]


@asynccontextmanager
async def http(name: str) -> AsyncIterator[dict[str, Any]]:
    async with serving(HTTP[name][0]) as address:
        yield {"http": {"url": f"http://{address}/{{{{token}}}}", **HTTP_OPTIONS.get(name, {})}}


@asynccontextmanager
async def websocket(name: str) -> AsyncIterator[dict[str, Any]]:
    handler, steps, _ = WEBSOCKET[name]
    async with serving(handler) as address:
        yield {"websocket": {"url": f"ws://{address}/{{{{token}}}}", "steps": steps}}


@asynccontextmanager
async def redis(name: str) -> AsyncIterator[dict[str, Any]]:
    async with serving_port(REDIS[name][0]) as port:
        yield {"redis": {"address": f"127.0.0.1:{port}", "role": "master"}}


@asynccontextmanager
async def postgres(name: str) -> AsyncIterator[dict[str, Any]]:
    async with serving_port(POSTGRES[name][0]) as port:
        yield {"postgres": {"host": "127.0.0.1", "port": port, "database": "d", "user": "u"}}


CASES: dict[str, tuple[Callable[[str], Options], str, Reason]] = {
    **{f"http: {name}": (http, name, row[1]) for name, row in HTTP.items()},
    **{f"websocket: {name}": (websocket, name, row[2]) for name, row in WEBSOCKET.items()},
    **{f"redis: {name}": (redis, name, row[1]) for name, row in REDIS.items()},
    **{f"postgres: {name}": (postgres, name, row[1]) for name, row in POSTGRES.items()},
}


@pytest.mark.parametrize("case", CASES)
async def test_a_hostile_peer_ends_the_flow_in_time(case: str) -> None:
    served, name, reason = CASES[case]
    descriptors = psutil.Process().num_fds()
    async with serving(Web({"*": response(200, b'{"token": "the-token-of-a-user"}')})) as address, served(name) as step:
        login = {"url": f"http://{address}/login"}
        steps = [
            {"name": "login", "http": login, "capture": {"token": {"json": "token"}}},
            {"name": "hostile", **step},
            {"name": "after", "http": login},
            {"name": "tidy-up", "always": True, **step},
        ]
        seen = await probe({"kind": "flow", "steps": steps}, timeout=TIMEOUT)
    assert seen.duration < TIMEOUT + 1
    assert seen.reason == reason, seen.detail
    if reason != Reason.OK:
        assert seen.detail.startswith("step hostile: ")
        assert list(seen.phases) == ["login", "hostile", "tidy-up"]
    assert "the-token-of-a-user" not in repr(seen)
    await until(lambda: psutil.Process().num_fds() <= descriptors)
