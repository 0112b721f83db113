"""What routes read from requests: bodies, validated strictly with plain errors, uploads, the scrape timeout."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from staging_exporter.core.redaction import clean, without_controls
from staging_exporter.evidence.runs import RUN_ID
from staging_exporter.options.model import Duration, Listed, Model

_LONGEST_WINDOW = 30 * 86400.0  # seconds
_MAX_UPLOAD = 20_000_000  # bytes
_CHUNK = 256 * 1024  # bytes
_BODY = 10.0  # seconds that a small body may take
_SLOWEST = 10_000.0  # bytes per second of an upload that took longer than that
_SCRAPE_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
_OFFSET = 0.5  # seconds before the end of a scrape when its probe ends, as in blackbox_exporter
Components = Annotated[Listed[str], Field(min_length=1, max_length=1000)]


class Maintenance(Model):
    """`POST /api/v1/maintenance`: a window of `duration` from now on; `0s` ends it."""

    components: Components
    duration: Annotated[Duration, Field(le=_LONGEST_WINDOW)]


class Deployed(Model):
    """`POST /api/v1/deploys`: components that were deployed just now. The revision is cleaned for page and log."""

    components: Components
    revision: Annotated[str, StringConstraints(max_length=200), AfterValidator(lambda text: clean(text))] = ""


class Remark(Model):
    """`POST /api/v1/incidents/ID/notes`: what somebody has to say, or that somebody takes care of it, or both."""

    note: Annotated[str, StringConstraints(max_length=2000), AfterValidator(without_controls)] = ""
    acknowledge: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Remark:
        if not self.note.strip() and not self.acknowledge:
            raise ValueError("give a `note`, or `acknowledge: true`")
        return self


M = TypeVar("M", bound=Model)


async def parsed(model: type[M], request: web.Request) -> M:
    """The JSON body as this model. Raises HTTPBadRequest, with one line per error."""
    try:
        async with asyncio.timeout(_BODY):
            body = await request.read()
        return parse(model, json.loads(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body took longer than {_BODY:g} s.\n") from None
    except (ValueError, web.RequestPayloadError) as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    except RecursionError:
        raise web.HTTPBadRequest(text="the body is nested too deeply.\n") from None


def parse(model: type[M], body: Any) -> M:
    """The body as this model. Raises ValueError, with one line per error."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        found = ((".".join(map(str, e["loc"])) or "body", e["msg"]) for e in error.errors())
        raise ValueError("\n".join(f"{at}: {text.removeprefix('Value error, ')}" for at, text in found)) from None


def probe_deadline(request: web.Request) -> float | None:
    """Seconds that a probe may take by Prometheus' scrape timeout; None without one. Raises HTTPBadRequest."""
    text = request.headers.get(_SCRAPE_TIMEOUT)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise web.HTTPBadRequest(text=f"{_SCRAPE_TIMEOUT}: {text[:50]!r} is not a number of seconds.\n")
    return max(seconds - _OFFSET, seconds / 2)


def run_id(request: web.Request) -> str | None:
    """The run that a pushed report belongs to; None without one. Raises HTTPBadRequest."""
    run = request.query.get("run")
    if run is not None and not re.fullmatch(RUN_ID, run):
        raise web.HTTPBadRequest(text="run: a run id has at most 64 letters, digits, dots, dashes and underscores.\n")
    return run


async def upload(request: web.Request) -> AsyncIterator[bytes]:
    """The body in chunks.

    Raises ConnectionError when the client disconnects, TimeoutError when it is too slow, HTTPRequestEntityTooLarge.
    """
    received, began = 0, monotonic()
    async for chunk in request.content.iter_chunked(_CHUNK):
        if (spent := monotonic() - began) > _BODY and received / spent < _SLOWEST:
            raise TimeoutError
        received += len(chunk)
        if max(received, request.content_length or 0) > _MAX_UPLOAD:
            raise web.HTTPRequestEntityTooLarge(_MAX_UPLOAD, request.content_length or received)
        yield chunk
