"""The chat of the demo: a WebSocket on which an agent answers, and the answers that it stores."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from staging_exporter.demo.accounts import Accounts
from staging_exporter.demo.switches import Switch

EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
CHAT = "conv_"  # what the id of a chat begins with, so that it can be searched for
_KEPT = 1000  # chats
_MODES = {
    "ok": "answers the user who asked, and stores the answer",
    "not-saved": "does not store the answer",
    "wrong-user": "sends the answer to everybody who is connected",
    "out-of-order": "completes the tool before it executes it",
    "doubled": "sends an event twice",
    "fallback": "answers with a canned text",
    "stops": "sends two events and no more",
}


class Chat:
    """The conversations of users, and `/chats/ID`; the switch is `chat`."""

    def __init__(self, accounts: Accounts, complete: Callable[[], Awaitable[str]], scale: float = 1.0) -> None:
        """`complete` gives the answer of the LLM, empty without one."""
        self.switch = Switch("chat", _MODES, scale)
        self._accounts, self._complete = accounts, complete
        self._open: dict[web.WebSocketResponse, str] = {}
        self._stored: dict[str, dict[str, Any]] = {}

    def user(self, request: web.Request) -> str | None:
        """The user whose token the request carries; None without a valid one."""
        return self._accounts.of_token(request.headers.get("Authorization", ""))

    async def record(self, request: web.Request) -> web.Response:
        """A stored chat, for the user who had it."""
        user, chat = self.user(request), self._stored.get(request.match_info["id"])
        if user is None:
            return web.json_response({"error": "a token is needed"}, status=401)
        if chat is None or chat["user"] != user:
            return web.json_response({"error": "no such chat"}, status=404)
        return web.json_response(chat)

    async def converse(self, socket: web.WebSocketResponse, user: str, starts: Callable[[], bool]) -> None:
        """Answer each question, while the agent `starts`."""
        self._open[socket] = user
        try:
            async for message in socket:
                text = _question(message) if message.type == aiohttp.WSMsgType.TEXT else None
                if text is not None and starts():
                    await self._answer(socket, user, text)
        finally:
            del self._open[socket]

    async def _answer(self, socket: web.WebSocketResponse, user: str, text: str) -> None:
        mode, chat = self.switch.mode, CHAT + secrets.token_hex(8)
        answer = "" if mode == "fallback" else await self._complete()
        events: list[dict[str, Any]] = [
            {"type": name, "chat": chat, "id": f"{chat}-{number}"} for number, name in enumerate(EVENTS)
        ]
        events[-1] |= {"question": text, "answer": answer or "Please try again later.", "fallback": not answer}
        if mode == "out-of-order":
            events[2], events[3] = events[3], events[2]
        if mode == "doubled":
            events.insert(3, events[2])
        if mode != "not-saved":
            self._stored = dict([*self._stored.items()][-_KEPT:])
            self._stored[chat] = {"user": user, "messages": [text, events[-1]["answer"]]}
        for event in events[:2] if mode == "stops" else events:
            await socket.send_json(event)
        if mode == "wrong-user":
            for other in [each for each in self._open if each is not socket]:
                await other.send_json(events[-1])


def _question(message: Any) -> str | None:
    try:
        content = message.json()
    except ValueError:
        return None
    text = content.get("text") if isinstance(content, dict) and content.get("type") == "ask" else None
    return text if isinstance(text, str) else None
