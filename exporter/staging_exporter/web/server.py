"""The HTTP routes: what is published, and the few endpoints that change something, behind the token rule."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from staging_exporter.core.incidents import Incident
from staging_exporter.core.probe_run import NoCheck, OverBudget, Probed
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.evidence.testcases import Unreadable
from staging_exporter.options.model import Model
from staging_exporter.views.document import component_document, document
from staging_exporter.views.exposition import TEXT, content_type
from staging_exporter.views.metrics import Metrics, ReloadStatus
from staging_exporter.views.probe import body as probe_body
from staging_exporter.views.probe import debug
from staging_exporter.web.pages import Pages
from staging_exporter.web.requests import Deployed, M, Maintenance, NotTaken, judge
from staging_exporter.web.responses import compressed, unknown
from staging_exporter.web.turns import in_turns

_MAX_REPORT = 20_000_000  # bytes
_UPLOAD = 120.0  # seconds that a report may take to come
_CHUNK = 256 * 1024
_SCRAPE_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
# A page in a browser here, or a proxy here, speaks for somebody who is not here.
_FROM_ELSEWHERE = ("Origin", "Forwarded", "X-Forwarded-For", "Via")
_OFFSET = 0.5  # seconds before the end of a scrape when its probe ends, as blackbox_exporter has it


class Exporter(Protocol):
    """What the routes need of the running exporter."""

    reload_status: ReloadStatus

    def snapshot(self) -> Snapshot:
        """What is published now."""

    async def reload(self) -> str | None:
        """Load the configuration again; what is wrong with it, or None."""

    async def probe(self, name: str, longest: float | None) -> Probed:
        """Run the check of a component now, within `longest` seconds. Raises KeyError, NoCheck and OverBudget."""

    def maintain(self, components: Sequence[str], duration: float) -> None:
        """Begin a maintenance window of `duration` seconds; 0 ends it. Raises KeyError for an unknown component."""

    def deploy(self, components: Sequence[str], revision: str) -> None:
        """Note that components were deployed just now. Raises KeyError for an unknown component."""

    async def take_report(self, component: str, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Keep a report that was pushed; what was read in it. Raises KeyError, NotTaken, Unreadable and OSError."""

    def incidents(self) -> Sequence[Incident]:
        """Past and present incidents, newest last."""

    def token(self) -> str | None:
        """The token that guards what changes something, None when there is none."""


def make_app(exporter: Exporter) -> web.Application:
    """The web application over a running exporter."""
    routes = _Routes(exporter)
    app = web.Application()
    app.add_routes(
        [
            *Pages(exporter.snapshot).routes(),
            web.get("/metrics", routes.metrics),
            web.get("/probe", routes.probe),
            web.get("/api/v1/status", routes.status),
            web.get("/api/v1/components/{name}", routes.component),
            web.get("/api/v1/incidents", routes.incidents),
            web.post("/api/v1/maintenance", routes.guarded(routes.maintain)),
            web.post("/api/v1/deploys", routes.guarded(routes.deploy)),
            web.put("/api/v1/e2e/{name}", routes.guarded(routes.push, open_to_loopback=False)),
            web.get("/-/healthy", routes.healthy),
            web.get("/-/ready", routes.ready),
            web.post("/-/reload", routes.guarded(routes.reload)),
        ]
    )
    return app


