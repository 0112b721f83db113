"""The option `auth.oauth2`: access tokens by client credentials, a password or a refresh token (RFC 6749)."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response, status_reason
from staging_exporter.net.http import HttpRequest, Transport, fetch
from staging_exporter.net.proxy import basic
from staging_exporter.net.tokens import token_end
from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.secrets import Secret

_EARLY = 30.0  # seconds before it expires when a token is fetched again
_MAX_TOKEN = 64 * 1024
_REFUSED = frozenset({400, 401})  # a refresh token that is no longer valid: section 5.2


class OAuth2(Model):
    """A token by client credentials (section 4.4), a user's password (4.3) or a refresh token (6)."""

    token_url: HttpUrl
    client_id: str
    client_secret: Secret | None = Field(None, description="without it the client is a public one")
    scopes: Listed[str] = ()
    params: dict[str, str] = Field(default_factory=dict, description="further fields of the request, such as audience")
    username: str | None = Field(None, description="of the user whose password is sent")
    password: Secret | None = None
    refresh_token: Secret | None = Field(None, description="token that is exchanged for an access token")

    @model_validator(mode="after")
    def _one_grant(self) -> OAuth2:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.password is not None and self.refresh_token is not None:
            raise ValueError("password and refresh_token exclude each other")
        if self.client_secret is None and self.password is None and self.refresh_token is None:
            raise ValueError("give client_secret, username and password, or refresh_token")
        return self

    @property
    def server(self) -> str:
        """Who issues the token, for details."""
        return f"token server {self.token_url.authority}"

    @property
    def host(self) -> str:
        """The host of that server."""
        return self.token_url.host

    async def token(self, context: ProbeContext, transport: Transport) -> str:
        """The access token, cached until 30 s before it expires; fact `token_not_after` is when that is.

        Raises ProbeFailed, OSError, ssl.SSLError.
        """
        cached: tuple[str, float] | None = context.cache.get(self.cache_key)
        if cached is None:
            answer = await self._fetch(context, transport)
            cached = answer["access_token"], _end(answer)
            context.cache.put(self.cache_key, cached, time.monotonic() + cached[1] - time.time() - _EARLY)
        token, end = cached
        if end > time.time():
            context.facts[Fact.TOKEN_NOT_AFTER] = end
        return token

    @property
    def cache_key(self) -> tuple[str, str]:
        """Under which the token is cached: everything that it was fetched with."""
        return "oauth2", self.model_dump_json()

    async def _fetch(self, context: ProbeContext, transport: Transport) -> dict[str, Any]:
        """The response of the server, with its refresh token first, if it gave one before."""
        kept = ("oauth2 refresh", self.cache_key[1])
        newest: str | None = context.cache.get(kept)
        response = None
        if newest is not None:
            grant = {"grant_type": "refresh_token", "refresh_token": newest}
            response = await self._ask(context, transport, grant)
            if response.status in _REFUSED:
                context.cache.forget(kept)
                response = None
        answer = _document(response or await self._ask(context, transport, await self._grant(context)))
        token, refresh = answer.get("access_token"), answer.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise ProbeFailed(Reason.CONTENT, "the response has no access_token")
        context.secrets.add(token)
        if isinstance(refresh, str) and refresh:
            context.secrets.add(refresh)
            context.cache.put(kept, refresh)
        return answer

    async def _grant(self, context: ProbeContext) -> dict[str, str]:
        if self.username is not None and self.password is not None:
            password = await context.reveal(self.password)
            return {"grant_type": "password", "username": self.username, "password": password}
        if self.refresh_token is not None:
            return {"grant_type": "refresh_token", "refresh_token": await context.reveal(self.refresh_token)}
        return {"grant_type": "client_credentials"}

    async def _ask(self, context: ProbeContext, transport: Transport, grant: dict[str, str]) -> Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        form = grant | ({"scope": " ".join(self.scopes)} if self.scopes else {}) | self.params
        if self.client_secret is None:
            form["client_id"] = self.client_id
        else:  # section 2.3.1: both are form-encoded before they become Basic credentials
            secret = await context.reveal(self.client_secret)
            headers["Authorization"] = basic(context, quote(self.client_id, ""), quote(secret, ""))
        request = HttpRequest(self.token_url, "POST", headers, urlencode(form).encode())
        inner = context.for_another_request(context.remaining)  # its phases and facts are not the target's
        inner.helpers = context.helpers
        with context.phase("token"):
            return await fetch(inner, request, transport, follow=False, max_body=_MAX_TOKEN)


def _end(answer: dict[str, Any]) -> float:
    """Unix seconds: by `expires_in`, or as the token itself says; now when neither does."""
    lifetime = answer.get("expires_in")
    if isinstance(lifetime, int | float) and 0 < lifetime < 2**31:
        return time.time() + lifetime
    return token_end(answer["access_token"]) or time.time()


def _document(response: Response) -> dict[str, Any]:
    """A successful response. Raises ProbeFailed."""
    if response.status != 200:
        detail = f"status {response.status}, expected 200; body: {response.text[:200]}"
        raise ProbeFailed(status_reason(response.status), detail)
    if response.fault is not None:
        raise response.fault
    try:
        document = response.document
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ProbeFailed(Reason.CONTENT, f"the response is not a JSON object: {response.text[:100]}")
    return document
