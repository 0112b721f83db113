"""Which messages are heartbeats, and what is answered to them."""

from __future__ import annotations

import pytest
from staging_exporter.net.heartbeats import Heartbeats, engine_io, preset, preset_name
from staging_exporter.net.url import parse_url

BEATS = Heartbeats({"2": "3", '{"type":"ping","n":1}': '{"type":"pong"}', "x": None})
FOUND: dict[str, tuple[bytes, tuple[str | None] | None]] = {
    "the same text": (b"2", ("3",)),
    "one that is not answered": (b"x", (None,)),
    "JSON that is written in another way": (b'{"n": 1, "type": "ping"}', ('{"type":"pong"}',)),
    "other JSON": (b'{"type": "ping"}', None),
    "no JSON": (b"{", None),
    "JSON that is no object": (b" 2", None),
    "nested too deep": (b"[" * 1000, None),
    "bytes": (b"\xff", None),
    "a long message": (b'{"n": 1, "type": "ping"}' + b" " * 2000, None),
}


@pytest.mark.parametrize("case", FOUND)
def test_a_heartbeat_is_found(case: str) -> None:
    message, answer = FOUND[case]
    assert BEATS.find(message) == answer


@pytest.mark.parametrize(
    ("target", "version"),
    [
        ("/socket.io/?EIO=4&transport=websocket", 4),
        ("/socket.io/?transport=websocket&EIO=3&t=1", 3),
        ("/socket.io/?EIO=4&transport=polling", 0),
        ("/socket.io/?EIO=40&transport=websocket", 0),
        ("/EIO=4", 0),
    ],
)
def test_the_url_says_which_engine_io(target: str, version: int) -> None:
    assert engine_io(parse_url(f"ws://h{target}", ["ws"])) == version


PARTIAL = Heartbeats({'{"type":"ping"}': "pong", '["a"]': None}, partial=True)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        pytest.param(b'{"type":"ping","payload":{}}', ("pong",), id="more keys"),
        pytest.param(b'{"payload":{}}', None, id="without its key"),
        pytest.param(b'{"type":"next"}', None, id="another value"),
        pytest.param(b'["a",1]', (None,), id="more elements"),
        pytest.param(b'[1,"a"]', None, id="elements in another order"),
        pytest.param(b"[]", None, id="no elements"),
    ],
)
def test_a_partial_heartbeat_may_have_more(message: bytes, answer: tuple[str | None] | None) -> None:
    assert PARTIAL.find(message) == answer


def test_graphql_has_heartbeats() -> None:
    url = parse_url("ws://h/", ["ws"])
    name = preset_name(url, ["graphql-transport-ws"])
    assert preset(name, url).answers == {'{"type":"ping"}': '{"type":"pong"}'}
    assert preset(preset_name(url, ["graphql-ws"]), url).answers == {}
