"""Kind `postgres`: log in, run a query, and look at the connections in use."""

from __future__ import annotations

import math
from contextlib import nullcontext
from shlex import join
from typing import Annotated, ClassVar, Literal

import asyncpg
from pydantic import AfterValidator, Field, field_validator, model_validator

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.net.cleartext import GuardedLoop
from staging_exporter.net.connect import connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.names import ascii_name
from staging_exporter.net.postgres import (
    DRIVER_ERRORS,
    Session,
    TimeLimit,
    ask_for_tls,
    driver_failure,
    greet,
    limited,
    milliseconds,
    plain,
    refuses_limit,
    slots_in_use,
)
from staging_exporter.net.tls import TlsSettings, Version, client_context
from staging_exporter.options.check import Check
from staging_exporter.options.hostnames import ServerName
from staging_exporter.options.jsonpath import Selection
from staging_exporter.options.matchers import Wanted, judge
from staging_exporter.options.model import Model
from staging_exporter.options.next_commands import for_failed_connection
from staging_exporter.options.secrets import Secret
from staging_exporter.options.tls import check_versions

_MAX_ROWS = 1000  # that are compared
_CLOSE_WAIT = 0.5  # seconds that the server has to close the session


Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]  # the protocol ends strings with a zero byte

_HOLDERS = "select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc"


class PostgresTls(Model):
    """How to speak TLS with the server."""

    mode: Literal["disable", "require", "verify-full"] = "verify-full"
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_passphrase: Secret | None = Field(None, description="secret that opens an encrypted key")
    server_name: ServerName | None = None
    min_version: Version = Field("1.2", description="1.0 and 1.1 also allow weak keys and signatures")
    max_version: Version | None = None
    allow_cleartext: bool = Field(False, description="with mode disable: send the password in clear text when asked")

    @model_validator(mode="after")
    def _in_order(self) -> PostgresTls:
        if self.allow_cleartext and self.mode != "disable":
            raise ValueError("allow_cleartext goes with mode: disable; with TLS nobody else reads the password")
        check_versions(self.min_version, self.max_version)
        return self

    def options(self, host: str) -> TlsSettings | None:
        """The general TLS options, with the name to verify; None when TLS is off."""
        if self.mode == "disable":
            return None
        return TlsSettings(
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            key_passphrase=self.key_passphrase,
            server_name=self.server_name or host,
            insecure_skip_verify=self.mode == "require",
            min_version=self.min_version,
            max_version=self.max_version,
        )


class PostgresExpect(Model):
    """What the first column of every row must be."""

    value: Wanted


class Connections(Model):
    """Limits for the connections in use, as a share of those that ordinary roles may open."""

    degraded_above: float = Field(0.8, gt=0, le=1)
    down_above: float = Field(0.95, gt=0, le=1)


