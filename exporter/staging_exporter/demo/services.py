"""The HTTP services except the backend: auth, frontend, ClickHouse and the LLM provider."""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import aiohttp
from aiohttp import web

from staging_exporter.demo.accounts import COOKIE, Accounts
from staging_exporter.demo.configuration import waits_scale
from staging_exporter.demo.network import LOOPBACK, HttpServer, bind
from staging_exporter.demo.switches import Switch
from staging_exporter.demo.witnesses import Database

COMMON_MODES = {
    "ok": "reports the real health",
    "status": "answers `status` (default 503), after `seconds` (default 0)",
    "cold": "does not respond for `seconds` (default 26), then as `ok`",
    "starting": "answers 503 `Startup in progress` for `seconds` (default 48), then as `ok`",
    "crash-loop": "answers 503, and 500 for 2 of every 7 seconds",
    "constant": 'always answers /health with {"status": "ok"}',
}
_CRASH_PERIOD, _CRASH_OPEN = 7.0, 2.0  # seconds


class Service(HttpServer):
    """An aiohttp server on a port of its own, with a switch of its name; subclasses add routes."""

    name = ""
    modes: ClassVar[Mapping[str, str]] = COMMON_MODES

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(bind(0))
        self.scale = scale
        self.waits = waits_scale(scale)
        self.switch = Switch(self.name, self.modes, scale)
        self._requests = itertools.count()

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The routes of this service."""

    def application(self) -> web.Application:
        """These routes behind the switch."""
        app = web.Application(middlewares=[self._misbehave], client_max_size=64 * 1024)
        app.add_routes(self.routes())
        return app

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Any) -> web.StreamResponse:
        switch = self.switch
        match switch.mode:
            case "status":
                await asyncio.sleep(switch.seconds(0.0))
                return unhealthy("out of order", switch.setting.status or 503)
            case "cold":
                await asyncio.sleep(max(0.0, switch.seconds(26.0) - switch.elapsed))
            case "starting" if switch.elapsed < switch.seconds(48.0):
                return unhealthy("Startup in progress", in_progress=True)
            case "crash-loop":
                opened = switch.elapsed % (_CRASH_PERIOD * self.scale) < _CRASH_OPEN * self.scale
                return web.Response(status=500 if opened and next(self._requests) % 2 else 503, text="no instance\n")
            case "constant" if request.path == "/health":
                return web.json_response({"status": "ok"})
        response: web.StreamResponse = await handler(request)
        return response


def unhealthy(message: str, status: int = 503, *, in_progress: bool = False) -> web.Response:
    """The response of an unhealthy service."""
    body = {
        "status": "unhealthy",
        "message": message,
        "startup_in_progress": in_progress,
        "startup_failed": not in_progress,
    }
    return web.json_response(body, status=status)


class ClickHouse(Service):
    """Answers to /ping as ClickHouse does."""

    name = "clickhouse"

    def routes(self) -> list[web.RouteDef]:
        """`/ping`."""
        return [web.get("/ping", self._ping)]

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")


class Llm(Service):
    """Completes every prompt with the same words."""

    name = "llm"

    def routes(self) -> list[web.RouteDef]:
        """`/health`, and `POST /v1/complete`."""
        return [web.get("/health", self._health), web.post("/v1/complete", self._complete)]

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _complete(self, _request: web.Request) -> web.Response:
        return web.json_response({"answer": "Spend less on the largest bill first."})


class Auth(Service):
    """Logs people in; its health endpoint checks the database, unless it is an old revision."""

    name = "auth"
    modes: ClassVar[Mapping[str, str]] = {
        **COMMON_MODES,
        "blind": "an old revision: reports `connected` without checking",
    }

    def __init__(self, database: Database, accounts: Accounts, scale: float = 1.0) -> None:
        super().__init__(scale)
        self._database, self._accounts = database, accounts
        self._started = time.monotonic()

    def routes(self) -> list[web.RouteDef]:
        """`/health`, `POST /login` and `/session`."""
        return [
            web.get("/health", self._health),
            web.post("/login", self._log_in),
            web.get("/session", self._session),
        ]

    async def _log_in(self, request: web.Request) -> web.Response:
        try:
            sent = await request.json()
        except ValueError:
            sent = None
        given = sent if isinstance(sent, dict) else {}
        if self.switch.mode != "blind" and not await self._database.answers(0.7 * self.waits):
            return web.json_response({"error": "Database connectivity failed"}, status=503)
        made = self._accounts.log_in(given.get("user"), given.get("password"))
        if made is None:
            return web.json_response({"error": "wrong user or password"}, status=401)
        response = web.json_response({"access_token": made[0], "token_type": "Bearer"})
        if made[1] is not None:
            response.set_cookie(COOKIE, made[1], httponly=True, secure=True)
        return response

    async def _session(self, request: web.Request) -> web.Response:
        user = self._accounts.of_session(request.cookies.get(COOKIE))
        return web.json_response({"user": user} if user else {"error": "not logged in"}, status=200 if user else 401)

    async def _health(self, _request: web.Request) -> web.Response:
        if self.switch.mode != "blind" and not await self._database.answers(0.7 * self.waits):
            reason = "Database connectivity failed"
            return web.json_response({"status": "unhealthy", "service": "auth-service", "reason": reason}, status=503)
        body = {
            "status": "healthy",
            "service": "auth-service",
            "database_status": "connected",
            "uptime_seconds": round(time.monotonic() - self._started, 3),
        }
        return web.json_response(body)


class Frontend(Service):
    """Serves the page on every path, as single-page apps do, and reports the health of backend and auth."""

    name = "frontend"

    def __init__(self, backend: int, auth: int, scale: float = 1.0) -> None:
        super().__init__(scale)
        # Shorter than the timeout of the checks, so that it can report what it waited for.
        self._dependencies = {"backend": (backend, 1.1 * self.waits), "auth": (auth, 0.9 * self.waits)}

    def routes(self) -> list[web.RouteDef]:
        """`/health`, and the page everywhere else."""
        return [web.get("/health", self._health), web.get("/{path:.*}", self._page)]

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Netra</title><h1>Netra</h1>", content_type="text/html")

    async def _health(self, _request: web.Request) -> web.Response:
        words = await asyncio.gather(*(_ask(port, seconds) for port, seconds in self._dependencies.values()))
        healthy = [word == "healthy" for word in words]
        body = {
            "status": "healthy" if all(healthy) else "degraded" if any(healthy) else "unhealthy",
            "service": "frontend",
            "dependencies": dict(zip(self._dependencies, words, strict=True)),
        }
        return web.json_response(body, status=200 if any(healthy) else 503)


async def _ask(port: int, seconds: float) -> str:
    """`healthy` for a 200 from /health, else the error."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.get(f"http://{LOOPBACK}:{port}/health") as response,
        ):
            return "healthy" if response.status == 200 else f"status {response.status}"
    except TimeoutError:
        return "timeout"
    except (OSError, aiohttp.ClientError):
        return "unreachable"
