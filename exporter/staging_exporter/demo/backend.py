"""The backend: several health endpoints with different meanings, and the WebSocket on which agents run."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from staging_exporter.demo.accounts import Accounts
from staging_exporter.demo.chat import EVENTS, Chat
from staging_exporter.demo.network import LOOPBACK
from staging_exporter.demo.services import Service, unhealthy
from staging_exporter.demo.switches import Switch
from staging_exporter.demo.witnesses import Database, redis_answers

_WEBSOCKET_MODES = {
    "ok": "sends a welcome message and runs agents",
    "status": "refuses the handshake with `status` (default 503)",
    "close": "accepts, then closes with `code` (default 1011) before the welcome message",
    "silent": "accepts, then sends nothing",
    "no-agent": "sends a welcome message, then only system messages and pings: no agent ever starts",
}


class Backend(Service):
    """The service that most others depend on."""

    name = "backend"

    def __init__(
        self,
        database: Database,
        redis: int,
        redis_password: str,
        llm: int,
        token: str,
        accounts: Accounts,
        scale: float = 1.0,
    ) -> None:
        super().__init__(scale)
        self.chat = Chat(accounts, self._complete, scale)
        self._database = database
        self._redis = redis
        self._redis_password = redis_password
        self._llm = llm
        self._token = token
        self.websocket = Switch("websocket", _WEBSOCKET_MODES, scale)
        self.ready = Switch(
            "backend-ready",
            {"ok": "waits half a second for Redis", "patient": "waits for Redis without a timeout"},
            scale,
        )
        self.ws_health = Switch(
            "ws-health", {"ok": "reports the real health", "unhealthy": "reports unhealthy with status 200"}, scale
        )

    @property
    def switches(self) -> list[Switch]:
        """The switches beside the one that every service has."""
        return [self.websocket, self.ready, self.ws_health, self.chat.switch]

    def routes(self) -> list[web.RouteDef]:
        """The health endpoints, and the WebSockets of the prober and of users, with the chats of these."""
        return [
            web.get("/health", self._health),
            web.get("/health/ready", self._health_ready),
            web.get("/health/backend", self._health_backend),
            web.get("/ws/health", self._health_websocket),
            web.get("/ws", self._ws),
            web.get("/chat", self._chat),
            web.get("/chats/{id}", self.chat.record),
        ]

    async def _database_answers(self) -> bool:
        return await self._database.answers(0.8 * self.waits)

    async def _redis_answers(self, seconds: float | None) -> bool:
        return await redis_answers(self._redis, self._redis_password, seconds)

    async def _health(self, _request: web.Request) -> web.Response:
        if not await self._database_answers():
            return unhealthy("Startup failed: the database does not answer")
        return web.json_response({"status": "healthy", "service": "netra-ai-platform", "version": "1.0.0"})

    async def _health_ready(self, _request: web.Request) -> web.Response:
        seconds = None if self.ready.mode == "patient" else 0.5 * self.waits
        database, redis = await asyncio.gather(self._database_answers(), self._redis_answers(seconds))
        body = {
            "status": "ready" if database else "not_ready",
            "core_db": "connected" if database else "failed",
            "redis_db": "connected" if redis else "vpc_connectivity_degraded",
        }
        return web.json_response(body, status=200 if database else 503)

    async def _health_backend(self, _request: web.Request) -> web.Response:
        seconds = 0.5 * self.waits
        working = all(await asyncio.gather(self._database.answers(seconds), self._redis_answers(seconds)))
        return web.json_response({"status": "healthy" if working else "degraded", "service": "netra-ai-platform"})

    async def _health_websocket(self, _request: web.Request) -> web.Response:
        healthy = self.ws_health.mode == "ok" and await self._database_answers()
        return web.json_response({"status": "healthy" if healthy else "unhealthy", "service": "websocket"})

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        expected = f"Bearer {self._token}".encode()
        known = hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected)
        return await self._serve_socket(request, "the prober" if known else None, self._run_agents)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        user = self.chat.user(request)

        async def converse(socket: web.WebSocketResponse) -> None:
            await self.chat.converse(socket, user or "", lambda: self.websocket.mode != "no-agent")

        return await self._serve_socket(request, user, converse)

    async def _serve_socket(
        self, request: web.Request, user: str | None, converse: Callable[[web.WebSocketResponse], Awaitable[None]]
    ) -> web.StreamResponse:
        """Refuse the handshake, or welcome the user and converse, by the switch."""
        switch = self.websocket
        if switch.mode == "status":
            return web.Response(status=switch.setting.status or 503, text="no WebSocket here\n")
        if user is None:
            return web.Response(status=403, text="a token is needed\n")
        if not await self._database_answers():
            return unhealthy("Startup failed: the database does not answer")
        socket = web.WebSocketResponse(max_msg_size=64 * 1024)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):  # the client may disconnect at any time
            if switch.mode == "close":
                await socket.close(code=switch.setting.code or 1011)
            elif switch.mode == "silent":
                await socket.receive()
            else:
                await socket.send_json({"type": "connection_established", "service": "netra-ai-platform"})
                await converse(socket)
        return socket

    async def _run_agents(self, socket: web.WebSocketResponse) -> None:
        switch = self.websocket
        while not socket.closed:
            try:
                message = await socket.receive(timeout=max(0.1, 0.5 * self.scale))
            except TimeoutError:
                if switch.mode == "no-agent":
                    await socket.ping()
                    await socket.send_json({"type": "system_message", "text": "please wait"})
                continue
            if message.type == aiohttp.WSMsgType.TEXT and switch.mode != "no-agent" and _asks_for_agent(message):
                await self._run_agent(socket)

    async def _run_agent(self, socket: web.WebSocketResponse) -> None:
        for event in EVENTS[:-1]:
            await socket.send_json({"type": event, "agent": "cost-advisor"})
        answer = await self._complete()
        await socket.send_json(
            {
                "type": EVENTS[-1],
                "agent": "cost-advisor",
                "answer": answer or "a canned answer",
                "fallback": not answer,
            }
        )

    async def _complete(self) -> str:
        """The answer of the LLM; empty without one, then the agent uses a canned one."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5 * self.waits)) as session,
                session.post(f"http://{LOOPBACK}:{self._llm}/v1/complete", json={"prompt": "save money"}) as response,
            ):
                return str((await response.json())["answer"]) if response.status == 200 else ""
        except (OSError, TimeoutError, aiohttp.ClientError):
            return ""


def _asks_for_agent(message: Any) -> bool:
    try:
        content = message.json()
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("type") == "start_agent"