class Postgres(Check):
    """A connection without a login measures connect and tls; a second one logs in and runs the query."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "tls", "startup", "query")

    kind: Literal["postgres"]
    host: Annotated[Text, AfterValidator(lambda host: host if host.startswith("/") else ascii_name(host))]
    port: int = Field(5432, ge=1, le=65535)
    database: Text
    user: Text
    password: Secret | None = None
    tls: PostgresTls = PostgresTls(mode="disable")
    query: str = "SELECT 1"
    expect: PostgresExpect | None = None
    connections: Connections | None = None

    @field_validator("host")
    @classmethod
    def _without_port(cls, host: str) -> str:
        name, _, port = host.rpartition(":")
        if not host.startswith("/") and port.isdecimal() and (":" not in name or name.endswith("]")):
            raise ValueError(f"the host holds a port; write host: {name}, port: {port}")
        if "://" in host:
            raise ValueError("a host is a name, an address or a socket directory, not a URL")
        return host.strip("[]")

    def hosts(self) -> tuple[str, ...]:
        """The host, unless it is a socket directory."""
        return self._address().hosts

    def next_command(self, reason: Reason) -> str | None:
        """Whether it accepts connections, and of a full one who holds them."""
        place = ["-h", self.host, "-p", str(self.port), "-d", self.database, "-U", self.user]
        if reason == Reason.SATURATED:
            return join(["psql", *place, "-c", _HOLDERS])
        return for_failed_connection(self.host, self.port, reason) or join(["pg_isready", *place])

    async def run(self, context: ProbeContext) -> None:
        """Log in and run the query. Raises ProbeFailed and ProbeDegraded (`saturated`), OSError, ssl.SSLError."""
        password = await context.reveal(self.password) if self.password else ""
        tls = None if self._address().unix else self.tls.options(self.host)
        await self._measure_connection(context, tls)
        try:
            for limit in TimeLimit:
                try:
                    await self._use_session(context, password, tls, limit)
                    return
                except asyncpg.PostgresError as error:
                    if limit is TimeLimit.NONE or not refuses_limit(error):
                        raise
                    context.log(f"{error}: a pooler refuses a time limit by {limit}")
        except DRIVER_ERRORS as error:
            raise driver_failure(error) from error

    def _address(self) -> HostPort:
        if not self.host.startswith("/"):
            return HostPort(self.host, self.port)
        path = self.host if ".s.PGSQL." in self.host else f"{self.host.rstrip('/')}/.s.PGSQL.{self.port}"
        return HostPort(path, 0)

    async def _measure_connection(self, context: ProbeContext, tls: TlsSettings | None) -> None:
        async with connect(context, self._address()) as connection:
            if tls is not None:
                await connection.start_tls(context, self._address(), tls, ask=ask_for_tls)
            else:
                with context.phase("startup"):
                    await greet(connection)

    async def _use_session(
        self, context: ProbeContext, password: str, tls: TlsSettings | None, limit: TimeLimit
    ) -> None:
        with context.phase("startup"):
            at_login = {"statement_timeout": milliseconds(context.remaining)} if limit is TimeLimit.LOGIN else {}
            session = await self._connect(context, password, tls, at_login)
        try:
            with context.phase("query"):
                async with limited(session, context.remaining) if limit is TimeLimit.TRANSACTION else nullcontext():
                    await self._ask(context, session)
                    await self._check_connections(context, session)
            await session.close(timeout=_CLOSE_WAIT)
        finally:
            session.terminate()

    async def _connect(
        self, context: ProbeContext, password: str, tls: TlsSettings | None, settings: dict[str, str]
    ) -> Session:
        guard = None if tls or self.tls.allow_cleartext else GuardedLoop()
        try:
            return await self._log_in(context, password, tls, settings, guard)
        except DRIVER_ERRORS:
            if guard and guard.refusal:
                raise guard.refusal from None
            raise

    async def _log_in(
        self,
        context: ProbeContext,
        password: str,
        tls: TlsSettings | None,
        settings: dict[str, str],
        guard: GuardedLoop | None,
    ) -> Session:
        session: Session = await asyncpg.connect(
            host=context.facts.get(Fact.IP, self._address().host),
            port=self.port,
            user=self.user,
            password=password,
            database=self.database,
            # Without `ssl` asyncpg tries TLS, then plain text, and masks the first error.
            ssl=await client_context(context, tls) if tls else False,
            direct_tls=False,
            target_session_attrs="any",
            timeout=None,
            connection_class=Session,
            loop=guard,
            statement_cache_size=0,
            server_settings={"application_name": "staging-exporter", **settings},
        )
        return session

    async def _ask(self, context: ProbeContext, session: asyncpg.Connection) -> None:
        rows = await session.rows(self.query, _MAX_ROWS + 1 if self.expect else 1)
        values = [plain(row[0]) for row in rows if row]
        if values and not (isinstance(values[0], float) and not math.isfinite(values[0])):  # JSON has no NaN
            context.facts[Fact.VALUE] = values[0]
        if self.expect is None:
            return
        if len(values) > _MAX_ROWS:
            raise ProbeFailed(Reason.CONTENT, f"query returns more than {_MAX_ROWS} rows; aggregate them")
        found = Selection("query", values, lambda at: "query" if len(values) == 1 else f"query, row {at + 1},")
        result = judge(found, self.expect.value)
        if result.holds is False:
            raise ProbeFailed(Reason.CONTENT, f"{result.seen}, expected {result.wanted}")
        if result.holds is None:
            raise ProbeFailed(Reason.NO_EVIDENCE, f"{result.seen}, expected {result.wanted}")

    async def _check_connections(self, context: ProbeContext, session: asyncpg.Connection) -> None:
        if self.connections is None:
            return
        slots = context.facts[Fact.CONNECTIONS] = await slots_in_use(session)
        share = slots["used"] / max(1, slots["usable"])
        seen = f"{slots['used']} of {slots['usable']} usable connections are in use, expected at most"
        if share > self.connections.down_above:
            raise ProbeFailed(Reason.SATURATED, f"{seen} {self.connections.down_above:.0%}")
        if share > self.connections.degraded_above:
            raise ProbeDegraded(Reason.SATURATED, f"{seen} {self.connections.degraded_above:.0%}")
