"""The network in front of a part: passes connections on, or hangs up, falls silent, refuses."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from staging_exporter.demo.network import BUFFER, Listener, both, connect, read_away
from staging_exporter.demo.switches import Switch

_MODES = {
    "ok": "connections are passed on",
    "close": "accepts, then hangs up at once",
    "timeout": "accepts, then is silent",
    "refuse": "nothing listens",
    "slow": "passes connections on after `seconds` (default 1)",
}


class Proxy:
    """A TCP proxy to `target`, a port on loopback or a unix socket, with a switch `<name>-proxy`."""

    def __init__(self, name: str, claimed: socket.socket, target: int | Path, scale: float = 1.0) -> None:
        self._target = target
        self._listener = Listener(claimed, self._relay)
        self.switch = Switch(f"{name}-proxy", _MODES, scale, self._changed)
        self.port = self._listener.port

    async def start(self) -> None:
        """Begin to listen."""
        await self._listener.open()

    async def stop(self) -> None:
        """End every connection and free the port."""
        await self._listener.close()

    async def _changed(self) -> None:
        if self.switch.mode == "refuse":
            self._listener.shut()
        else:
            await self._listener.open()
        if self.switch.mode != "timeout":  # silence keeps connections, as a network that drops packets does
            await self._listener.drop()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.switch.mode:
            case "close":
                return None
            case "timeout":
                return await read_away(reader)
            case "slow":
                await asyncio.sleep(self.switch.seconds(1.0))
        upstream_reader, upstream_writer = await connect(self._target)
        try:
            await both(self._pump(reader, upstream_writer), self._pump(upstream_reader, writer))
        finally:
            upstream_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(BUFFER):
            if self.switch.mode != "timeout":
                writer.write(data)
                await writer.drain()
