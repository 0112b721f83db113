"""Requests of google-auth, sent by our own client: with a deadline, our resolver, and plain words on failure."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response
from staging_exporter.net.failures import classify
from staging_exporter.net.http import HttpRequest, Transport, fetch
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import Url, parse_url

_REQUEST = 10.0  # seconds for one request
_GRACE = 5.0  # seconds more before a thread stops waiting for the loop
_MAX_ANSWER = 64 * 1024
_METADATA_SERVER = "metadata server"
_HINT = ": not on Google Cloud?"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_APIS = ".googleapis.com"


def metadata_host() -> str:
    """Host and port of the metadata server; the variables are those of Google's own libraries."""
    return os.environ.get("GCE_METADATA_HOST") or os.environ.get("GCE_METADATA_ROOT") or "metadata.google.internal"


def readable_by_others(endpoint: Url | None) -> bool:
    """True for plain HTTP to another machine, where no token may be sent."""
    return endpoint is not None and not endpoint.secure and endpoint.host not in _LOOPBACK


def located(url: Url, endpoint: Url | None) -> tuple[Url, dict[str, str]]:
    """Where a request to a Google API goes, with the header that keeps the API's own name; others are unchanged."""
    if endpoint is None or not url.host.endswith(_APIS):
        return url, {}
    return endpoint._replace(target=url.target), {"Host": url.authority}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response in the form that google-auth reads."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class GoogleTransport:
    """The `google.auth.transport.Request` of one fetch of a token; called in a thread, sends on the loop.

    `asking` names the server that was asked last. A response of another status than 200 raises, since google-auth
    would try it again for up to 16 s.
    """

    def __init__(self, resolver: Resolver, endpoint: Url | None, limit: float) -> None:
        self.asking = ""
        self._resolver, self._endpoint = resolver, endpoint
        self._loop = asyncio.get_running_loop()
        self._end = monotonic() + limit

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **options: object,
    ) -> Answer:
        """Send a request and wait. Raises ProbeFailed, always `credentials`; `timeout` is not that of the caller."""
        if options.get("cert"):
            raise ProbeFailed(Reason.CREDENTIALS, "federation by client certificates is not supported")
        if isinstance(body, str):
            body = body.encode()
        sent = asyncio.run_coroutine_threadsafe(self._send(url, method, body or b"", dict(headers or {})), self._loop)
        return sent.result(_REQUEST + _GRACE)  # a loop that ended answers nobody

    async def _send(self, text: str, method: str, body: bytes, headers: dict[str, str]) -> Answer:
        url = parse_url(text, ("http", "https"))
        metadata = any(name.lower() == "metadata-flavor" for name in headers)
        if metadata:  # google-auth read the variables when it was imported
            url = parse_url(f"http://{metadata_host()}{url.target}", ("http",))
        self.asking = f"{_METADATA_SERVER} {url.authority}" if metadata else f"token server {url.authority}"
        place, own = located(url, None if metadata or readable_by_others(self._endpoint) else self._endpoint)
        request = HttpRequest(place, method, headers | own, body)
        context = ProbeContext(min(_REQUEST, max(0.01, self._end - monotonic())), self._resolver)
        try:
            async with asyncio.timeout(context.remaining):
                response = await fetch(context, request, Transport(), follow=False, max_body=_MAX_ANSWER)
        except Exception as error:
            raise ProbeFailed(Reason.CREDENTIALS, unanswered(self.asking, classify(error, context)[1])) from None
        self._check(response, metadata)
        return Answer(response.status, {name.lower(): value for name, value in response.headers}, response.body)

    def _check(self, response: Response, metadata: bool) -> None:
        if response.status != 200:
            seen = f"status {response.status}, expected 200: {error_in_words(response)}"
            raise ProbeFailed(Reason.CREDENTIALS, f"{self.asking}: {seen}")
        if metadata and (response.header("metadata-flavor") or "").lower() != "google":
            kind = response.header("content-type") or "no content type"
            seen = f"something else answers in its place ({kind}, without the header Metadata-Flavor: Google)"
            raise ProbeFailed(Reason.CREDENTIALS, f"{self.asking}: {seen}{_HINT}")
        if response.fault is not None:
            raise ProbeFailed(Reason.CREDENTIALS, f"{self.asking}: the response was cut short")


def unanswered(server: str, detail: str) -> str:
    """Words for a server that gave no response; `server` begins with its role."""
    return f"the {server} does not answer{_HINT if server.startswith(_METADATA_SERVER) else ''} ({detail})"


def error_in_words(response: Response) -> str:
    """The error that an answer of OAuth 2.0 or of a Google API carries, else the beginning of its body."""
    try:
        document = json.loads(response.text)
        error = document["error"]
        if isinstance(error, dict):
            return f"{error.get('status', '')} {error['message']}".strip()[:300]
        return ": ".join(str(part) for part in (error, document.get("error_description")) if part)[:300]
    except (ValueError, LookupError, TypeError, RecursionError):
        return response.text[:200].strip() or "no body"
