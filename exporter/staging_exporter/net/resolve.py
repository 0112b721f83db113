"""Names to addresses within a deadline; a name that does not exist is not confused with a resolver that fails.

`getaddrinfo` runs in a thread that cannot be cancelled, and reports SERVFAIL and silence as one error; hence dnspython.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import HostPort, IpFamily

_RECORDS = {4: dns.rdatatype.A, 6: dns.rdatatype.AAAA}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
AddrInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


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

    async def resolve(self, host: str, port: int, family: IpFamily = "auto", lifetime: float = 5.0) -> list[AddrInfo]:
        """Addresses of `host`, IPv6 first, as `getaddrinfo` returns them.

        Raises ProbeFailed: `dns` when the name does not exist or has no address of that family, `resolver` when no
        name server could tell within `lifetime` seconds.
        """
        versions = (6, 4) if family == "auto" else (family,)
        addresses = self._local(host)
        if addresses is None:
            addresses = await self._ask(host, versions, lifetime)
        found = [a for v in versions for a in addresses if ipaddress.ip_address(a).version == v]
        if not found:
            kind = "address" if family == "auto" else f"IPv{family} address"
            raise ProbeFailed(Reason.DNS, f"{host} has no {kind}; it has {', '.join(addresses) or 'none at all'}")
        return [_addr_info(address, port) for address in found]

    def name_servers(self) -> list[HostPort]:
        """The name servers that are asked, in order. Raises ProbeFailed (`resolver`) when none is configured."""
        try:
            found = self._resolver().nameservers
        except dns.resolver.NoResolverConfiguration:
            found = []
        plain = dns.nameserver.AddressAndPortNameserver
        servers = [HostPort(s.address, s.port) for s in found if isinstance(s, plain)]
        servers += [HostPort(s, 53) for s in found if isinstance(s, str)]
        if not servers:
            raise ProbeFailed(Reason.RESOLVER, "no name server is configured in /etc/resolv.conf")
        return servers

    def _local(self, host: str) -> list[str] | None:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        if not self._servers and (known := self._read_hosts().get(host.lower().rstrip("."))):
            return known
        # RFC 6761 section 6.3: names under .localhost are loopback, whatever a name server says.
        if host == "localhost" or host.endswith(".localhost"):
            return ["127.0.0.1", "::1"]
        return None

    def _read_hosts(self) -> dict[str, list[str]]:
        stamp = _mtime(self._hosts_file)
        if stamp != self._hosts_stamp:
            self._hosts_stamp, self._hosts = stamp, {}
            text = self._hosts_file.read_text(encoding="utf-8", errors="replace") if stamp else ""
            for line in text.splitlines():
                address, *names = line.split("#")[0].split() or [""]
                for name in names:
                    self._hosts.setdefault(name.lower(), []).append(address.split("%")[0])
        return self._hosts

    def _resolver(self) -> dns.asyncresolver.Resolver:
        stamp = 0.0 if self._servers else _mtime(Path("/etc/resolv.conf"))
        if self._stub is None or stamp != self._stub_stamp:
            self._stub_stamp = stamp
            self._stub = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                self._stub.nameservers = [dns.nameserver.Do53Nameserver(s.host, s.port) for s in self._servers]
        return self._stub

    async def _ask(self, host: str, versions: Sequence[int], lifetime: float) -> list[str]:
        answers = await asyncio.gather(
            *(self._query(host, _RECORDS[v], lifetime) for v in versions), return_exceptions=True
        )
        addresses = [a for answer in answers if isinstance(answer, list) for a in answer]
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        # An address of one family is enough, even when the query for the other one failed.
        if errors and not addresses:
            raise errors[0]
        return addresses

    async def _query(self, host: str, record: dns.rdatatype.RdataType, lifetime: float) -> list[str]:
        try:
            # Between its tries the stub sleeps up to 2 s beyond its lifetime.
            async with asyncio.timeout(lifetime):
                answer = await self._resolver().resolve(
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


def _addr_info(address: str, port: int) -> AddrInfo:
    version = ipaddress.ip_address(address).version
    sockaddr = (address, port) if version == 4 else (address, port, 0, 0)
    return (_FAMILIES[version], socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr)


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
