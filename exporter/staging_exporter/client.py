"""The HTTP client behind `--from` and `--to`: the API of a running exporter; every failure is one plain sentence."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

from pydantic import TypeAdapter, ValidationError

from staging_exporter.core.redaction import without_controls
from staging_exporter.views.document_types import IncidentDocument, StatusDocument, SuggestionsDocument

MAX_REPORT = 20_000_000  # bytes
_TIMEOUT = 10.0  # seconds
_PUSH_TIMEOUT = 60.0  # seconds
_POLL = 1.0  # seconds between two requests
_MAX_RESPONSE = 64 * 1024 * 1024  # bytes
_CHUNK = 256 * 1024  # bytes
_UNAVAILABLE = frozenset({502, 503, 504})  # statuses of a proxy while the exporter behind it restarts
Document = TypeVar("Document")


class ClientError(Exception):
    """The exporter did not respond, or refused; the text is the reason."""


class Refused(ClientError):
    """The exporter responded that it will not do it."""


class Client:
    """Talks to the exporter at `url`, with its api.token where one is needed."""

    def __init__(self, url: str, token: str | None = None, timeout: float = _TIMEOUT) -> None:
        """Raises ClientError when `url` is not an HTTP address."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ClientError(f"{url!r} is not the address of an exporter; write it like http://127.0.0.1:9877")
        self._url, self._token, self._timeout = url.rstrip("/"), token, timeout

    def status(self) -> StatusDocument:
        """The document of `/api/v1/status`. Raises ClientError."""
        return self._get("/api/v1/status", StatusDocument)

    def wait_for_status(self, done: Callable[[StatusDocument], bool], seconds: float) -> StatusDocument:
        """The first status for which `done` is true, requested once a second; after `seconds` the last one.

        An exporter that does not answer is asked again: raises ClientError when the last request failed, or refused.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                status = self.status()
                if done(status) or time.monotonic() >= deadline:
                    return status
            except Refused:
                raise
            except ClientError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(min(_POLL, max(0.0, deadline - time.monotonic())))

    def push_report(self, component: str, file: Path, run: str | None = None) -> dict[str, Any]:
        """Push a report of a test suite; returns what the exporter read in it. Raises ClientError.

        Reports with the same `run` are judged together.
        """
        try:
            size = file.stat().st_size
            if size > MAX_REPORT:
                raise ClientError(f"{file} has {size} bytes, the exporter accepts at most {MAX_REPORT}")
            with file.open("rb") as body:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
                path = f"/api/v1/e2e/{urllib.parse.quote(component, safe='')}"
                path += f"?{urllib.parse.urlencode({'run': run})}" if run else ""
                return dict(self._send("PUT", path, body, headers, _PUSH_TIMEOUT))
        except OSError as error:
            raise ClientError(f"{file} cannot be read: {error.strerror or error}") from None

    def incidents(self) -> list[IncidentDocument]:
        """The incidents, newest first. Raises ClientError."""
        return self._get("/api/v1/incidents", list[IncidentDocument])

    def suggestions(self) -> SuggestionsDocument:
        """What the incidents say about the configuration. Raises ClientError."""
        return self._get("/api/v1/suggestions", SuggestionsDocument)

    def maintain(self, components: list[str], duration: str) -> dict[str, Any]:
        """Begin a maintenance window now. Raises ClientError."""
        return dict(self._call("POST", "/api/v1/maintenance", {"components": components, "duration": duration}))

    def deploy(self, components: list[str], revision: str) -> dict[str, Any]:
        """Mark components as deployed just now. Raises ClientError."""
        return dict(self._call("POST", "/api/v1/deploys", {"components": components, "revision": revision}))

    def _get(self, path: str, form: type[Document]) -> Document:
        """A document of this form, without control characters. Raises ClientError."""
        try:
            return TypeAdapter(form).validate_python(without_controls(self._call("GET", path)))
        except ValidationError:
            message = f"the server at {self._url} is not a staging-exporter, or of another version"
            raise ClientError(message) from None

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self._send(method, path, None if body is None else json.dumps(body).encode(), headers, self._timeout)

    def _send(
        self, method: str, path: str, body: bytes | BinaryIO | None, headers: Mapping[str, str], timeout: float
    ) -> Any:
        headers = {"Accept": "application/json", **headers}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._url + path, body, headers, method=method)  # noqa: S310  http(s) only, see __init__
        try:
            with _OPENER.open(request, timeout=timeout) as response:
                return json.loads(_read(response, time.monotonic() + timeout))
        except urllib.error.HTTPError as error:
            kind = ClientError if error.code in _UNAVAILABLE else Refused
            elsewhere = error.headers.get("Location") if 300 <= error.code < 400 else None
            said = f"it points at {_line(elsewhere)}, which is not followed" if elsewhere else _message(error)
            raise kind(f"{self._url} answered {error.code}: {said}") from None
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            reason = getattr(error, "reason", error)
            reason = getattr(reason, "strerror", None) or reason  # without the number of the error
            raise ClientError(f"cannot reach an exporter at {self._url}: {reason}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: the token is for the exporter that was named, and a redirected POST becomes a GET."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """None, so that the response is raised as an error."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """The whole body. Raises TimeoutError when it is not complete by the deadline."""
    body = bytearray()
    while (chunk := response.read1(_CHUNK)) and len(body) < _MAX_RESPONSE:
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError("the response takes too long")
    return bytes(body)


def _message(error: urllib.error.HTTPError) -> str:
    """The message of an error response, as one printable line."""
    try:
        text = error.read(2000).decode(errors="replace")
    except (OSError, HTTPException):
        text = ""
    return _line(text) or _line(str(error.reason))


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
