"""Secrets of a configuration that cannot be read on this machine: missing variables and files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from pydantic import BaseModel

from staging_exporter.config.loader import Config
from staging_exporter.core.model import ProbeFailed
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.options.secrets import FromEnv, FromFile

_PATIENCE = 1.0  # seconds that all of them together may take


async def missing_secrets(config: Config) -> dict[str, list[str]]:
    """The error of each secret that cannot be read now, and the components or keys that use it."""
    run = ProbeContext(_PATIENCE, Resolver())
    users: dict[str, object] = {**config.checks, **{c.name: check for c, check in config.vantage}}
    found: dict[str, list[str]] = {}
    uses = [
        (user, secret)
        for user, options in {"api.token": config.token, **users}.items()
        for secret in dict.fromkeys(_secrets(options))
    ]
    errors = await asyncio.gather(*(_error(run, secret) for _, secret in uses))
    for (user, _), error in zip(uses, errors, strict=True):
        if error is not None and user not in found.setdefault(error, []):
            found[error].append(user)
    return found


async def _error(run: ProbeContext, secret: FromEnv | FromFile) -> str | None:
    try:
        await run.reveal(secret)
    except ProbeFailed as error:
        return error.detail
    return None


def _secrets(value: object) -> Iterator[FromEnv | FromFile]:
    """All secrets in it, at any depth."""
    if isinstance(value, FromEnv | FromFile):
        yield value
    elif isinstance(value, BaseModel):
        yield from _secrets([getattr(value, name) for name in type(value).model_fields])
    elif is_dataclass(value):
        yield from _secrets([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, Mapping):
        yield from _secrets(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item)
