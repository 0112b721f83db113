"""A connected socket to one of the addresses of a name, by Happy Eyeballs (RFC 8305): late addresses join the race."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket

from aiohappyeyeballs import start_connection

from staging_exporter.net.resolve import AddrInfo, Lookup

_ATTEMPT_DELAY = 0.25  # seconds between the attempts to two addresses: RFC 8305 section 5
# From the host itself, then from the network; all others are ours.
_TELLING = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH)


async def dial(lookup: Lookup) -> socket.socket:
    """Connect to whichever address of `lookup` answers first. Raises OSError, that of the first failure."""
    attempts = {asyncio.create_task(_start(lookup.found))}
    late, failures = lookup.late, list[OSError]()
    try:
        while attempts or late:
            done, _ = await asyncio.wait({*attempts, *([late] if late else [])}, return_when=asyncio.FIRST_COMPLETED)
            for attempt in attempts & done:
                attempts.discard(attempt)
                if isinstance(error := attempt.exception(), OSError):
                    failures.append(error)
                else:
                    return attempt.result()
            if late in done and late is not None:
                if more := lookup.arrived():
                    attempts.add(asyncio.create_task(_start(more)))
                late = None
        raise failures[0]
    finally:
        lookup.close()
        for attempt in attempts:
            attempt.add_done_callback(_close)
            attempt.cancel()


async def _start(addresses: list[AddrInfo]) -> socket.socket:
    try:
        return await start_connection(addresses, happy_eyeballs_delay=_ATTEMPT_DELAY)
    except OSError as error:
        raise _most_telling(error) from None


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    """The loser of the race may have connected in the same moment."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _most_telling(error: OSError) -> OSError:
    """The failure to report when several addresses failed in different ways: rather that of the host than ours.

    The library then raises an OSError without `errno`, and has the numbers in its text alone.
    """
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))]
    if error.errno is not None or not numbers:
        return error
    decisive = next((number for number in _TELLING if number in numbers), numbers[0])
    return OSError(decisive, os.strerror(decisive))
