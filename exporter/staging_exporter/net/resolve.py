"""Names to addresses within a deadline; a name that does not exist is not confused with a resolver that fails.

`getaddrinfo` runs in a thread that cannot be cancelled, and reports SERVFAIL and silence as one error; hence dnspython.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import HostPort, IpFamily
from staging_exporter.net.background import in_background

_FRESH = 1.0  # seconds until it is looked again whether the files have changed
_RESOLUTION_DELAY = 0.05  # seconds that addresses of one family wait for those of the other: RFC 8305 section 3
_PATIENCE = 1.0  # seconds until a name server is asked again, or the next one is: datagrams get lost
_RECORDS = {4: dns.rdatatype.A, 6: dns.rdatatype.AAAA}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
AddrInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


@dataclass
class Lookup:
    """The addresses of a name that are known, and the query for those of another family that goes on."""

    found: list[AddrInfo]
    port: int
    late: asyncio.Task[list[str]] | None = None

    def arrived(self) -> list[AddrInfo]:
        """What the query found that went on, once it has ended."""
        return [_addr_info(address, self.port) for address in _addresses([self.late] if self.late else [])]

    def close(self) -> None:
        """Give up the query that goes on."""
        if self.late is not None:
            self.late.add_done_callback(lambda query: query.cancelled() or query.exception())  # or it would be logged
            self.late.cancel()


class Resolver:
    """Resolves by `/etc/hosts`, then by the name servers of `/etc/resolv.conf`, or by `servers` alone when given.

    Both files are read again when they change.
    """

    def __init__(self, servers: Sequence[HostPort] = (), hosts: Path = Path("/etc/hosts")) -> None:
        self._servers = tuple(servers)
        self._hosts_file = hosts
        self._hosts: dict[str, list[str]] = {}
        self._hosts_stamp: float | None = None
        self._stub: dns.asyncresolver.Resolver | None = None
        self._stub_stamp: float | None = None
        self._looked = -_FRESH

    async def resolve(self, host: str, port: int, family: IpFamily = "auto", lifetime: float = 5.0) -> list[AddrInfo]:
        """Addresses of `host` that are known soon, IPv6 first, as `getaddrinfo` returns them. Raises as `lookup`."""
        lookup = await self.lookup(host, port, family, lifetime)
        lookup.close()
        return lookup.found

    async def lookup(self, host: str, port: int, family: IpFamily = "auto", lifetime: float = 5.0) -> Lookup:
        """Addresses of `host`, at the latest 50 ms after those of one family are known: RFC 8305 section 3.

        Raises ProbeFailed: `dns` when the name does not exist or has no address of that family, `resolver` when no
        name server could tell within `lifetime` seconds.
        """
        versions: tuple[Literal[4, 6], ...] = (6, 4) if family == "auto" else (family,)
        addresses, late = _literal(host), None
        if addresses is None:
            await self._refresh(lifetime)
            addresses = self._local(host)
        if addresses is None:
            addresses, late = await self._ask(host, versions, lifetime)
        found = [a for v in versions for a in addresses if _version(a) == v]
        if not found:
            kind = "address" if family == "auto" else f"IPv{family} address"
            raise ProbeFailed(Reason.DNS, f"{host} has no {kind}; it has {', '.join(addresses) or 'none at all'}")
        return Lookup([_addr_info(address, port) for address in found], port, late)

    async def name_servers(self, lifetime: float = 5.0) -> list[HostPort]:
        """The name servers that are asked, in order. Raises ProbeFailed (`resolver`) when none is configured."""
        await self._refresh(lifetime)
        found = self._stub.nameservers if self._stub else []
        plain = dns.nameserver.AddressAndPortNameserver
        servers = [HostPort(s.address, s.port) for s in found if isinstance(s, plain)]
        servers += [HostPort(s, 53) for s in found if isinstance(s, str)]
        if not servers:
            raise ProbeFailed(Reason.RESOLVER, "no name server is configured in /etc/resolv.conf")
        return servers

    async def _refresh(self, lifetime: float) -> None:
        """Read the files again if they have changed. Raises ProbeFailed (`probe_error`) when they give nothing."""
        if time.monotonic() - self._looked < _FRESH:
            return
        try:
            async with asyncio.timeout(lifetime):
                await in_background(self._read_files, self)
        except TimeoutError:
            text = f"{self._hosts_file} or /etc/resolv.conf gave nothing in time"
            raise ProbeFailed(Reason.PROBE_ERROR, text) from None
        self._looked = time.monotonic()

    def _read_files(self) -> None:
        if not self._servers:
            self._read_hosts()
        self._read_servers()

    def _local(self, host: str) -> list[str] | None:
        host = host.lower().rstrip(".")
        if not self._servers and (known := self._hosts.get(host)):
            return known
        # RFC 6761 section 6.3: names under .localhost are loopback, whatever a name server says.
        if host == "localhost" or host.endswith(".localhost"):
            return ["127.0.0.1", "::1"]
        return None

    def _read_hosts(self) -> None:
        stamp = _mtime(self._hosts_file)
        if stamp == self._hosts_stamp:
            return
        text = self._hosts_file.read_text(encoding="utf-8", errors="replace") if stamp else ""
        hosts: dict[str, list[str]] = {}
        for line in text.splitlines():
            address, *names = line.split("#")[0].split() or [""]
            for name in names:
                hosts.setdefault(name.lower(), []).append(address.split("%")[0])
        self._hosts_stamp, self._hosts = stamp, hosts

    def _read_servers(self) -> None:
        stamp = 0.0 if self._servers else _mtime(Path("/etc/resolv.conf"))
        if self._stub is not None and stamp == self._stub_stamp:
            return
        stub = None
        with contextlib.suppress(dns.resolver.NoResolverConfiguration):
            stub = dns.asyncresolver.Resolver(configure=not self._servers)
            stub.timeout = _PATIENCE
            if self._servers:
                stub.nameservers = [dns.nameserver.Do53Nameserver(s.host, s.port) for s in self._servers]
        self._stub_stamp, self._stub = stamp, stub

    async def _ask(
        self, host: str, versions: Sequence[Literal[4, 6]], lifetime: float
    ) -> tuple[list[str], asyncio.Task[list[str]] | None]:
        """The addresses that are known soon, and the query for the other family that goes on."""
        queries = {v: asyncio.create_task(self._query(host, _RECORDS[v], lifetime)) for v in versions}
        pending = set(queries.values())
        try:
            while pending and not _addresses(queries.values()):
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if pending:
                _, pending = await asyncio.wait(pending, timeout=_RESOLUTION_DELAY)
        except BaseException:
            for query in pending:
                query.cancel()
            raise
        addresses = _addresses(queries.values())
        # The word on IPv4 first: some name servers deny a name when they are asked for an IPv6 address (RFC 4074).
        errors = [error for v in sorted(versions) if queries[v].done() and (error := queries[v].exception())]
        if errors and not addresses:
            raise errors[0]
        return addresses, next(iter(pending), None)

    async def _query(self, host: str, record: dns.rdatatype.RdataType, lifetime: float) -> list[str]:
        if self._stub is None:
            raise ProbeFailed(Reason.RESOLVER, "no name server is configured in /etc/resolv.conf")
        try:
            # Between its tries the stub sleeps up to 2 s beyond its lifetime.
            async with asyncio.timeout(lifetime):
                answer = await self._stub.resolve(
                    host, record, lifetime=lifetime, search=True, raise_on_no_answer=False
                )
        except dns.resolver.NXDOMAIN:
            raise ProbeFailed(Reason.DNS, f"{host} does not exist (NXDOMAIN)") from None
        except (dns.resolver.NoNameservers, dns.resolver.NoResolverConfiguration, dns.resolver.YXDOMAIN) as error:
            raise ProbeFailed(Reason.RESOLVER, f"no name server could resolve {host}: {error}") from None
        except (dns.exception.Timeout, TimeoutError):
            raise ProbeFailed(Reason.RESOLVER, f"no name server answered for {host} in {lifetime:.1f} s") from None
        except (dns.exception.DNSException, UnicodeError) as error:
            raise ProbeFailed(Reason.DNS, f"{host} cannot be resolved: {error}") from None
        return [record.to_text() for record in answer.rrset or ()]


def _addresses(queries: Iterable[asyncio.Task[list[str]]]) -> list[str]:
    """What the queries that have ended found."""
    return [address for query in queries if query.done() and not query.exception() for address in query.result()]


class Pinned(Resolver):
    """Knows one address of one host, and asks another resolver for all else."""

    def __init__(self, inner: Resolver, host: str, address: str) -> None:
        self._inner, self._host, self._address = inner, host, address

    async def lookup(self, host: str, port: int, family: IpFamily = "auto", lifetime: float = 5.0) -> Lookup:
        """The one address of the host. Raises as that of a Resolver."""
        if host == self._host:
            return Lookup([_addr_info(self._address, port)], port)
        return await self._inner.lookup(host, port, family, lifetime)

    async def name_servers(self, lifetime: float = 5.0) -> list[HostPort]:
        """Those of the other resolver."""
        return await self._inner.name_servers(lifetime)


@lru_cache(maxsize=4096)
def _version(address: str) -> int:
    return ipaddress.ip_address(address).version


def _literal(host: str) -> list[str] | None:
    """The address that `host` is, None when it is a name."""
    address = _address(host)
    return [address] if address else None


@lru_cache(maxsize=4096)
def _address(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def _addr_info(address: str, port: int) -> AddrInfo:
    version = _version(address)
    sockaddr = (address, port) if version == 4 else (address, port, 0, 0)
    return (_FAMILIES[version], socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr)


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
