"""Digest credentials for one request: RFC 7616, with the older MD5 and servers without `qop` of RFC 2069."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_PARAMETER = re.compile(r'[\s,]*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"(?:^|,)\s*Digest\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for; `parameters` by their lower-case names."""

    parameters: dict[str, str]

    @property
    def algorithm(self) -> str:
        """`MD5`, `SHA-256` or `SHA-512-256`, with `-sess` where the server wants it."""
        return self.parameters.get("algorithm", "MD5").upper()

    def answer(self, method: str, target: str, body: bytes, username: str, password: str) -> str:
        """The value of `Authorization` for this request."""
        asked, name = self.parameters, self.algorithm.removesuffix("-SESS")
        digest = _hash(_ALGORITHMS[name])
        realm, nonce, cnonce = asked.get("realm", ""), asked.get("nonce", ""), secrets.token_hex(8)
        offered = [item.strip().lower() for item in asked.get("qop", "").split(",") if item.strip()]
        qop = "auth" if "auth" in offered else offered[0] if offered else ""
        secret = digest(f"{username}:{realm}:{password}".encode())
        if self.algorithm.endswith("-SESS"):
            secret = digest(f"{secret}:{nonce}:{cnonce}".encode())
        what = f"{method}:{target}" + (f":{digest(body)}" if qop == "auth-int" else "")
        between = [nonce, "00000001", cnonce, qop] if qop else [nonce]
        fields = {
            "username": digest(f"{username}:{realm}".encode()) if asked.get("userhash") == "true" else username,
            "realm": realm,
            "nonce": nonce,
            "uri": target,
            "response": digest(":".join([secret, *between, digest(what.encode())]).encode()),
        }
        fields |= {"cnonce": cnonce} if qop or self.algorithm.endswith("-SESS") else {}
        fields |= {"opaque": asked["opaque"]} if "opaque" in asked else {}
        quoted = [f'{key}="{_escaped(value)}"' for key, value in fields.items()]
        plain = [f"algorithm={asked['algorithm']}"] if "algorithm" in asked else []
        plain += [f"qop={qop}", "nc=00000001"] if qop else []
        plain += ["userhash=true"] if asked.get("userhash") == "true" else []
        return f"Digest {', '.join([*quoted, *plain])}"


def find_challenge(headers: Sequence[tuple[str, str]]) -> Challenge | None:
    """The first challenge of a response whose algorithm is known here; None without one."""
    for name, value in headers:
        if name != "www-authenticate":
            continue
        for scheme in _SCHEME.finditer(value):
            challenge = Challenge(_parameters(value, scheme.end()))
            if challenge.algorithm.removesuffix("-SESS") in _ALGORITHMS:
                return challenge
    return None


def _parameters(text: str, at: int) -> dict[str, str]:
    found: dict[str, str] = {}
    while match := _PARAMETER.match(text, at):
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        at = match.end()
    return found


def _hash(name: str) -> Callable[[bytes], str]:
    return lambda data: hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
