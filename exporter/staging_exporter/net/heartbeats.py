"""Heartbeats of protocols on a WebSocket: messages that want an answer at any time, or are one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from staging_exporter.net.url import Url

_LONGEST = 1024  # bytes of a message that may be a heartbeat in JSON


class Heartbeats:
    """Text messages and the answer to each, None for none. JSON may be written in another way."""

    def __init__(self, answers: Mapping[str, str | None]) -> None:
        self._answers = {beat.encode(): answer for beat, answer in answers.items()}
        documents = [(_object(beat), answer) for beat, answer in self._answers.items()]
        self._documents = [(document, answer) for document, answer in documents if document is not None]

    def find(self, message: bytes) -> tuple[str | None] | None:
        """The answer to a heartbeat, in a tuple; None when the message is none."""
        if message in self._answers:
            return (self._answers[message],)
        if self._documents and len(message) <= _LONGEST and (document := _object(message)) is not None:
            return next(((answer,) for beat, answer in self._documents if beat == document), None)
        return None


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def default_heartbeats(url: Url, subprotocol: Collection[str]) -> Mapping[str, str | None]:
    """Those of Engine.IO, which socket.io uses, and of GraphQL.

    In version 4 of Engine.IO the server asks, in version 3 it answers.
    https://socket.io/docs/v4/engine-io-protocol/#heartbeat,
    https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
    """
    if "graphql-transport-ws" in subprotocol:
        return {'{"type":"ping"}': '{"type":"pong"}'}
    beats: dict[int, dict[str, str | None]] = {4: {"2": "3"}, 3: {"3": None}}
    return beats.get(engine_io(url), {})


def engine_io(url: Url) -> int:
    """The version of Engine.IO that the URL asks for, 0 for none."""
    query = url.target.partition("?")[2].split("&")
    return next((n for n in (3, 4) if f"EIO={n}" in query and "transport=websocket" in query), 0)
