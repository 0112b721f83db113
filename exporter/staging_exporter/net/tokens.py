"""When our own credentials end: JSON Web Tokens say it themselves (RFC 7519 section 4.1.4)."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any, Protocol

_LAST = 253402300799  # the end of the year 9999


class GoogleTokenSource(Protocol):
    """Tokens of Google Cloud, within `timeout` seconds. Raises ProbeFailed (`credentials`)."""

    async def access_token(self, timeout: float) -> str:
        """An access token for its APIs."""

    async def id_token(self, audience: str, timeout: float) -> str:
        """An identity token."""

    def refused(self, token: str) -> None:
        """A server answered 401 to this token: the next one is a new one."""


def claims_of(text: str) -> Any:
    """The claims of a JSON Web Token, alone or behind a scheme such as `Bearer`, not verified; None of other texts."""
    try:
        _, claims, _ = text.split()[-1].split(".")
        return json.loads(base64.urlsafe_b64decode(claims + "=="))
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def token_end(text: str) -> float | None:
    """Unix seconds of the `exp` of a JSON Web Token, alone or behind a scheme such as `Bearer`; None without one."""
    claims = claims_of(text)
    end: Any = claims.get("exp") if isinstance(claims, dict) else None
    usable = isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end)
    return float(end) if usable and 0 < end < _LAST else None


def date_of(moment: float) -> str:
    """Unix seconds, at most those of the year 9999, as `2026-01-31 12:00:00 UTC`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
