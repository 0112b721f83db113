"""The network in front of a part: forwards connections, closes them, does not respond, or refuses them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from staging_exporter.demo.network import BUFFER, Listener, both, connect, read_away
from staging_exporter.demo.switches import Switch

_MODES = {
    "ok": "forwards connections",
    "close": "accepts, then closes at once",
    "timeout": "accepts, then does not respond",
    "refuse": "nothing listens",
    "slow": "forwards connections after `seconds` (default 1)",
}


class Proxy:
    """A TCP proxy to `target`, a port on loopback or a unix socket, with a switch `<name>-proxy`."""

    def __init__(self, name: str, claimed: socket.socket, target: int | Path, scale: float = 1.0) -> None:
        self._target = target
        self._listener = Listener(claimed, self._relay)
        self.switch = Switch(f"{name}-proxy", _MODES, scale, self._changed)
        self.port = self._listener.port

    async def start(self) -> None:
        """Start listening."""
        await self._listener.open()

    async def stop(self) -> None:
        """Close every connection and free the port."""
        await self._listener.close()

    async def _changed(self) -> None:
        if self.switch.mode == "refuse":
            self._listener.shut()
        else:
            await self._listener.open()
        if self.switch.mode != "timeout":  # a network that drops packets keeps connections open
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
