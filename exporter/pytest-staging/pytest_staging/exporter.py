"""Asking the exporter: one GET of `/api/v1/status`, every failure in one sentence."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from typing import IO

from pytest_staging.status import Status, read_status

TOKEN = "STAGING_EXPORTER_TOKEN"
HEADERS = "STAGING_EXPORTER_HEADERS"
_PATH = "/api/v1/status"
_TIMEOUT = 10.0  # seconds, for the whole answer
_MAX_ANSWER = 64 * 1024 * 1024  # bytes
_PIECE = 256 * 1024
_AWAY = frozenset({502, 503, 504})  # what a proxy answers while the exporter behind it restarts
_PORTS = {"http": 80, "https": 443}


class AddressError(ValueError):
    """The address or a header cannot be used; the text says what is wrong, without credentials."""


class Away(Exception):
    """No exporter answers: the environment cannot be judged now."""


class Refused(Exception):
    """Something answers, but not with a status: the address or the credentials are wrong."""


class Exporter:
    """The exporter at an address, with the credentials from the address and the environment variables."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Raises AddressError."""
        try:
            parts = urllib.parse.urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise AddressError(f"the address of the exporter is invalid: {error}") from None
        if parts.scheme not in _PORTS or not host:
            raise AddressError("the address of the exporter is invalid, expected one like http://127.0.0.1:9877")
        literal = f"[{host}]" if ":" in host else host
        where = literal if port is None else f"{literal}:{port}"
        self.url = f"{parts.scheme}://{where}{parts.path.rstrip('/')}"  # shown to people: without credentials
        self._headers = {"Accept": "application/json", "User-Agent": "pytest-staging"}
        self._credentials = _credentials(parts, environ)

    def status(self) -> Status:
        """What the exporter says now. Raises Away and Refused."""
        headers = self._headers | self._credentials
        request = urllib.request.Request(self.url + _PATH, headers=headers)  # noqa: S310  http or https, see __init__
        opener = urllib.request.build_opener(_Redirects(guarded=bool(self._credentials)))
        try:
            with opener.open(request, timeout=_TIMEOUT) as response:
                body = _read(response, time.monotonic() + _TIMEOUT)
                kind = response.headers.get_content_type()
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, ValueError, HTTPException) as error:
            raise Away(f"no exporter answers at {self.url}: {getattr(error, 'reason', error)}") from None
        try:
            return read_status(json.loads(body))
        except (ValueError, RecursionError):
            raise Refused(f"no staging-exporter at {self.url}: the answer is {kind}, not its status") from None

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        if error.code in _AWAY:
            return Away(f"no exporter answers at {self.url}: status {error.code}")
        if error.code in (401, 403):
            return Refused(f"{self.url} answered {error.code}; credentials are read from {TOKEN} and {HEADERS}")
        if 300 <= error.code < 400:
            return Refused(
                f"{self.url} redirects to {_origin(error.headers.get('Location', ''))}: {_first_line(error.msg)}"
            )
        return Refused(f"no staging-exporter at {self.url}: it answered {error.code}")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but takes credentials to no other host and to no plain connection."""

    def __init__(self, *, guarded: bool) -> None:
        self._guarded = guarded

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if self._guarded and not _same_peer(req.full_url, newurl):
            text = "credentials are not sent there, configure that address if it is the exporter's"
            raise urllib.error.HTTPError(req.full_url, code, text, headers, fp)
        if urllib.parse.urlsplit(newurl).scheme not in _PORTS:
            raise urllib.error.HTTPError(req.full_url, code, "not an HTTP address", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _same_peer(old: str, new: str) -> bool:
    """The same scheme, host and port, or the same host's https on its default port."""
    before, after = urllib.parse.urlsplit(old), urllib.parse.urlsplit(new)
    if before.hostname != after.hostname:
        return False
    ports = [parts.port or _PORTS.get(parts.scheme) for parts in (before, after)]
    upgraded = (before.scheme, after.scheme, ports[1]) == ("http", "https", 443)
    return upgraded or (before.scheme == after.scheme and ports[0] == ports[1])


def _credentials(parts: urllib.parse.SplitResult, environ: Mapping[str, str]) -> dict[str, str]:
    """Headers that only the exporter may see: the address's user, the token, or headers written out, the last wins."""
    found: dict[str, str] = {}
    if parts.username is not None:
        user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
        found["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    if token := environ.get(TOKEN, "").strip():
        found["Authorization"] = f"Bearer {token}"
    for number, line in enumerate(environ.get(HEADERS, "").splitlines(), start=1):
        name, colon, value = line.partition(":")
        if line.strip() and not (colon and name.strip()):
            raise AddressError(f"{HEADERS}, line {number}: expected NAME: VALUE")
        if line.strip():
            found[name.strip().title()] = value.strip()
    if not all(text.isascii() and text.isprintable() for header in found.items() for text in header):
        raise AddressError(f"{TOKEN} and {HEADERS} must be printable ASCII")
    return found


def _first_line(text: str) -> str:
    return text.partition("\n")[0].strip()


def _origin(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url.partition("?")[0]


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """The body, which must arrive in time as a whole. Raises TimeoutError, IncompleteRead and ValueError."""
    body = bytearray()
    while piece := response.read1(_PIECE):
        body += piece
        if len(body) > _MAX_ANSWER:
            raise ValueError("the answer is too large")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer does not end")
    if response.length:  # read1 does not say so itself
        raise IncompleteRead(bytes(body), response.length)
    return bytes(body)
