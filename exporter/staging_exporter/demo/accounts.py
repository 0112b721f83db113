"""The users of the demo: their password, sessions by cookie, and tokens (JWT, HS256)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from staging_exporter.demo.switches import Switch

USERS = ("anna", "bert")
AUDIENCE = "netra-chat"
COOKIE = "netra_session"
SESSION = "sess_"  # what the value of a cookie begins with, so that it can be searched for
_LIFETIME = 3600  # seconds of a token
_MODES = {
    "ok": "gives a session cookie and a token",
    "wrong-password": "the password of the prober was changed",
    "no-cookie": "sets no cookie",
    "other-audience": "gives a token for another audience",
}


class Accounts:
    """Logs users in, and recognises them again; in front of it is the switch `login`."""

    def __init__(self, password: str, scale: float = 1.0) -> None:
        self.switch = Switch("login", _MODES, scale)
        self._password = password
        self._key = secrets.token_bytes(32)
        self._sessions: dict[str, str] = {}

    def log_in(self, user: object, password: object) -> tuple[str, str | None] | None:
        """A token and, unless none is set, the value of the cookie; None when user or password are wrong."""
        known = user in USERS and isinstance(password, str) and hmac.compare_digest(password, self._password)
        if not known or self.switch.mode == "wrong-password":
            return None
        audience = "another-service" if self.switch.mode == "other-audience" else AUDIENCE
        token = self._sign({"sub": user, "aud": audience, "exp": int(time.time()) + _LIFETIME})
        if self.switch.mode == "no-cookie":
            return token, None
        session = SESSION + secrets.token_hex(16)
        self._sessions = dict([*self._sessions.items()][-1000:]) | {session: str(user)}
        return token, session

    def of_session(self, session: str | None) -> str | None:
        """The user who has this cookie; None when nobody has."""
        return self._sessions.get(session or "")

    def of_token(self, authorization: str) -> str | None:
        """The user of a bearer token that is valid here; None when it is not."""
        body, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(body).encode()):
            return None
        claims = json.loads(base64.urlsafe_b64decode(body.partition(".")[2] + "=="))
        return claims["sub"] if claims["aud"] == AUDIENCE and claims["exp"] > time.time() else None

    def _sign(self, claims: dict[str, Any]) -> str:
        body = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return _encoded(hmac.digest(self._key, body.encode("utf-8", "replace"), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
