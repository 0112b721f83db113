"""The web configuration file of Prometheus' exporter-toolkit: TLS, users, headers, rate limit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md; what the ssl module cannot do is
refused, never weakened.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from staging_exporter.options.model import Duration, Listed, Model
from staging_exporter.options.secrets import FOLDER

Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
# Names of IANA, and of OpenSSL.
SUITES = {
    f"TLS_ECDHE_{key}_WITH_{iana}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for iana, openssl in {
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        "CHACHA20_POLY1305": "CHACHA20-POLY1305",
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
    }.items()
}
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def _beside_the_file(path: str, info: ValidationInfo) -> str:
    folder = info.context.get(FOLDER) if info.context else None
    return str(Path(folder or ".") / path) if path else path


def _suite(name: str) -> str:
    if name in _TLS13:
        raise ValueError(f"{name} is a suite of TLS 1.3, which cannot be chosen here: leave it out")
    if name not in SUITES:
        raise ValueError(f"{name!r} is not a cipher suite that is known here; known are {', '.join(SUITES)}")
    return name


def _client_auth(name: str) -> str:
    if name in _UNVERIFIED:
        raise ValueError(f"{name} asks for certificates without verifying them, which is not possible here: "
                         "use RequireAndVerifyClientCert")  # fmt: skip
    if name not in ("NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"):
        raise ValueError(f"{name!r} is not NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert")
    return name


def _curve(name: str) -> str:
    if name not in CURVES:
        raise ValueError(f"{name!r} is not a curve; choose {', '.join(CURVES)}")
    return name


def _hash(text: str) -> str:
    if not _BCRYPT.fullmatch(text):
        raise ValueError("the password is not a bcrypt hash; make one with `htpasswd -nBC 10 NAME`")
    return text


_File = Annotated[str, AfterValidator(_beside_the_file)]


class TlsServer(Model):
    """Certificates and versions; files are read again when they change."""

    cert: str = ""
    cert_file: _File = ""
    key: str = ""
    key_file: _File = ""
    client_ca: str = ""
    client_ca_file: _File = ""
    client_auth_type: Annotated[str, AfterValidator(_client_auth)] = ""
    client_allowed_sans: Listed[str] = ()
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: Listed[Annotated[str, AfterValidator(_suite)]] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[Listed[Annotated[str, AfterValidator(_curve)]], Field(max_length=1)] = ()

    @property
    def on(self) -> bool:
        """Whether the server speaks TLS, by the rule of the toolkit."""
        certificates = (self.cert, self.cert_file, self.key, self.key_file)
        return any((*certificates, self.client_ca, self.client_ca_file, self.client_auth_type))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from."""
        return tuple(filter(None, (self.cert_file, self.key_file, self.client_ca_file)))

    @model_validator(mode="after")
    def _complete(self) -> TlsServer:
        authority = self.client_ca or self.client_ca_file
        if self.on and not ((self.cert or self.cert_file) and (self.key or self.key_file)):
            raise ValueError("TLS needs a certificate and a key: cert_file and key_file")
        if authority and self.client_auth_type in ("", "NoClientCert"):
            raise ValueError("a client CA needs client_auth_type: RequireAndVerifyClientCert")
        if self.client_auth_type not in ("", "NoClientCert") and not authority:
            raise ValueError(f"client_auth_type {self.client_auth_type} needs client_ca_file")
        return self


_VALUES = {"X-Content-Type-Options": ("nosniff",), "X-Frame-Options": ("deny", "sameorigin")}
_HEADERS = ("Strict-Transport-Security", "X-XSS-Protection", "Content-Security-Policy", *_VALUES)


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name not in _HEADERS:
            raise ValueError(f"{name!r} is not a header that can be set; choose {', '.join(_HEADERS)}")
        if value and value not in _VALUES.get(name, (value,)):
            raise ValueError(f"{name} is {value!r}, expected {' or '.join(_VALUES[name])}")
        if not value.isprintable():
            raise ValueError(f"the value of {name} has a control character")
    return headers


class HttpServer(Model):
    """Headers of every response; HTTP/2 is accepted and not served."""

    http2: bool = True
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)


class RateLimitOptions(Model):
    """One request each `interval`, `burst` of them at once, for the whole server."""

    interval: Duration = 0.0
    burst: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _admits_something(self) -> RateLimitOptions:
        if self.interval and not self.burst:
            raise ValueError("an interval without a burst refuses every request; set burst to 1 or more")
        return self


def _none_is_empty(value: Any) -> Any:
    return {} if value is None else value


class WebConfig(Model):
    """The whole file."""

    tls_server_config: TlsServer = TlsServer()
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, Annotated[str, AfterValidator(_hash)]] = Field(default_factory=dict)
    rate_limit: RateLimitOptions = RateLimitOptions()

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, tree: Any) -> Any:
        """A section without a value is an empty one, as in Go."""
        return {key: _none_is_empty(value) for key, value in tree.items()} if isinstance(tree, dict) else tree
