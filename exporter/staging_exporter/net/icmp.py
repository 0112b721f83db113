"""ICMP echo, by an unprivileged datagram socket where the system allows it, else by a raw one."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import socket
import struct
import time

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext

_SPACING = 0.2  # seconds between two requests: ping(8) allows no less to ordinary users
_PATIENCE = 1.0  # seconds after the last request for a late reply, once one came
_MARGIN = 0.1  # seconds before the deadline when waiting ends, so that the loss can be judged
_PAYLOAD = 32
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}  # linux/in.h, in6.h
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_UNREACHABLE = {socket.AF_INET: (3, 11), socket.AF_INET6: (1, 3)}  # destination unreachable, time exceeded
_FORBIDDEN = "ICMP is not permitted here: allow the group by net.ipv4.ping_group_range, or give CAP_NET_RAW"


class Echo:
    """Echo requests to one address; `round_trips` are seconds by the number of the request."""

    def __init__(self, address: str, family: socket.AddressFamily) -> None:
        self._address, self._family = address, family
        self._payload = secrets.token_bytes(_PAYLOAD)  # by which our replies are known on a raw socket
        self._sent: list[float] = []
        self.round_trips: dict[int, float] = {}

    @property
    def loss(self) -> float:
        """The share of the requests that was not answered."""
        return 1 - len(self.round_trips) / max(1, len(self._sent))

    async def ping(self, context: ProbeContext, count: int) -> None:
        """Send `count` requests and wait for their replies. Raises ProbeFailed (`probe_error`), OSError."""
        with _open(self._family) as sock:
            sock.connect((self._address, 0))
            receiving = asyncio.create_task(self._receive(sock, count))
            try:
                for number in range(count):
                    if number:
                        await asyncio.wait({receiving}, timeout=min(_SPACING, context.remaining))
                    self._send(sock, number)
                left = max(0.0, context.remaining - _MARGIN)
                await asyncio.wait({receiving}, timeout=min(left, _PATIENCE) if self.round_trips else left)
                if receiving.done():
                    receiving.result()
            finally:
                receiving.cancel()
                await asyncio.wait({receiving})

    def _send(self, sock: socket.socket, number: int) -> None:
        self._sent.append(time.monotonic())
        head = struct.pack("!BBHHH", _REQUEST[self._family], 0, 0, 0, number)
        total = _checksum(head + self._payload)
        sock.send(struct.pack("!BBHHH", _REQUEST[self._family], 0, total, 0, number) + self._payload)

    async def _receive(self, sock: socket.socket, count: int) -> None:
        loop = asyncio.get_running_loop()
        while len(self.round_trips) < count:
            self._take(await loop.sock_recv(sock, 2048))

    def _take(self, packet: bytes) -> None:
        """Note a reply to one of our requests. Raises OSError when a router says that there is no way."""
        if self._family == socket.AF_INET and packet[:1] and packet[0] >> 4 == 4:  # a raw socket adds the IP header
            packet = packet[(packet[0] & 15) * 4 :]
        kind = packet[0] if packet else None
        if kind in _UNREACHABLE[self._family] and self._payload[:8] in packet:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        if kind == _REPLY[self._family] and packet[8:] == self._payload:
            (number,) = struct.unpack("!H", packet[6:8])
            if number < len(self._sent):
                self.round_trips.setdefault(number, time.monotonic() - self._sent[number])


def _open(family: socket.AddressFamily) -> socket.socket:
    """A socket for ICMP. Raises ProbeFailed (`probe_error`) when the system permits none."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            sock = socket.socket(family, kind, _PROTOCOL[family])
        except PermissionError:
            continue
        sock.setblocking(False)
        sock.setsockopt(*_RECVERR[family], 1)
        return sock
    raise ProbeFailed(Reason.PROBE_ERROR, _FORBIDDEN)


def _checksum(data: bytes) -> int:
    """RFC 1071; the kernel does it again for datagram sockets and for ICMPv6."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
