"""The option types of the configuration: durations, secrets, addresses, TLS. Imported by kinds and by config."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, PlainSerializer, model_validator
from pydantic_core import core_schema

from staging_exporter.core.model import ProbeFailed, Reason

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
# Prometheus' own grammar: each unit at most once, largest first (prometheus/common, model/time.go).
_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")


def parse_duration(text: object) -> float:
    """Seconds of a Prometheus duration such as `1m30s`; `0` needs no unit. Raises ValueError."""
    if text == 0 or text == "0":
        return 0.0
    if not isinstance(text, str) or not text or not (match := _DURATION.fullmatch(text)):
        raise ValueError(f"{text!r} is not a duration; write it like 500ms, 15s or 1m30s")
    parts = [re.fullmatch(r"(\d+)([a-z]+)", part) for part in match.groups() if part]
    return sum(int(part[1]) * _UNITS[part[2]] for part in parts if part)


def format_duration(seconds: float) -> str:
    """The shortest Prometheus duration for `seconds`, rounded to milliseconds: 90.0 -> `1m30s`."""
    rest, text = round(seconds * 1000), ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS[unit] * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    Field(json_schema_extra={"type": "string", "examples": ["500ms", "15s", "1m30s"]}),
]
PositiveDuration = Annotated[Duration, Field(gt=0)]


_SIZE = re.compile(r"(\d{1,15})(B|KiB|MiB)?")


def parse_size(text: object) -> int:
    """Bytes of a size such as `64KiB` or `1MiB`; a bare number is bytes. Raises ValueError."""
    match = None if isinstance(text, bool) else _SIZE.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is not a size; write it like 512, 64KiB or 1MiB")
    return int(match[1]) * {None: 1, "B": 1, "KiB": 1024, "MiB": 1024**2}[match[2]]


Size = Annotated[int, BeforeValidator(parse_size), Field(json_schema_extra={"examples": ["64KiB", "1MiB"]})]


T = TypeVar("T")
# YAML knows lists, frozen models want tuples: the one conversion that strict validation is spared.
Listed = Annotated[tuple[T, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]


class Model(BaseModel):
    """The base of everything configured: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FromEnv(Model):
    """A secret in an environment variable."""

    env: str

    def read(self) -> str:
        """The value now. Raises ProbeFailed (`probe_error`) when the variable is not set."""
        value = os.environ.get(self.env)
        if value is None:
            raise ProbeFailed(Reason.PROBE_ERROR, f"environment variable {self.env} is not set")
        return value


class FromFile(Model):
    """A secret in a file, re-read on every use; one trailing newline is dropped."""

    file: str

    def read(self) -> str:
        """The value now. Raises ProbeFailed (`probe_error`) when the file cannot be read."""
        try:
            return Path(self.file).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise ProbeFailed(Reason.PROBE_ERROR, f"secret file {self.file}: {error.strerror}") from None
        except UnicodeDecodeError:  # which quotes a byte of the secret
            raise ProbeFailed(Reason.PROBE_ERROR, f"secret file {self.file}: not UTF-8 text") from None


def _no_literal(value: object) -> object:
    if not isinstance(value, (dict, FromEnv, FromFile)):
        raise ValueError("a secret does not belong in this file: write {env: NAME} or {file: PATH}")
    if isinstance(value, dict) and set(value) not in ({"env"}, {"file"}):
        raise ValueError("a secret is {env: NAME} or {file: PATH}")
    return value


Secret = Annotated[FromEnv | FromFile, BeforeValidator(_no_literal)]


def _web_link(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\x00-\x1f\x7f\"<>\\^`{|}]+", value):
        raise ValueError("a link begins with https:// or http://, and has no spaces, quotes or braces")
    return value


# To be shown to people, never fetched. What RFC 3986 lets no URL have could end a template or an attribute.
WebLink = Annotated[str, BeforeValidator(_web_link, json_schema_input_type=str)]


class HostPort(NamedTuple):
    """Where to connect: a name or an IP address, and a port. A host that begins with `/` is a unix socket."""

    host: str
    port: int

    @property
    def unix(self) -> bool:
        """True for a unix socket."""
        return self.host.startswith("/")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host that a connection to it asks, none for a unix socket: what `Check.hosts` is made of."""
        return () if self.unix else (self.host,)

    def __str__(self) -> str:
        if self.unix:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(text: object) -> HostPort:
    """`host:port`, `[v6]:port` or `/unix/socket` -> HostPort. Raises ValueError."""
    if isinstance(text, HostPort):
        return text
    if isinstance(text, str) and text.startswith("/"):
        return HostPort(text, 0)
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]/@]+)):(\d{1,5})", text) if isinstance(text, str) else None
    if not match or not 0 < int(match[3]) < 65536:
        raise ValueError(f"{text!r} is not an address; write it like db.internal:5432 or [::1]:5432")
    return HostPort(match[1] or match[2], int(match[3]))


def _address_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_before_validator_function(
        parse_host_port,
        core_schema.any_schema(),
        serialization=core_schema.to_string_ser_schema(),
        json_schema_input_schema=core_schema.str_schema(),
    )


Address = Annotated[HostPort, GetPydanticSchema(_address_schema)]
IpFamily = Literal["auto", 4, 6]


class Tls(Model):
    """How to speak TLS; an empty mapping means: verified, by the system's authorities, TLS 1.2 or later."""

    ca_file: str | None = Field(None, description="PEM file of the authorities to trust instead of the system's")
    cert_file: str | None = Field(None, description="PEM file of the client certificate")
    key_file: str | None = Field(None, description="PEM file of its key, when not in cert_file")
    server_name: str | None = Field(None, description="name to ask for and to verify instead of the host")
    insecure_skip_verify: bool = Field(False, description="accept any certificate")
    min_version: Literal["1.2", "1.3"] = "1.2"
    max_version: Literal["1.2", "1.3"] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Tls:
        if self.max_version is not None and self.max_version < self.min_version:
            raise ValueError("tls: max_version is below min_version")
        return self
