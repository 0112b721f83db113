"""No password in clear text: watches the login of a PostgreSQL driver, and ends it when the server asks for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from staging_exporter.core.model import ProbeFailed, Reason

# PostgreSQL documentation, "Message Formats", AuthenticationOk and AuthenticationCleartextPassword.
_AUTHENTICATION, _OK, _CLEARTEXT = ord("R"), 0, 3
_HEAD = 5  # bytes of the type and the length of a message
_REFUSED = (
    "the server asks for the password in clear text, without TLS; configure tls, a server that uses scram-sha-256, "
    "or tls: {mode: disable, allow_cleartext: true}"
)


class GuardedLoop:
    """The running loop, but for TCP connections whose login must not send the password in clear text.

    `refusal` is the ProbeFailed (`tls`) of one that was ended, which the driver reports as closed.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.refusal: ProbeFailed | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> Any:
        """As that of the loop, with a guard before the protocol."""
        transport, guard = await self._loop.create_connection(lambda: _Guard(self, factory()), host, port)
        return transport, guard.driver


class _Guard(asyncio.Protocol):
    """Hands to the driver what the server sends, until it asks for the password, or accepts the login."""

    def __init__(self, loop: GuardedLoop, driver: asyncio.Protocol) -> None:
        self._loop, self.driver = loop, driver
        self._head = bytearray()  # of the message that is coming in, as far as it is needed
        self._left = 0  # bytes of its rest

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type
        self.driver.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        for code in self._authentications(data):
            if code == _CLEARTEXT:
                self._loop.refusal = ProbeFailed(Reason.TLS, _REFUSED)
                self._transport.abort()
                return
            if code == _OK:
                self._transport.set_protocol(self.driver)
                break
        self.driver.data_received(data)

    def _authentications(self, data: bytes) -> list[int]:
        """The codes of the authentication messages that end in `data`."""
        codes, at = [], 0
        while at < len(data):
            if self._left:
                skipped = min(self._left, len(data) - at)
                self._left, at = self._left - skipped, at + skipped
                continue
            self._head.append(data[at])
            at += 1
            wanted = _HEAD + 4 if self._head[0] == _AUTHENTICATION else _HEAD
            if len(self._head) == wanted:
                self._left = max(0, int.from_bytes(self._head[1:_HEAD], "big") + 1 - wanted)
                if wanted > _HEAD:
                    codes.append(int.from_bytes(self._head[_HEAD:], "big"))
                self._head.clear()
        return codes

    def connection_lost(self, error: Exception | None) -> None:
        self.driver.connection_lost(error)

    def eof_received(self) -> bool | None:
        return self.driver.eof_received()

    def pause_writing(self) -> None:
        self.driver.pause_writing()

    def resume_writing(self) -> None:
        self.driver.resume_writing()
