"""Heartbeats of protocols on a WebSocket: messages that want an answer at any time, or are one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple

from staging_exporter.net.url import Url

PresetName = Literal["socket.io", "phoenix", "signalr", "graphql-ws", "stomp"]
_LONGEST = 1024  # bytes of a message that may be a heartbeat in JSON


class Heartbeats:
    """Text messages and the answer to each, None for none. JSON may be written in another way.

    With `partial` a JSON message may have more keys than the heartbeat, or more elements after its own.
    """

    def __init__(self, answers: Mapping[str, str | None], *, partial: bool = False) -> None:
        self._answers = {beat.encode(): answer for beat, answer in answers.items()}
        documents = [(_document(beat), answer) for beat, answer in self._answers.items()]
        self._documents = [(document, answer) for document, answer in documents if document is not None]
        self._is = _begins if partial else _equals

    def find(self, message: bytes) -> tuple[str | None] | None:
        """The answer to a heartbeat, in a tuple; None when the message is none."""
        if message in self._answers:
            return (self._answers[message],)
        if self._documents and len(message) <= _LONGEST and (document := _document(message)) is not None:
            return next(((answer,) for beat, answer in self._documents if self._is(document, beat)), None)
        return None


Document = dict[str, Any] | list[Any]


def _document(text: bytes) -> Document | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def _equals(document: Document, beat: Document) -> bool:
    return document == beat


def _begins(document: Document, beat: Document) -> bool:
    if isinstance(document, dict) and isinstance(beat, dict):
        return all(key in document and document[key] == value for key, value in beat.items())
    return isinstance(document, list) and document[: len(beat)] == beat


class Preset(NamedTuple):
    """The heartbeats of a protocol: those of the server with the answer to each, and those of the client.

    `sent` is what the client sends every `every` seconds, empty where it only answers.
    """

    answers: Mapping[str, str | None] = {}
    sent: str = ""
    every: float = 0.0


def preset_name(url: Url, subprotocols: Collection[str]) -> PresetName | None:
    """The protocol that the URL or a subprotocol names."""
    if "graphql-transport-ws" in subprotocols:
        return "graphql-ws"
    if any(name in subprotocols for name in ("v10.stomp", "v11.stomp", "v12.stomp")):
        return "stomp"
    return "socket.io" if engine_io(url) else None


def preset(name: PresetName | None, url: Url) -> Preset:
    """The heartbeats of a protocol on this URL; none without a name."""
    return _PRESETS[name](url) if name else Preset()


def _socket_io(url: Url) -> Preset:
    """In version 4 of Engine.IO the server asks, in version 3, whose servers wait for 25 s by default, it answers.

    https://socket.io/docs/v4/engine-io-protocol/#heartbeat
    """
    return Preset({"3": None}, "2", 20.0) if engine_io(url) == 3 else Preset({"2": "3"})


def _phoenix(url: Url) -> Preset:
    """Servers wait for 60 s by default, clients send every 30 s; the reply has the reference of the heartbeat.

    https://hexdocs.pm/phoenix/writing_a_channels_client.html
    """
    if "vsn=2" in url.target.partition("?")[2]:
        return Preset({'[null,"heartbeat","phoenix","phx_reply"]': None}, _PHOENIX_2, 30.0)
    return Preset({'{"topic":"phoenix","event":"phx_reply","ref":"heartbeat"}': None}, _PHOENIX_1, 30.0)


def _signalr(_url: Url) -> Preset:
    """Both sides send pings every 15 s, and wait for 30 s; nobody answers.

    https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md#ping-message-encoding
    """
    return Preset({_SIGNALR: None}, _SIGNALR, 15.0)


def _graphql_ws(_url: Url) -> Preset:
    """A ping may have a payload. https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md#ping"""
    return Preset({'{"type":"ping"}': '{"type":"pong"}'})


def _stomp(_url: Url) -> Preset:
    """Each side sends line ends as often as it promised. https://stomp.github.io/stomp-specification-1.2.html"""
    return Preset({"\n": None, "\r\n": None}, "\n", 10.0)


_PHOENIX_2 = '[null,"heartbeat","phoenix","heartbeat",{}]'
_PHOENIX_1 = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"heartbeat"}'
_SIGNALR = '{"type":6}\x1e'
_PRESETS: Mapping[PresetName, Callable[[Url], Preset]] = {
    "socket.io": _socket_io,
    "phoenix": _phoenix,
    "signalr": _signalr,
    "graphql-ws": _graphql_ws,
    "stomp": _stomp,
}


def engine_io(url: Url) -> int:
    """The version of Engine.IO that the URL asks for, 0 for none."""
    query = url.target.partition("?")[2].split("&")
    return next((n for n in (3, 4) if f"EIO={n}" in query and "transport=websocket" in query), 0)
