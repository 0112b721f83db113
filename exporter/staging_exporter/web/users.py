"""Users with passwords: bcrypt off the loop, right ones remembered, wrong ones limited before they are hashed.

Imported by `app`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from aiohttp import web

from staging_exporter.web.failures import FailedLogins

_REMEMBERED = 100  # passwords that were right
_WAITING = 4  # attempts of one address on one user that wait for their hash
_LONGEST = 72  # bytes that bcrypt looks at, and Go's cuts to
_NOBODY = "$CwTycUXWue0Thq9StjUM0uJ8e1b6gX3Q1pCe1oZc9w1h1o0QpHq8S"  # salt and hash of no password
_LIMITED = "too many failed logins, try again later.\n"


class PasswordUsers:
    """The users of a web configuration file."""

    def __init__(self, hashes: Callable[[], Mapping[str, str]], failures: FailedLogins) -> None:
        """`hashes` gives bcrypt by name, on every request, since the file may change."""
        self._hashes, self._failures = hashes, failures
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")

    @property
    def configured(self) -> bool:
        """Whether there are any."""
        return bool(self._hashes())

    async def known(self, authorization: str, address: str) -> str | None:
        """The name of the user whose password this is; None for anybody else.

        Raises HTTPTooManyRequests after too many failures of the address, unless the password was right before.
        """
        user, password = _credentials(authorization)
        if user is None:
            self._failures.count(address)
            return None
        expected = self._hashes().get(user)
        digest = hmac.digest(self._key, "\0".join((user, expected or "", password)).encode(), "sha256")
        if digest in self._right:
            self._right.move_to_end(digest)
            return user
        known = user if expected is not None else ""  # so that guesses of others do not lock a user out
        if self._failures.too_many(address, known) or self._waiting[address, known] >= _WAITING:
            self._failures.total += 1
            raise web.HTTPTooManyRequests(text=_LIMITED)
        if await self._hash(address, known, password, expected):
            self._right[digest] = None
            if len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)
            return user
        self._failures.count(address, known)
        return None

    async def _hash(self, address: str, known: str, password: str, expected: str | None) -> bool:
        self._waiting[address, known] += 1
        try:
            loop = asyncio.get_running_loop()
            against = (expected or stand_in(self._hashes().values())).encode()
            return await loop.run_in_executor(self._thread, _matches, password, against) and expected is not None
        finally:
            self._waiting[address, known] -= 1
            if not self._waiting[address, known]:
                del self._waiting[address, known]


def stand_in(hashes: Iterable[str]) -> str:
    """What an unknown user is compared with: as slow as the slowest of these, so that the time does not tell."""
    cost = max((text[4:6] for text in hashes), default="10")
    return f"$2b${cost}{_NOBODY}"


def _matches(password: str, against: bytes) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:_LONGEST], against)
    except ValueError:
        return False


def _credentials(authorization: str) -> tuple[str | None, str]:
    """User and password of `Basic ...`; None when it is something else."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None, ""
    return (user, password) if colon else (None, "")
