"""The HTTP client behind `--from` and `--to`: a running exporter's API, every failure in one plain sentence."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

_TIMEOUT = 10.0  # seconds
_MAX_ANSWER = 64 * 1024 * 1024


class ClientError(Exception):
    """The exporter could not be asked, or refused; the text says why."""


class Client:
    """Talks to the exporter at `url`, with its api.token where one is needed."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Raises ClientError when `url` is not an HTTP address."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ClientError(f"{url!r} is not the address of an exporter; write it like http://127.0.0.1:9877")
        self._url, self._token = url.rstrip("/"), token

    def status(self) -> dict[str, Any]:
        """The document of `/api/v1/status`. Raises ClientError."""
        return dict(self._call("GET", "/api/v1/status"))

    def incidents(self) -> list[dict[str, Any]]:
        """The incidents, newest last. Raises ClientError."""
        return list(self._call("GET", "/api/v1/incidents"))

    def maintain(self, components: list[str], duration: str) -> dict[str, Any]:
        """Begin a maintenance window now. Raises ClientError."""
        return dict(self._call("POST", "/api/v1/maintenance", {"components": components, "duration": duration}))

    def deploy(self, components: list[str], revision: str) -> dict[str, Any]:
        """Say that components were deployed just now. Raises ClientError."""
        return dict(self._call("POST", "/api/v1/deploys", {"components": components, "revision": revision}))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310  http(s) only, see __init__
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
                return json.loads(response.read(_MAX_ANSWER))
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace").strip()
            raise ClientError(f"{self._url} answered {error.code}: {said or error.reason}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ClientError(f"no exporter answers at {self._url}: {reason}") from None
