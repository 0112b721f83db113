"""The protocols of systemd: sockets that it opened, and notifications of start, reload, stop and watchdog.

By the manual pages sd_listen_fds(3) and sd_notify(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

_FIRST = 3  # the descriptor of the first socket


class Inherited(socket.socket):
    """A listening socket that systemd opened, and that stays when this process ends."""


class NoSockets(Exception):
    """systemd passed no sockets to this process."""


def sockets(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The sockets that systemd passed, in the order of the unit; children do not inherit them. Raises NoSockets."""
    process, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdecimal() or count == "0":
        raise NoSockets("--web.systemd-socket: systemd passed no sockets; start it by a unit of type socket")
    found: list[socket.socket] = []
    for descriptor in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(descriptor, False)
        found.append(Inherited(fileno=descriptor))
    return found


class Notifier:
    """Tells the service manager how this process is doing; does nothing where there is none."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Takes the variables out of the environment, so that children do not notify in our name."""
        self._address = environ.pop("NOTIFY_SOCKET", "")
        watched, process = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        mine = process in ("", str(os.getpid()))
        self.watchdog = int(watched) / 1e6 if watched.isdecimal() and mine else 0.0
        """Seconds without `alive` after which this process is restarted; 0 is never."""

    def ready(self, status: str) -> None:
        """The start, or a reload, is complete."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self, monotonic: float) -> None:
        """A reload began at that moment of the monotonic clock, in seconds."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1e6)}")

    def stopping(self) -> None:
        """The stop began."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """For the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)
