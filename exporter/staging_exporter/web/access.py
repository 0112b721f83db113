"""Who may do what: tokens and users, the rule against forged requests of browsers, limits on failed logins.

Owns every decision about a request before its handler runs; imported by `server`.
"""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from staging_exporter.options.access import Api, Scope, Token
from staging_exporter.web.failures import FailedLogins

TOKEN_HEADER = "X-Staging-Exporter-Token"  # where a proxy needs Authorization for itself
_ALL = frozenset(Scope)
_ANONYMOUS = "anonymous"
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_WRITES = frozenset((Scope.WRITE, Scope.REPORT))
# A proxy in front of a unix socket acts for clients that may be anywhere; it sends one of these headers.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "True-Client-IP", "Via")
_HOW = (
    "writes are off: the configuration has no token. Add `api: {token: {env: STAGING_EXPORTER_TOKEN}}` to it, or use a "
    "unix socket: run with --web.listen-address unix:/PATH, and write to it with --to unix:/PATH.\n"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: a name for log and answers, the address, what is allowed."""

    name: str
    address: str
    scopes: frozenset[Scope]

    def __str__(self) -> str:
        return f"{self.name} at {self.address}"


CALLER = web.RequestKey("caller", Caller)


class Users(Protocol):
    """The users of the web configuration file."""

    @property
    def configured(self) -> bool:
        """Whether there are any: then everything requires a login."""

    async def known(self, authorization: str, address: str) -> str | None:
        """The name of the user whose password this is; None for anybody else.

        Raises HTTPTooManyRequests after too many failures.
        """


class Access:
    """The rules of one exporter."""

    def __init__(
        self,
        tokens: Callable[[], Awaitable[Sequence[Token]]],
        users: Users,
        failures: FailedLogins,
        options: Callable[[], Options],
    ) -> None:
        """`tokens` and `options` are asked on every request, since a reload may change them."""
        self._tokens, self._users, self._failures, self._options = tokens, users, failures, options

    async def admit(self, request: web.Request, scope: Scope) -> Caller:
        """Who it is. Raises HTTPUnauthorized, HTTPForbidden and HTTPTooManyRequests for those who may not."""
        options, address = self._options(), address_of(request)
        if options.hosts and _host(request.headers.get("Host", "")) not in options.hosts:
            raise web.HTTPMisdirectedRequest(text="this host name is not served here: see api.hosts.\n")
        caller = await self._caller(request, options, address)
        if caller is None:
            return self._anonymous(request, scope, address, options)
        # Who may read may also run a check on demand; `probe` adds those that run programs.
        if scope not in caller.scopes and not (scope == Scope.PROBE and Scope.READ in caller.scopes):
            raise web.HTTPForbidden(text=f"{caller.name} does not have the scope {scope}.\n")
        return caller

    async def _caller(self, request: web.Request, options: Options, address: str) -> Caller | None:
        """Who proved to be one; None for a request without credentials. Raises HTTPUnauthorized for wrong ones."""
        authorization, given = request.headers.get("Authorization", ""), request.headers.get(TOKEN_HEADER)
        if given is None:
            bearer = _BEARER.fullmatch(authorization.strip())
            given = bearer[1] if bearer else None
        if given is not None and not options.tokens:
            return None  # nothing that it could be compared with
        if given is not None:
            for token in await self._tokens():
                if token.value is not None and _same(given.strip(), token.value):
                    return Caller(token.name, address, token.scopes)
            self._failures.count(address)
            raise self._unauthorized()
        if not authorization:
            return None
        user = await self._users.known(authorization, address)
        if user is None:
            raise self._unauthorized()
        if request.method not in ("GET", "HEAD"):
            refuse_forged(request, options.origin)
        return Caller(user, address, options.users.get(user, frozenset((Scope.READ,))))

    def _anonymous(self, request: web.Request, scope: Scope, address: str, options: Options) -> Caller:
        """The caller without credentials, where it may. Raises HTTPUnauthorized and HTTPForbidden."""
        if scope not in _WRITES:
            if self._users.configured or not options.anonymous_reads:
                raise self._unauthorized()
            return Caller(_ANONYMOUS, address, frozenset((Scope.READ,)))
        if options.tokens or self._users.configured:
            raise self._unauthorized()
        if not over_unix_socket(request):
            raise web.HTTPForbidden(text=_HOW)
        if any(name in request.headers for name in _FORWARDED):
            raise web.HTTPForbidden(text="writes over a unix socket are for programs, not for proxies.\n")
        refuse_forged(request, options.origin)
        return Caller(_ANONYMOUS, address, _ALL)

    def _unauthorized(self) -> web.HTTPUnauthorized:
        text = "this endpoint requires an api.token or a user: pass --token or set STAGING_EXPORTER_TOKEN.\n"
        schemes = ["Basic", "Bearer"] if self._users.configured else ["Bearer"]
        return web.HTTPUnauthorized(text=text, headers=[("WWW-Authenticate", scheme) for scheme in schemes])


@dataclass(frozen=True, slots=True)
class Options:
    """The rules that the configuration sets; `tokens` is whether there are any."""

    tokens: bool
    users: Mapping[str, frozenset[Scope]]
    anonymous_reads: bool
    hosts: Collection[str]
    origin: str = ""  # host and port by which browsers reach it, beside those that they say themselves

    @classmethod
    def of(cls, api: Api, origin: str = "") -> Options:
        """Those of the key `api`."""
        users = {name: frozenset(scopes) for name, scopes in api.users.items()}
        return cls(bool(api.secrets), users, api.anonymous_reads, frozenset(host.lower() for host in api.hosts), origin)


def refuse_forged(request: web.Request, own: str) -> None:
    """Refuse a write that a page of another origin than `own` may have made a browser send. Raises HTTPForbidden.

    A form of HTML cannot send JSON, and a script of another origin cannot without a preflight, which is not answered.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    foreign = site not in (None, "same-origin", "none")
    foreign |= origin is not None and urlsplit(origin).netloc not in (own, request.headers.get("Host"))
    if foreign or (request.method == "POST" and request.can_read_body and request.content_type != "application/json"):
        text = "a write without a token must be application/json and must not come from a page of another origin.\n"
        raise web.HTTPForbidden(text=text)


def address_of(request: web.Request) -> str:
    """The address of the peer, `unix` for that of a unix socket."""
    return "unix" if over_unix_socket(request) else (request.remote or "").removeprefix("::ffff:")


def over_unix_socket(request: web.Request) -> bool:
    """Whether the request came over a unix socket."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    return connection is not None and connection.family == socket.AF_UNIX


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def _host(header: str) -> str:
    return re.sub(r":\d+$", "", header).strip("[]").lower().rstrip(".")
