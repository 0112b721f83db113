"""How the services of the demo use Postgres and Redis: with real connections, so that faults affect them."""

from __future__ import annotations

import asyncio

import asyncpg

from staging_exporter.demo.network import LOOPBACK, hang_up
from staging_exporter.demo.postgres import DATABASE, USER

_PAUSE = 0.1  # seconds between two attempts
_BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Database:
    """The connection of one service to Postgres, reopened when it fails."""

    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._password = password
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    async def answers(self, seconds: float) -> bool:
        """True once a query succeeded, retried for up to `seconds` seconds."""
        try:
            async with asyncio.timeout(seconds), self._lock:
                while True:
                    if await self._query():
                        return True
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            return False

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _query(self) -> bool:
        try:
            if self._connection is None:
                self._connection = await asyncpg.connect(
                    host=LOOPBACK, port=self._port, user=USER, password=self._password, database=DATABASE, ssl=False
                )
            return bool(await self._connection.fetchval("SELECT 1") == 1)
        except _BROKEN:
            self.close()
            return False
        except asyncio.CancelledError:
            self.close()
            raise


async def redis_answers(port: int, password: str, seconds: float | None) -> bool:
    """True when Redis answers to PING within `seconds` seconds; None waits without a timeout."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
            finally:
                await hang_up(writer)
    except (OSError, TimeoutError):
        return False
