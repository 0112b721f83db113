"""Tokens of Google Cloud: fetched in a thread, kept, renewed before they end, one fetch at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.background import in_background
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.google_credentials import CLOUD_PLATFORM, Token, Wanted, mint
from staging_exporter.net.google_transport import GoogleTransport, unanswered
from staging_exporter.net.renewed import Fetched, Renewed
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import Url

_EARLY = 225.0  # seconds before its end when a token is renewed; the metadata server repeats its own until then
_MARGIN = 0.15  # seconds before the deadline of a run
_LAST = 10.0  # seconds before its end when a token is no longer sent
_FETCH = 25.0  # seconds that one fetch, of up to three requests, may take beyond the run that began it


class GoogleTokens:
    """`await tokens.access_token(timeout)` and `await tokens.id_token(audience, timeout)`: a token, or ProbeFailed.

    `timeout` is in seconds, and is kept. Every failure has the reason `credentials` and a detail in words.
    A service account in `account` is impersonated. `refused(token)`, after a 401, drops it: the next caller fetches a
    new one. `endpoint` replaces scheme and host of all Google APIs, that of tokens included.
    """

    def __init__(self, resolver: Resolver, endpoint: Url | None = None) -> None:
        self.resolver, self.endpoint = resolver, endpoint
        self._tokens: dict[Wanted, Renewed[str]] = {}
        self._asking: dict[Wanted, GoogleTransport] = {}
        self._quota: dict[str, str] = {}

    async def access_token(self, timeout: float, scopes: Sequence[str] = (CLOUD_PLATFORM,), account: str = "") -> str:
        """An access token for the APIs of Google Cloud."""
        return await self.token(Wanted(tuple(scopes), account=account), timeout)

    async def id_token(self, audience: str, timeout: float, account: str = "") -> str:
        """An identity token, which a private Cloud Run service or IAP accepts when `audience` is its own."""
        return await self.token(Wanted(audience=audience, account=account), timeout)

    @property
    def quota_headers(self) -> dict[str, str]:
        """Sent with access tokens: the project whose quota is used, where the credentials name one."""
        return self._quota

    def refused(self, token: str) -> None:
        """A server answered 401 to this token: the next one is a new one."""
        for kept in self._tokens.values():
            if kept.value == token:
                kept.forget()

    async def token(self, wanted: Wanted, timeout: float) -> str:
        """The token that is wanted."""
        if wanted not in self._tokens:
            self._tokens[wanted] = Renewed(lambda: self._fetch(wanted))
        try:
            return await self._tokens[wanted].get(timeout)
        except TimeoutError:
            server = self._asking[wanted].asking or "token server"
            detail = unanswered(server, f"no answer within {format_duration(round(timeout, 1))}")
            raise ProbeFailed(Reason.CREDENTIALS, detail) from None

    def forget(self, wanted: Wanted) -> None:
        """The same for a token that is named by what was wanted."""
        if wanted in self._tokens:
            self._tokens[wanted].forget()

    async def _fetch(self, wanted: Wanted) -> Fetched[str]:
        transport = self._asking[wanted] = GoogleTransport(self.resolver, self.endpoint, _FETCH)
        token: Token = await in_background(lambda: mint(wanted, transport))
        if not wanted.audience and not wanted.account:
            self._quota = {"X-Goog-User-Project": token.quota_project} if token.quota_project else {}
        end = time.monotonic() + token.end - time.time()
        return Fetched(token.text, end - _EARLY, end - _LAST)


def tokens_of(context: ProbeContext) -> GoogleTokens:
    """The tokens that all runs share, as the context's prober has them; own ones where there is no prober."""
    if not isinstance(context.google, GoogleTokens):
        context.google = GoogleTokens(context.resolver)
    return context.google


def time_to_wait(context: ProbeContext) -> float:
    """Seconds to wait for a token, so that it is the token that is named when the run ends."""
    return max(context.remaining - _MARGIN, context.remaining / 2)
