"""Secrets of a configuration that cannot be read on this machine: missing variables and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from staging_exporter.config.loader import Config
from staging_exporter.core.model import ProbeFailed
from staging_exporter.options.secrets import FromEnv, FromFile


def missing_secrets(config: Config) -> dict[str, list[str]]:
    """The error of each secret that cannot be read now, and the components or keys that use it."""
    users: dict[str, object] = {**config.checks, **{c.name: check for c, check in config.vantage}}
    found: dict[str, list[str]] = {}
    for user, options in {"api.token": config.token, **users}.items():
        for error in dict.fromkeys(_errors(options)):
            found.setdefault(error, []).append(user)
    return found


def _errors(options: object) -> Iterator[str]:
    for secret in _secrets(options):
        try:
            secret.read()
        except ProbeFailed as error:
            yield error.detail


def _secrets(value: object) -> Iterator[FromEnv | FromFile]:
    """All secrets in it, at any depth."""
    if isinstance(value, FromEnv | FromFile):
        yield value
    elif isinstance(value, BaseModel):
        yield from _secrets([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, Mapping):
        yield from _secrets(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item)
