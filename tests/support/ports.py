"""Ports of tests that nobody else takes."""

from __future__ import annotations

import contextlib
import os
import socket
from itertools import cycle

_LOWEST, _OF_THE_SYSTEM, _EACH = 10_000, 32_768, 64  # the system gives ports from 32768 on to whoever asks for any
_places = cycle(range(_EACH))


def free_port() -> int:
    """A port at which nothing listens, nor will: each process of the tests takes from some that are its own."""
    first = _LOWEST + os.getpid() % ((_OF_THE_SYSTEM - _LOWEST) // _EACH) * _EACH
    for _ in range(_EACH):
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port := first + next(_places)))
            return port
    raise OSError(f"all ports from {first} to {first + _EACH - 1} are taken")
