"""PostgreSQL: the request for TLS, Reasons of SQLSTATEs, connections in use."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import asyncpg
from asyncpg import exceptions
from asyncpg.pgproto.pgproto import BufferError

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.connect import Connection

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL documentation, "Message Formats", SSLRequest
# Without pg_monitor `backend_type` and `state` of other roles are NULL; then pg_stat_database counts for all.
_SLOTS = """
SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS used,
       count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
       count(*) FILTER (WHERE backend_type IS NULL) AS hidden,
       (SELECT coalesce(sum(numbackends), 0)::int FROM pg_stat_database) AS backends,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int AS usable
FROM pg_stat_activity"""

# PostgreSQL documentation, appendix A.
_STATES = {
    "28P01": Reason.DENIED,  # invalid password
    "28000": Reason.DENIED,  # no pg_hba.conf entry, no such role, encryption demanded
    "42501": Reason.DENIED,  # insufficient privilege
    "3D000": Reason.STATUS,  # no such database
    "53300": Reason.SATURATED,  # too many connections: of all, of a role, of a database
    "57014": Reason.TIMEOUT,  # cancelled by statement_timeout
    "57P03": Reason.STARTING,  # cannot connect now
    "08P01": Reason.PROTOCOL,  # protocol violation
}
_CLASSES = {
    "08": Reason.CLOSED,  # connection exceptions; client libraries report them when the peer hangs up
    "28": Reason.DENIED,
    "42": Reason.STATUS,  # no such table, column or function; syntax
    "53": Reason.SATURATED,  # insufficient resources: disk full, out of memory
}


# PgBouncer has one SQLSTATE for all that it says itself: its source, client.c and janitor.c.
_POOLER_ERRORS = {
    "no more connections allowed": Reason.SATURATED,
    "query_wait_timeout": Reason.SATURATED,
    "no such database": Reason.STATUS,
    "bouncer config error": Reason.STATUS,
    "authentication failed": Reason.DENIED,
    "no such user": Reason.DENIED,
    "server login": Reason.SERVER_ERROR,
    "server_login": Reason.SERVER_ERROR,
    "cannot connect to server": Reason.SERVER_ERROR,
    "server conn": Reason.SERVER_ERROR,
    "query_timeout": Reason.TIMEOUT,
}


def reason_of(sqlstate: str, message: str) -> Reason:
    """The Reason of an error response; `server_error` for a SQLSTATE that is in no table."""
    if sqlstate == "57P03" and "shutting down" in message:
        return Reason.SERVER_ERROR
    if sqlstate == "08P01" and (found := next((r for words, r in _POOLER_ERRORS.items() if words in message), None)):
        return found
    return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], Reason.SERVER_ERROR)


# What asyncpg raises; the last four on bytes that no PostgreSQL sends.
DRIVER_ERRORS = (
    exceptions.PostgresError,
    exceptions.InterfaceError,
    exceptions.InternalClientError,
    BufferError,
    AttributeError,
    LookupError,
    UnicodeDecodeError,
)


class Session(asyncpg.Connection):  # type: ignore[misc]  # the driver ships without types
    """A connection of the driver that closes its socket when the driver fails on the peer's first message."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        try:
            super().__init__(protocol, transport, *rest)
        except Exception:
            self._abort()
            raise

    async def rows(self, query: str, limit: int) -> list[asyncpg.Record]:
        """The first rows of the result; the driver's own methods read one row, or all of them."""
        rows: list[asyncpg.Record] = await self._execute(query, (), limit, None)
        return rows


class TimeLimit(StrEnum):
    """How a server learns the time limit of a query, in the order in which it is tried.

    A pooler may refuse the parameter at the login, as PgBouncer does, or transactions, as it does in pools of
    statements. A session's own setting would reach the other clients of a pool.
    """

    LOGIN = "a parameter of the login"
    TRANSACTION = "a setting of a transaction"
    NONE = "nothing"


def refuses_limit(error: asyncpg.PostgresError) -> bool:
    """True when a pooler refuses the setting that limits the time of a statement."""
    return any(words in str(error) for words in ("statement_timeout", "transaction blocks not allowed"))


@asynccontextmanager
async def limited(session: Session, seconds: float) -> AsyncIterator[None]:
    """A transaction with a time limit of its own."""
    async with session.transaction():
        await session.execute(f"SET LOCAL statement_timeout = {milliseconds(seconds)}")
        yield


def milliseconds(seconds: float) -> str:
    """A time limit as PostgreSQL wants it, where 0 is none."""
    return str(max(1, round(seconds * 1000)))


async def ask_for_tls(connection: Connection) -> None:
    """The SSLRequest exchange before the TLS handshake. Raises ProbeFailed, OSError, EOFError."""
    answer = await greet(connection)
    if answer == b"N":
        raise ProbeFailed(Reason.TLS, "the server offers no TLS, expected TLS")
    if answer == b"E":
        raise ProbeFailed(Reason.SERVER_ERROR, "the server answered the request for TLS with an error")


async def greet(connection: Connection) -> bytes:
    """Send an SSLRequest, which carries no credentials and is not logged by the server; returns S, N or E.

    Raises ProbeFailed (`protocol`) when the peer is not PostgreSQL, OSError, EOFError.
    """
    await connection.send(_SSL_REQUEST)
    answer = await connection.reader.readexactly(1)
    if answer not in b"SNE":
        more = await connection.reader.read(40)
        raise ProbeFailed(Reason.PROTOCOL, f"not PostgreSQL: {answer + more!r} answers an SSLRequest")
    return answer


async def slots_in_use(session: asyncpg.Connection) -> dict[str, int]:
    """`used` and `usable` connections, and with pg_monitor also `active` and `idle_in_transaction`.

    `usable` are those that ordinary roles may open: max_connections without the reserved ones.
    """
    slots = dict(await session.fetchrow(_SLOTS))
    hidden, backends = slots.pop("hidden"), slots.pop("backends")
    return {"used": backends, "usable": slots["usable"]} if hidden else slots


def plain(value: Any) -> str | int | float | bool | None:
    """A value of the database as a JSON value, or a number that JSON lacks; an interval is seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, int | float) else str(value)[:1000]


def driver_failure(error: Exception) -> ProbeFailed:
    """The ProbeFailed for what asyncpg raised."""
    if isinstance(error.__cause__, exceptions.PostgresError):
        error = error.__cause__  # the error that the server sent before it hung up
    if isinstance(error, exceptions.PostgresError):
        state = error.sqlstate or "no SQLSTATE"
        return ProbeFailed(reason_of(state, str(error)), f"{error} ({state})")
    if isinstance(error, (exceptions.ClientConfigurationError, exceptions.DataError)):
        return ProbeFailed(Reason.PROBE_ERROR, f"the driver refuses an option: {error}")
    return ProbeFailed(Reason.PROTOCOL, f"does not speak the protocol: {type(error).__name__}: {error}")
