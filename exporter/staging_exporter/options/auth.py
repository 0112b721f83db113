"""How a request proves who it is: basic, bearer, and tokens that are fetched first."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import Trace
from staging_exporter.net.exchange import Response, status_reason
from staging_exporter.net.http import MAX_BODY, Call, Via, fetch
from staging_exporter.net.proxy import basic
from staging_exporter.net.url import Url
from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.secrets import Secret

_EARLY = 30.0  # seconds before its end when a token is fetched anew
_MAX_TOKEN = 64 * 1024
# Tokens by the options that they were fetched with: (token, monotonic time of its end).
_tokens: dict[str, tuple[str, float]] = {}


class Basic(Model):
    """RFC 7617."""

    username: str
    password: Secret


class OAuth2(Model):
    """A token by client credentials, RFC 6749 section 4.4."""

    token_url: HttpUrl
    client_id: str
    client_secret: Secret
    scopes: Listed[str] = ()
    params: dict[str, str] = Field(default_factory=dict, description="further fields of the request, such as audience")

    async def token(self, trace: Trace, via: Via) -> str:
        """The access token, from memory until 30 s before its end. Raises ProbeFailed, OSError, ssl.SSLError."""
        found, end = _tokens.get(self._key, ("", 0.0))
        if end <= time.monotonic():
            found, end = await self._fetch(trace, via)
            for key in [key for key, (_, over) in _tokens.items() if over <= time.monotonic()]:
                del _tokens[key]
            _tokens[self._key] = (found, end)
        return found

    def forget(self) -> None:
        """Drop the token: the target refused it."""
        _tokens.pop(self._key, None)

    @property
    def _key(self) -> str:
        return self.model_dump_json()

    async def _fetch(self, trace: Trace, via: Via) -> tuple[str, float]:
        secret = trace.reveal(self.client_secret)
        # RFC 6749 section 2.3.1: both are form-encoded before they become Basic credentials.
        headers = {
            "Authorization": basic(trace, quote(self.client_id, ""), quote(secret, "")),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        form = {"grant_type": "client_credentials", **({"scope": " ".join(self.scopes)} if self.scopes else {})}
        call = Call(self.token_url, "POST", headers, urlencode(form | self.params).encode())
        answer = _document(await _fetch_token(trace, call, via))
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise ProbeFailed(Reason.CONTENT, "the answer holds no access_token")
        lasts = answer.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int | float) else 0.0
        return token, time.monotonic() + seconds - _EARLY


class GoogleIdToken(Model):
    """An identity token of the service account that the exporter runs as, by Google's metadata server.

    https://cloud.google.com/run/docs/authenticating/service-to-service
    """

    audience: str
    metadata_url: HttpUrl = Field("http://metadata.google.internal", validate_default=True)

    async def token(self, trace: Trace, via: Via) -> str:
        """The identity token; the metadata server keeps it. Raises ProbeFailed, OSError."""
        path = "/computeMetadata/v1/instance/service-accounts/default/identity"
        url = self.metadata_url._replace(target=f"{path}?audience={quote(self.audience, '')}")
        response = await _fetch_token(trace, Call(url, headers={"Metadata-Flavor": "Google"}), Via())
        return response.text.strip()


class Auth(Model):
    """Exactly one way of proving who we are."""

    basic: Basic | None = None
    bearer: Secret | None = None
    oauth2: OAuth2 | None = None
    google_id_token: GoogleIdToken | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"auth is exactly one of {', '.join(type(self).model_fields)}")
        return self

    async def headers(self, trace: Trace, via: Via) -> dict[str, str]:
        """The Authorization header. Phase `token`, when one is fetched; its failures begin with `token: `."""
        if self.basic is not None:
            return {"Authorization": basic(trace, self.basic.username, trace.reveal(self.basic.password))}
        if self.bearer is not None:
            return {"Authorization": f"Bearer {trace.reveal(self.bearer)}"}
        source = self.oauth2 or self.google_id_token
        assert source is not None
        with trace.blaming("token"):
            token = await source.token(trace, via.elsewhere())
        trace.secrets.add(token)
        return {"Authorization": f"Bearer {token}"}

    def refused(self, status: int) -> None:
        """Told of the status of the target: with 401 a kept token is dropped."""
        if status == 401 and self.oauth2 is not None:
            self.oauth2.forget()


def hosts_asked(url: Url, auth: Auth | None) -> tuple[str, ...]:
    """The host of the URL, and the one that tokens come from."""
    return (url.host, auth.oauth2.token_url.host) if auth and auth.oauth2 else (url.host,)


async def fetch_as(
    auth: Auth | None, trace: Trace, call: Call, via: Via, *, follow: bool = True, max_body: int = MAX_BODY
) -> Response:
    """`fetch` with the Authorization header, if any; a kept token that the target refuses is dropped."""
    if auth is None:
        return await fetch(trace, call, via, follow=follow, max_body=max_body)
    call = replace(call, headers={**call.headers, **await auth.headers(trace, via)})
    response = await fetch(trace, call, via, follow=follow, max_body=max_body)
    auth.refused(response.status)
    return response


async def _fetch_token(trace: Trace, call: Call, via: Via) -> Response:
    """A successful answer. Its inner phases and facts stay out of those of the target."""
    with trace.phase("token"):
        response = await fetch(_apart(trace), call, via, follow=False, max_body=_MAX_TOKEN)
    if response.status != 200:
        detail = f"status {response.status}, expected 200; body: {response.text[:200]}"
        raise ProbeFailed(status_reason(response.status), detail)
    if response.fault is not None:
        raise response.fault
    return response


def _apart(trace: Trace) -> Trace:
    inner = Trace(trace.remaining, trace.resolver)
    inner.secrets = trace.secrets
    inner.blamed = trace.blamed
    return inner


def _document(response: Response) -> dict[str, Any]:
    try:
        document = response.document
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ProbeFailed(Reason.CONTENT, f"the answer is not a JSON object: {response.text[:100]}")
    return document
