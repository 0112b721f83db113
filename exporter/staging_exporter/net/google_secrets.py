"""Secrets of Google's Secret Manager: https://cloud.google.com/secret-manager/docs/reference/rest."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from functools import partial

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response
from staging_exporter.net.failures import classify
from staging_exporter.net.google import GoogleTokens, time_to_wait, tokens_of
from staging_exporter.net.google_transport import error_in_words, located, readable_by_others
from staging_exporter.net.http import HttpRequest, Transport, fetch
from staging_exporter.net.renewed import Fetched, Renewed
from staging_exporter.net.url import Url

_FRESH = 60.0  # seconds until a secret is asked for again
_USABLE = 600.0  # seconds for which it is used while Secret Manager does not answer
_FETCH = 10.0  # seconds for the token, and for each request
_MAX_ANSWER = 128 * 1024  # a secret has at most 64 KiB


async def read_secret(context: ProbeContext, name: str) -> bytes:
    """The secret `projects/P/secrets/S`, within the run; its latest version where the name has none.

    Kept for a minute, and for up to ten while Secret Manager does not answer. Raises ProbeFailed (`credentials`).
    """
    key = ("google secret", name)
    kept: Renewed[bytes] | None = context.cache.get(key)
    if kept is None:
        kept = Renewed(partial(_fetch, tokens_of(context), name))
        context.cache.put(key, kept)
    limit = time_to_wait(context)
    try:
        return await kept.get(limit)
    except TimeoutError:
        detail = f"Google secret {name}: no answer within {format_duration(round(limit, 1))}"
        raise ProbeFailed(Reason.CREDENTIALS, detail) from None


async def _fetch(tokens: GoogleTokens, name: str) -> Fetched[bytes]:
    try:
        token = "" if readable_by_others(tokens.endpoint) else await tokens.access_token(_FETCH)
        response = await _access(tokens, name, token)
        if response.status == 401 and token:
            tokens.refused(token)
            response = await _access(tokens, name, await tokens.access_token(_FETCH))
        value = _payload(response)
    except ProbeFailed as error:
        raise ProbeFailed(Reason.CREDENTIALS, f"Google secret {name}: {error.detail}") from None
    now = time.monotonic()
    return Fetched(value, now + _FRESH, now + _USABLE)


async def _access(tokens: GoogleTokens, name: str, token: str) -> Response:
    version = name if "/versions/" in name else f"{name}/versions/latest"
    place, own = located(Url("https", _host(name), 443, f"/v1/{version}:access"), tokens.endpoint)
    context = ProbeContext(_FETCH, tokens.resolver)
    sent = {"Authorization": f"Bearer {token}", **tokens.quota_headers} if token else {}
    request = HttpRequest(place, headers=own | sent)
    try:
        async with asyncio.timeout(_FETCH):
            return await fetch(context, request, Transport(), follow=False, max_body=_MAX_ANSWER)
    except Exception as error:
        raise ProbeFailed(Reason.CREDENTIALS, classify(error, context)[1]) from None


def _host(name: str) -> str:
    """The API of a regional secret is that of its region."""
    parts = name.split("/")
    return f"secretmanager.{parts[3]}.rep.googleapis.com" if parts[2] == "locations" else "secretmanager.googleapis.com"


def _payload(response: Response) -> bytes:
    if response.status != 200:
        raise ProbeFailed(Reason.CREDENTIALS, f"status {response.status}, expected 200: {error_in_words(response)}")
    try:
        return base64.b64decode(response.document["payload"]["data"], validate=True)
    except (ValueError, LookupError, TypeError, binascii.Error):
        raise ProbeFailed(Reason.CREDENTIALS, "the answer has no payload") from None
