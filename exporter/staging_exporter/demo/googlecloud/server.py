"""The fake as an HTTP server: it checks each request, and each answer before it is sent."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from typing import Any

from aiohttp import web

from staging_exporter.demo.googlecloud.discovery import Method, faults, find, request_faults, without_defaults
from staging_exporter.demo.googlecloud.methods import PARTIAL, PERMISSIONS, Refused, answer
from staging_exporter.demo.googlecloud.troubles import ANSWERS, error
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.demo.network import HttpServer, bind

_HTML = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in to the network</body></html>"


class FakeGoogleCloud(HttpServer):
    """Answers for every API of its documents; the API is the Host header.

    `troubles` are by the name of an API (`run.googleapis.com`), `*` is every other one. `removed` are permissions that
    the caller lacks. `asked` counts the requests by the id of their method. A request that the documents do not know
    gets 400 or 404 with the fault in words, and is in `refused`.
    """

    def __init__(self, world: World, claimed: socket.socket | None = None) -> None:
        """`claimed` is a socket to listen on, by default one on a free port."""
        super().__init__(claimed or bind(0))
        self.world = world
        self.troubles: dict[str, str] = {}
        self.removed: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.refused: list[str] = []
        self.tokens: list[str] = []

    def application(self) -> web.Application:
        """One route for every path."""
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def __aenter__(self) -> FakeGoogleCloud:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        host = request.headers.get("Host", "").partition(":")[0]
        self.tokens.append(request.headers.get("Authorization", ""))
        trouble = self.troubles.get(host, self.troubles.get("*", ""))
        if trouble == "silent":
            await asyncio.Event().wait()
        if trouble == "hangs-up":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if trouble == "html":
            return web.Response(text=_HTML, content_type="text/html")
        found = find(host, request.method, request.path)
        if found is None:
            return self._refuse(404, f"{host} has no method for {request.method} {request.path}")
        method, variables = found
        self.asked[method.id] += 1
        if trouble in ANSWERS:
            permission = PERMISSIONS.get(method.id, "resourcemanager.projects.get")
            return _json(*ANSWERS[trouble](host, self.world.project, permission))
        return await self._answer(request, method, variables, trouble)

    async def _answer(
        self, request: web.Request, method: Method, variables: dict[str, str], trouble: str
    ) -> web.StreamResponse:
        try:
            body = await _body(request)
        except ValueError:
            return self._refuse(400, "the body is no JSON")
        query = list(request.query.items())
        if wrong := request_faults(method, query, body):
            return self._refuse(400, f"{method.id}: {'; '.join(wrong)}")
        permission = PERMISSIONS.get(method.id)
        if permission in self.removed:
            return _json(*ANSWERS["forbidden"](method.host, self.world.project, permission))
        try:
            document = without_defaults(answer(self.world, method.id, variables, dict(query), body))
        except Refused as refused:
            return _json(*refused.answer)
        if trouble == "partial" and method.id in PARTIAL:
            document = PARTIAL[method.id]
        if method.response and (wrong := list(faults(method.api, {"$ref": method.response}, document, "answer"))):
            return self._refuse(500, f"bug of the fake: {method.id}: {'; '.join(wrong[:5])}")
        response = _json(200, document)
        return await _half(request, response) if trouble == "half" else response

    def _refuse(self, status: int, text: str) -> web.Response:
        self.refused.append(text)
        name = {404: "NOT_FOUND", 400: "INVALID_ARGUMENT"}.get(status, "INTERNAL")
        return _json(*error(status, name, text))


async def _body(request: web.Request) -> Any:
    """The body as JSON, a form as an object; None without one. Raises ValueError."""
    data = await request.read()
    if not data:
        return None
    if request.content_type == "application/x-www-form-urlencoded":
        return dict((await request.post()).items())
    return json.loads(data)


def _json(status: int, document: dict[str, Any]) -> web.Response:
    return web.json_response(document, status=status)


async def _half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The head of the response and half of its body; then the connection ends."""
    assert isinstance(response.body, bytes)
    cut = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(response.body))})
    await cut.prepare(request)
    await cut.write(response.body[: len(response.body) // 2])
    assert request.transport is not None
    request.transport.close()
    return cut
