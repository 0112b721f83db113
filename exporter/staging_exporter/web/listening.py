"""Listening sockets, bound before anything else is touched: TCP of both families, unix sockets. Imported by `app`."""

from __future__ import annotations

import errno
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from staging_exporter.net.address import HostPort
from staging_exporter.net.systemd import Inherited

_BACKLOG = 4096  # a client beyond it waits for a second, until it tries again
_WITHOUT_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_MODE = 0o660  # of a unix socket: who may connect may write


def bind(address: HostPort) -> list[socket.socket]:
    """The sockets of one listen address; an empty host is every address, IPv4 and IPv6. Raises OSError."""
    if address.unix:
        return [_unix(Path(address.host))]
    if address.host == "::":  # IPv4 as well, even where the system would make it IPv6 alone
        dual = socket.has_dualstack_ipv6()
        return [
            socket.create_server(("::", address.port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=dual)
        ]
    if address.host:
        return _resolved(address.host, address.port)
    bound: list[socket.socket] = [socket.create_server(("", address.port), backlog=_BACKLOG)]
    try:
        bound.append(socket.create_server(("::", bound[0].getsockname()[1]), family=socket.AF_INET6, backlog=_BACKLOG))
    except OSError as error:
        if error.errno not in _WITHOUT_FAMILY:
            bound[0].close()
            raise
    return bound


def bind_all(addresses: Sequence[HostPort | socket.socket]) -> list[socket.socket]:
    """The sockets of all listen addresses, or none; those that are sockets already as they are. Raises OSError."""
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            bound += bind(address) if isinstance(address, HostPort) else [address]
    except OSError:
        for listener in bound:
            remove(listener)
            listener.close()
        raise
    return bound


def remove(listener: socket.socket) -> None:
    """Remove the name of a unix socket of ours, so that nobody connects to it any more."""
    if listener.family == socket.AF_UNIX and not isinstance(listener, Inherited):
        with suppress(OSError):
            Path(listener.getsockname()).unlink()


def _resolved(host: str, port: int) -> list[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, at in dict.fromkeys(found):
            bound.append(socket.create_server(at[:2], family=family, backlog=_BACKLOG))
    except OSError:
        for listener in bound:
            listener.close()
        raise
    return bound


def _unix(path: Path) -> socket.socket:
    """A unix socket; one that a killed process left is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
                path.unlink()
        listener.bind(str(path))
        path.chmod(_MODE)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
