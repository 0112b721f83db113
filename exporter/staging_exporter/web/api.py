"""The routes for programs: metrics, probes on demand, the API, health and reload."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable

from aiohttp import ETag, web

from staging_exporter.core.blackbox import NoCheck, Paused, RateLimitExceeded
from staging_exporter.evidence.testcases import Unreadable
from staging_exporter.logs import event
from staging_exporter.options.access import Scope
from staging_exporter.options.model import Model
from staging_exporter.views.document import Documents, component_document
from staging_exporter.views.exporter_status import StorageFailed
from staging_exporter.views.exposition import TEXT, content_type
from staging_exporter.views.metrics import Metrics
from staging_exporter.views.probe import body as probe_body
from staging_exporter.views.probe import debug
from staging_exporter.views.service_discovery import sd_targets
from staging_exporter.views.suggestions import suggestions_document
from staging_exporter.web.access import CALLER
from staging_exporter.web.exporter import Exporter, NotForAnyone, ReportRefused
from staging_exporter.web.requests import Deployed, Maintenance, parsed, probe_deadline, run_id, upload
from staging_exporter.web.responses import (
    answer,
    has_it,
    not_stored,
    rendered,
    unchanged,
    unknown_component,
    wants_gzip,
)

log = logging.getLogger("exporter")
_UPLOAD_TIMEOUT = 120.0  # seconds


class Api:
    """The handlers; `server` says at which paths."""

    def __init__(self, exporter: Exporter, documents: Documents) -> None:
        """`documents` are shared with the pages."""
        self._exporter, self._documents = exporter, documents
        self._status = asyncio.Lock()  # one document at a time is put together
        self._metrics, self._scrape = Metrics(), asyncio.Lock()  # one scrape at a time is put together

    async def metrics(self, request: web.Request) -> web.Response:
        """All metrics, in the format that the Accept header prefers."""
        form = content_type(request.headers.get("Accept", ""))
        async with self._scrape:
            pieces = self._metrics.pieces(self._exporter.snapshot(), self._exporter.own_status(), form)
            body = await rendered(pieces, gzipped=wants_gzip(request))
        return answer(request, body, {"Content-Type": form, "Vary": "Accept"})

    async def status(self, request: web.Request) -> web.Response:
        """The status document; its ETag changes with anything in it but the time."""
        snapshot = self._exporter.snapshot()
        tag = ETag(self._documents.version(snapshot), is_weak=True)
        if has_it(request, tag):
            return unchanged(tag)
        async with self._status:
            body = await rendered(self._documents.pieces(snapshot), gzipped=wants_gzip(request))
        response = answer(request, body, {"Content-Type": "application/json; charset=utf-8"})
        response.etag = tag
        return response

    async def component(self, request: web.Request) -> web.Response:
        """The document of one component, with its last runs."""
        snapshot, name = self._exporter.snapshot(), request.match_info["name"]
        if name not in snapshot.components:
            return unknown_component(name)
        return web.json_response(component_document(snapshot, name))

    async def probe(self, request: web.Request) -> web.Response:
        """Run one check now; the result in the metric names of blackbox_exporter."""
        name = request.query.get("component") or request.query.get("target")  # the operator's Probe asks by `target`
        if not name:
            return web.Response(status=400, text="missing parameter: use /probe?component=NAME\n")
        try:
            trusted = Scope.PROBE in request[CALLER].scopes
            run = await self._exporter.probe(name, probe_deadline(request), trusted=trusted)
        except KeyError:
            return unknown_component(name)
        except NotForAnyone as error:
            return web.Response(status=403, text=f"{error}.\n")
        except Paused:
            return web.Response(status=409, text=f"not probed: a maintenance window of {name} says probe: false.\n")
        except NoCheck:
            return web.Response(status=400, text=f"{name} has no check: it is inferred from its dependents.\n")
        except RateLimitExceeded as error:
            headers = {"Retry-After": str(math.ceil(error.seconds))}
            text = f"not probed: the rate limit of its host allows the next request in {error}.\n"
            return web.Response(status=429, text=text, headers=headers)
        if request.query.get("debug") == "true":
            return web.Response(text=debug(run.log, run.seen, probe_body(run.names, run.timeout, run.seen, TEXT)))
        form = content_type(request.headers.get("Accept", ""))
        body = probe_body(run.names, run.timeout, run.seen, form)
        return web.Response(body=body.encode(), headers={"Content-Type": form, "Vary": "Accept"})

    async def targets(self, _request: web.Request) -> web.Response:
        """The components that can be probed on demand, for http_sd of Prometheus."""
        return web.json_response(sd_targets(self._exporter.snapshot()))

    async def suggestions(self, _request: web.Request) -> web.Response:
        """What the incidents so far say about the configuration."""
        snapshot = self._exporter.snapshot()
        found = suggestions_document(snapshot.environment, snapshot.generated_at, self._exporter.suggestions())
        return web.json_response(found)

    async def maintain(self, request: web.Request) -> web.Response:
        """Start or end a maintenance window."""
        body = await parsed(Maintenance, request)
        by = str(request[CALLER])
        return await _applied(self._exporter.maintain(body.components, body.duration, by), body, by)

    async def deploy(self, request: web.Request) -> web.Response:
        """Mark components as deployed."""
        body = await parsed(Deployed, request)
        by = str(request[CALLER])
        return await _applied(self._exporter.deploy(body.components, body.revision, by), body, by)

    async def push(self, request: web.Request) -> web.Response:
        """Store a report of a test suite; those with the same `run` belong together."""
        name = request.match_info["name"]
        try:
            async with asyncio.timeout(_UPLOAD_TIMEOUT):
                chunks, by = upload(request), str(request[CALLER])
                return web.json_response(await self._exporter.receive_report(name, chunks, run_id(request), by))
        except KeyError:
            return unknown_component(name)
        except ReportRefused as error:
            return web.Response(status=409, text=f"{error}.\n")
        except Unreadable as error:
            return web.Response(status=422, text=f"unreadable report, not stored: {error}.\n")
        except TimeoutError:
            return web.Response(status=408, text=f"the upload is too slow, or took over {_UPLOAD_TIMEOUT:g} s.\n")
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400, text="the upload is incomplete.\n")
        except OSError as error:
            return web.Response(status=507, text=f"the report cannot be stored: {error.strerror or error}.\n")

    async def healthy(self, _request: web.Request) -> web.Response:
        """200 while the process runs."""
        return web.Response(text="staging-exporter is healthy.\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """200 once every check has run."""
        if self._exporter.snapshot().ready:
            return web.Response(text="staging-exporter is ready.\n")
        return web.Response(status=503, text="staging-exporter is not ready: some checks have not run yet.\n")

    async def reload(self, request: web.Request) -> web.Response:
        """Load the configuration again."""
        event(log, "reload requested", by=str(request[CALLER]))
        errors = await self._exporter.reload()
        if errors is None:
            return web.Response(text="configuration reloaded.\n")
        return web.Response(status=500, text=f"reload failed, the previous configuration stays in use:\n{errors}\n")


async def _applied(change: Awaitable[None], body: Model, by: str) -> web.Response:
    try:
        await change
    except KeyError as error:
        return unknown_component(error.args[0])
    except StorageFailed as error:
        return not_stored(error)
    return web.json_response({**body.model_dump(mode="json"), "by": by})
