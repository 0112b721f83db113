"""The HTTP client behind `--from` and `--to`: the API of a running exporter; every failure is one plain sentence."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

from pydantic import TypeAdapter, ValidationError

from staging_exporter.core.redaction import without_controls
from staging_exporter.views.document_types import (
    ComponentDetailDocument,
    IncidentDetailDocument,
    IncidentDocument,
    StatusDocument,
    SuggestionsDocument,
)

MAX_REPORT = 20_000_000  # bytes
_TIMEOUT = 10.0  # seconds
TOKEN_HEADER = "X-Staging-Exporter-Token"  # where `Authorization` is taken
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


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client shows: a token of the exporter, `NAME:PASSWORD`, further headers, files of certificates.

    `ca_file` replaces the authorities of the system; `cert_file` holds the client's certificate, and its key where
    `key_file` is not given.
    """

    token: str | None = None
    user: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def as_headers(self) -> dict[str, str]:
        """The headers of every request; a token leaves `Authorization` to whoever else needs it."""
        sent = dict(self.headers)
        if self.user is not None:
            sent["Authorization"] = f"Basic {base64.b64encode(self.user.encode()).decode()}"
        if self.token is not None:
            taken = any(name.lower() == "authorization" for name in sent)
            sent |= {TOKEN_HEADER: self.token} if taken else {"Authorization": f"Bearer {self.token}"}
        return sent

    def context(self) -> ssl.SSLContext:
        """For TLS. Raises ClientError when a file is of no use."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            raise ClientError(f"cannot use the certificates: {getattr(error, 'strerror', None) or error}") from None
        return context


class Client:
    """Talks to the exporter at `url`, with credentials where they are needed."""

    def __init__(self, url: str, credentials: Credentials | None = None, timeout: float = _TIMEOUT) -> None:
        """`url` is an HTTP address, or `unix:/PATH`. Raises ClientError when it is neither."""
        shown = credentials or Credentials()
        path = url.removeprefix("unix:") if url.startswith("unix:/") else None
        parts = urllib.parse.urlsplit(url)
        if path is None and (parts.scheme not in ("http", "https") or not parts.netloc):
            example = "http://127.0.0.1:9877 or unix:/run/staging-exporter/socket"
            raise ClientError(f"{url!r} is not the address of an exporter; write it like {example}")
        self._name, self._timeout = url.rstrip("/"), timeout
        self._url = self._name if path is None else "http://localhost"
        self._headers = shown.as_headers()
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if path is not None:
            handlers += [_UnixHandler(path), urllib.request.ProxyHandler({})]
        elif parts.scheme == "https":
            handlers.append(urllib.request.HTTPSHandler(context=shown.context()))
        self._opener = urllib.request.build_opener(*handlers)

    def status(self) -> StatusDocument:
        """The document of `/api/v1/status`. Raises ClientError."""
        return self._get("/api/v1/status", StatusDocument)

    def component(self, name: str) -> ComponentDetailDocument:
        """The document of `/api/v1/components/NAME`. Raises ClientError."""
        return self._get(f"/api/v1/components/{urllib.parse.quote(name, safe='')}", ComponentDetailDocument)

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

    def incidents(self, **wanted: str | int | None) -> list[IncidentDocument]:
        """The incidents that match all `wanted`, such as `component`, newest first. Raises ClientError."""
        given = {name: value for name, value in wanted.items() if value is not None}
        return self._get(f"/api/v1/incidents?{urllib.parse.urlencode(given)}", list[IncidentDocument])

    def incident(self, id_: str) -> IncidentDetailDocument:
        """One incident with its story. Raises ClientError."""
        return self._get(f"/api/v1/incidents/{urllib.parse.quote(id_, safe='')}", IncidentDetailDocument)

    def postmortem(self, id_: str) -> str:
        """One incident as Markdown. Raises ClientError."""
        path = f"/incidents/{urllib.parse.quote(id_, safe='')}.md"
        return str(without_controls(self._send("GET", path, None, {}, self._timeout, parse=bytes.decode)))

    def annotate(self, id_: str, note: str, *, acknowledge: bool) -> dict[str, Any]:
        """Add a note to an incident, or acknowledge it. Raises ClientError."""
        path = f"/api/v1/incidents/{urllib.parse.quote(id_, safe='')}/notes"
        return dict(self._call("POST", path, {"note": note, "acknowledge": acknowledge}))

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
            message = f"the server at {self._name} is not a staging-exporter, or of another version"
            raise ClientError(message) from None

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self._send(method, path, None if body is None else json.dumps(body).encode(), headers, self._timeout)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None,
        headers: Mapping[str, str],
        timeout: float,
        parse: Callable[[bytes], Any] = json.loads,
    ) -> Any:
        headers = {"Accept": "application/json", **headers, **self._headers}
        request = urllib.request.Request(self._url + path, body, headers, method=method)  # noqa: S310  http(s) only, see __init__
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return parse(_read(response, time.monotonic() + timeout))
        except urllib.error.HTTPError as error:
            kind = ClientError if error.code in _UNAVAILABLE else Refused
            elsewhere = error.headers.get("Location") if 300 <= error.code < 400 else None
            said = f"it points at {_line(elsewhere)}, which is not followed" if elsewhere else _message(error)
            raise kind(f"{self._name} answered {error.code}: {said}") from None
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            reason = getattr(error, "reason", error)
            reason = getattr(reason, "strerror", None) or reason  # without the number of the error
            raise ClientError(f"cannot reach an exporter at {self._name}: {reason}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: the token is for the exporter that was named, and a redirected POST becomes a GET."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """None, so that the response is raised as an error."""


class _UnixHandler(urllib.request.HTTPHandler):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Open it, whatever the host of the request."""
        return self.do_open(lambda host, **options: _UnixConnection(self._path, host, **options), req)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._path = path

    def connect(self) -> None:
        """To the socket at the path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is asked for its password")


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
