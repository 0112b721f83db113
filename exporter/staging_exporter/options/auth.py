"""The option `auth`: basic credentials, a bearer token, and tokens that are fetched first."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Literal

from pydantic import Field, model_validator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.digest import find_challenge
from staging_exporter.net.exchange import Response
from staging_exporter.net.http import MAX_BODY, BodyReader, HttpRequest, Transport, fetch
from staging_exporter.net.proxy import basic
from staging_exporter.net.tokens import date_of, token_end
from staging_exporter.net.url import Url
from staging_exporter.options.google_tokens import GoogleAccessToken, GoogleIdToken
from staging_exporter.options.model import Model
from staging_exporter.options.oauth2 import OAuth2
from staging_exporter.options.secrets import Secret


class Basic(Model):
    """RFC 7617."""

    username: str
    password: Secret


class Auth(Model):
    """Credentials of the exporter: exactly one of these, in the header `header`."""

    header: Literal["Authorization", "X-Serverless-Authorization"] = Field(
        "Authorization",
        description="X-Serverless-Authorization: for Cloud Run, beside the application's own Authorization",
    )
    basic: Basic | None = None
    digest: Basic | None = Field(None, description="username and password, RFC 7616")
    bearer: Secret | None = None
    oauth2: OAuth2 | None = None
    google_id_token: GoogleIdToken | None = None
    google_access_token: GoogleAccessToken | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        ways = [name for name in type(self).model_fields if name != "header"]
        if len(self.model_fields_set & set(ways)) != 1:
            raise ValueError(f"auth is exactly one of {', '.join(ways)}")
        if self.digest is not None and self.header != "Authorization":
            raise ValueError("digest credentials go in the header Authorization")
        return self

    async def headers(self, context: ProbeContext, transport: Transport) -> dict[str, str]:
        """The header with the credentials, none for digest ones; phase `token`, when one is fetched.

        Raises ProbeFailed: `credentials` when the bearer token has expired, `probe_error` when a secret cannot be read.
        When the server of tokens fails, the reason is `credentials`, and the detail names that server.
        """
        if self.digest is not None:
            return {}
        value = await self._value(context, transport)
        return {self.header: value, **(self.google_access_token.more(context) if self.google_access_token else {})}

    async def _value(self, context: ProbeContext, transport: Transport) -> str:
        if self.basic is not None:
            return basic(context, self.basic.username, await context.reveal(self.basic.password))
        if self.bearer is not None:
            bearer = await context.reveal(self.bearer)
            if (end := token_end(bearer)) is not None and end <= time.time():
                raise ProbeFailed(Reason.CREDENTIALS, f"the bearer token expired on {date_of(end)}")
            return f"Bearer {bearer}"
        if google := self.google_id_token or self.google_access_token:
            return f"Bearer {await google.token(context)}"
        assert self.oauth2 is not None
        with context.helper(self.oauth2.server, Reason.CREDENTIALS, self.oauth2.host):
            token = await self.oauth2.token(context, transport.elsewhere())
        context.secrets.add(token)
        return f"Bearer {token}"

    @property
    def is_authorization(self) -> bool:
        """True when the application cannot have an Authorization of its own."""
        return self.header == "Authorization"

    def require_in_advance(self) -> None:
        """Raises ValueError for credentials that only answer a challenge, in a kind that sends one request."""
        if self.digest is not None:
            raise ValueError("auth.digest works with the kinds http, promql and e2e")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host of the token server, where there is one."""
        return (self.oauth2.token_url.host,) if self.oauth2 else ()

    def check_refusal(self, context: ProbeContext, status: int) -> None:
        """Drop a cached token when the `status` of the target says that it is not valid."""
        if status == 401 and self.oauth2 is not None:
            context.cache.forget(self.oauth2.cache_key)
        if status == 401 and (google := self.google_access_token or self.google_id_token):
            google.refused(context)


def hosts_asked(url: Url, auth: Auth | None) -> tuple[str, ...]:
    """The host of the URL, and that of the token server."""
    twice = (url.host,) if auth and auth.digest else ()  # a challenge, and its answer
    return (url.host, *twice, *(auth.hosts if auth else ()))


async def fetch_as(
    auth: Auth | None,
    context: ProbeContext,
    request: HttpRequest,
    transport: Transport,
    *,
    follow: bool = True,
    max_body: int = MAX_BODY,
    cookies: bool = True,
    read: BodyReader | None = None,
) -> Response:
    """`fetch` with the Authorization header, if any; a cached token that the target refuses is dropped."""
    send = partial(fetch, follow=follow, max_body=max_body, cookies=cookies, read=read)
    if auth is None:
        return await send(context, request, transport)
    request = replace(request, headers={**request.headers, **await auth.headers(context, transport)})
    response = await send(context, request, transport)
    auth.check_refusal(context, response.status)
    if auth.digest is not None and response.status == 401:
        again = await _with_digest(auth.digest, context, request, response)
        return await send(context, again, transport) if again else response
    return response


async def _with_digest(
    credentials: Basic, context: ProbeContext, request: HttpRequest, response: Response
) -> HttpRequest | None:
    """The request that answers the challenge of `response`; None without one, or after a redirect to another origin."""
    challenge, url = find_challenge(response.headers), response.url or request.url
    if challenge is None or url.origin != request.url.origin:
        return None
    password = await context.reveal(credentials.password)
    value = challenge.answer(request.method, url.target, request.body, credentials.username, password)
    context.secrets.add(value)
    context.log("answering the challenge for digest credentials")
    return replace(request, url=url, headers={**request.headers, "Authorization": value})