class _Routes:
    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._metrics = Metrics()

    async def metrics(self, request: web.Request) -> web.Response:
        form = content_type(request.headers.get("Accept", ""))
        pieces = self._metrics.pieces(self._exporter.snapshot(), self._exporter.reload_status, form)
        body = await in_turns(pieces)
        return await compressed(request, body, {"Content-Type": form, "Vary": "Accept"})

    async def status(self, _request: web.Request) -> web.Response:
        return web.json_response(document(self._exporter.snapshot()))

    async def component(self, request: web.Request) -> web.Response:
        snapshot, name = self._exporter.snapshot(), request.match_info["name"]
        if name not in snapshot.components:
            return unknown(name)
        return web.json_response(component_document(snapshot, name))

    async def probe(self, request: web.Request) -> web.Response:
        name = request.query.get("component")
        if not name:
            return web.Response(status=400, text="name a component: /probe?component=NAME\n")
        try:
            run = await self._exporter.probe(name, _longest(request))
        except KeyError:
            return unknown(name)
        except NoCheck:
            return web.Response(status=400, text=f"{name} has no check: those that depend on it judge it.\n")
        except OverBudget as error:
            headers = {"Retry-After": str(math.ceil(error.seconds))}
            text = f"not probed: the request budget of its host has room again in {error}.\n"
            return web.Response(status=429, text=text, headers=headers)
        if request.query.get("debug") == "true":
            return web.Response(text=debug(run.log, run.seen, probe_body(run.kind, run.timeout, run.seen, TEXT)))
        form = content_type(request.headers.get("Accept", ""))
        body = probe_body(run.kind, run.timeout, run.seen, form)
        return web.Response(body=body.encode(), headers={"Content-Type": form, "Vary": "Accept"})

    async def incidents(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(incident) for incident in self._exporter.incidents()])

    async def maintain(self, request: web.Request) -> web.Response:
        body = await _judged(Maintenance, request)
        return _applied(lambda: self._exporter.maintain(body.components, body.duration), body)

    async def deploy(self, request: web.Request) -> web.Response:
        body = await _judged(Deployed, request)
        return _applied(lambda: self._exporter.deploy(body.components, body.revision), body)

    async def push(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            async with asyncio.timeout(_UPLOAD):
                return web.json_response(await self._exporter.take_report(name, _chunks(request)))
        except KeyError:
            return unknown(name)
        except NotTaken as error:
            return web.Response(status=409, text=f"{error}.\n")
        except Unreadable as error:
            return web.Response(status=422, text=f"the report cannot be read, and is not kept: {error}.\n")
        except TimeoutError:
            return web.Response(status=408, text=f"the report did not come within {_UPLOAD:g} s.\n")
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400, text="the report broke off.\n")
        except OSError as error:
            return web.Response(status=507, text=f"the report cannot be kept: {error.strerror or error}.\n")

    async def healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="staging-exporter is healthy.\n")

    async def ready(self, _request: web.Request) -> web.Response:
        if self._exporter.snapshot().ready:
            return web.Response(text="staging-exporter is ready.\n")
        return web.Response(status=503, text="staging-exporter is not ready: some checks have not run yet.\n")

    async def reload(self, _request: web.Request) -> web.Response:
        wrong = await self._exporter.reload()
        if wrong is None:
            return web.Response(text="configuration reloaded.\n")
        return web.Response(status=500, text=f"the old configuration is kept:\n{wrong}\n")

    def guarded(
        self, handler: Callable[[web.Request], Awaitable[web.Response]], *, open_to_loopback: bool = True
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """With a token configured, only for its bearer; without one, only for loopback, or for nobody."""

        async def guard(request: web.Request) -> web.Response:
            token = self._exporter.token()
            if token is None and not open_to_loopback:
                return web.Response(status=403, text="without api.token in the configuration this endpoint is off.\n")
            if token is None and not _from_here(request):
                return web.Response(status=403, text="without api.token this endpoint answers loopback only.\n")
            given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
            if token is not None and not hmac.compare_digest(given.encode(), token.encode()):
                said = "this endpoint needs the api.token; commands take --token or STAGING_EXPORTER_TOKEN.\n"
                return web.Response(status=401, text=said, headers={"WWW-Authenticate": "Bearer"})
            return await handler(request)

        return guard


def _from_here(request: web.Request) -> bool:
    return is_loopback(request.remote) and not any(name in request.headers for name in _FROM_ELSEWHERE)


def _longest(request: web.Request) -> float | None:
    """Seconds that Prometheus waits, less what the answer may need on its way; None when it does not say."""
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


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ConnectionError when it breaks off, HTTPRequestEntityTooLarge."""
    came = 0
    async for chunk in request.content.iter_chunked(_CHUNK):
        came += len(chunk)
        if max(came, request.content_length or 0) > _MAX_REPORT:
            raise web.HTTPRequestEntityTooLarge(_MAX_REPORT, request.content_length or came)
        yield chunk


async def _judged(model: type[M], request: web.Request) -> M:
    try:
        return judge(model, json.loads(await request.read()))
    except (ValueError, web.RequestPayloadError) as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    except RecursionError:
        raise web.HTTPBadRequest(text="the body is nested too deeply.\n") from None


def _applied(change: Callable[[], None], body: Model) -> web.Response:
    try:
        change()
    except KeyError as error:
        return unknown(error.args[0])
    return web.json_response(body.model_dump(mode="json"))


def is_loopback(remote: str | None) -> bool:
    """True for an address of this machine's loopback, IPv4 mapped into IPv6 included."""
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
