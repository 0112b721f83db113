"""An incident of a running exporter: its pages, export, feed and API; notes; no secret in any output; a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.net.address import HostPort
from staging_exporter.storage.directory import StorageDirectory

from tests.support.peers import serving
from tests.support.waiting import until

SECRET, TOKEN = "s3cr3t-0f-th3-d4t4", "open-sesame"
CONFIG = """
environment: test <b>
api: {{tokens: [{{name: ann, scopes: [write], token: {{env: INCIDENTS_TOKEN}}}}]}}
defaults: {{interval: 500ms, timeout: 400ms, retry_interval: 50ms, fall: 2, rise: 1}}
recovery: 1s
alerting: {{receivers: {{P0: [{{kind: slack, url: {{file: /run/hook}}, channel: "#ops"}}]}}}}
components:
  database:
    layer: infrastructure
    priority: P1
    links: {{owner: data-team}}
    check: {{kind: http, url: "http://127.0.0.1:{database}/", auth: {{bearer: {{env: INCIDENTS_SECRET}}}}}}
  backend:
    layer: application
    priority: P0
    depends_on: [database]
    check: {{kind: http, url: "http://127.0.0.1:{backend}/"}}
journeys: {{golden-path: {{priority: P0, steps: {{use: backend}}}}}}
"""
OUTPUTS = ("/", "/components/database", "/metrics", "/api/v1/status", "/api/v1/components/database", "/incidents",
           "/incidents.atom", "/incidents/{id}", "/incidents/{id}?step=1", "/incidents/{id}.md", "/api/v1/incidents",
           "/api/v1/incidents/{id}", "/api/v1/suggestions", "/probe?component=database")  # fmt: skip


class Staging:
    """An exporter with a store, and two servers that fail together: the one needs the other."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.broken = directory, False

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readuntil(b"\r\n\r\n"):
            sent = request.decode().lower().partition("authorization: ")[2].split("\r\n")[0]
            body = f"<script>no {sent}</script>" if self.broken else "fine"
            status = "503 Broken" if self.broken else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    @asynccontextmanager
    async def servers(self) -> AsyncIterator[None]:
        async with serving(self._answer) as database, serving(self._answer) as backend:
            self.file = self.directory / "config.yml"
            self.file.write_text(CONFIG.format(database=database, backend=backend))
            yield

    @asynccontextmanager
    async def running(self) -> AsyncIterator[aiohttp.ClientSession]:
        app = App(self.file, load_config(self.file), storage=StorageDirectory(self.directory / "storage"))
        url = await app.start(HostPort("127.0.0.1", 0))
        self.app = app
        try:
            await until(lambda: app.snapshot().ready)
            async with aiohttp.ClientSession(url) as session:
                yield session
        finally:
            await app.stop()

    def state(self) -> str:
        return str(self.app.snapshot().state)


async def incidents(session: aiohttp.ClientSession, query: str = "") -> list[dict[str, Any]]:
    async with session.get(f"/api/v1/incidents{query}") as response:
        assert response.status == 200, await response.text()
        return list(await response.json())


async def text(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def seen(session: aiohttp.ClientSession, *, over: bool) -> dict[str, Any]:
    """The newest incident, as soon as it is stored that it lasts or is over."""
    async with asyncio.timeout(10):
        while not (found := await incidents(session)) or (found[0]["ended"] is not None) != over:
            await asyncio.sleep(0.02)
    return found[0]


async def annotated(session: aiohttp.ClientSession, id_: str, token: str = TOKEN, **body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(f"/api/v1/incidents/{id_}/notes", json=body, headers=headers) as response:
        return response.status, await response.text()


async def test_an_incident_from_its_first_failure_to_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENTS_TOKEN", TOKEN)
    monkeypatch.setenv("INCIDENTS_SECRET", SECRET)
    staging = Staging(tmp_path)
    async with staging.servers():
        async with staging.running() as session:
            assert "No incidents so far." in await text(session, "/incidents")
            await until(lambda: staging.state() == "up")
            async with session.post(
                "/api/v1/deploys",
                json={"components": ["database"], "revision": "r42"},
                headers={"Authorization": f"Bearer {TOKEN}"},
            ) as response:
                assert response.status == 200
            staging.broken = True
            current = await seen(session, over=False)
            assert (current["root"], current["priority"], current["duration"]) == ("database", "P0", None)
            staging.broken = False
            over = await seen(session, over=True)
            assert over["id"] == current["id"]
            await until(lambda: staging.state() == "up")
            await _story_is_complete(session, over["id"])
            await _notes(session, over["id"])
            await _no_secret(session, over["id"])
            await _filters(session, over["id"])
            before = await incidents(session)
        staging.broken = True
        async with staging.running() as session:
            second = await seen(session, over=False)
            assert (await incidents(session))[1:] == before
        async with staging.running() as session:
            await until(lambda: staging.state() == "down")
            assert [each["id"] for each in await incidents(session)] == [second["id"], over["id"]]
            staging.broken = False
            assert (await seen(session, over=True))["id"] == second["id"]
            notes = json.loads(await text(session, f"/api/v1/incidents/{over['id']}"))["notes"]
            assert [note["by"] for note in notes] == ["ann", "ann"]


async def _story_is_complete(session: aiohttp.ClientSession, id_: str) -> None:
    """The story is in order, with everything that happened."""
    document = json.loads(await text(session, f"/api/v1/incidents/{id_}"))
    events = [event["event"] for event in document["timeline"]]
    assert [event["at"] for event in document["timeline"]] == sorted(event["at"] for event in document["timeline"])
    assert events[:2] == ["deploy", "first failure"]
    assert {"state", "verdict", "journey", "alert", "recovery", "end"} <= {*events}
    assert events.index("first failure") < events.index("verdict") < events.index("end")
    texts = [event["text"] for event in document["timeline"]]
    assert texts[0].startswith("database deployed as r42, 0 s before the first failure")
    assert "alert for database: StagingRootCauseP0; configured receivers: slack #ops" in texts
    assert "journey golden-path is blocked at use" in texts
    assert (document["affected"], document["journeys"]) == (["backend"], ["golden-path"])
    assert document["roots"][0]["detail"].startswith("status 503")
    exported = await text(session, f"/incidents/{id_}.md")
    assert exported.startswith(f"# Incident {id_} in test \\<b\\>: database, ")
    assert "| first failure | first failing probe of database (server\\_error): `status 503" in exported
    feed = ElementTree.fromstring(await text(session, "/incidents.atom"))
    assert [entry.findtext("{*}id") for entry in feed.findall("{*}entry")] == [f"urn:staging-exporter:test-b-:{id_}"]
    async with session.get("/incidents.atom") as first:
        tag = first.headers["ETag"]
    async with session.get("/incidents.atom", headers={"If-None-Match": tag}) as second:
        assert second.status == 304


async def _notes(session: aiohttp.ClientSession, id_: str) -> None:
    """Who has the token writes, anybody reads."""
    assert (await annotated(session, id_, token="guess", note="x"))[0] == 401
    assert (await annotated(session, id_))[0] == 400
    assert (await annotated(session, "20010101T000000.000Z", note="x"))[0] == 404
    assert (await annotated(session, id_, acknowledge=True))[0] == 200
    status, answer = await annotated(session, id_, note="the <script>disk</script>\nwas \x1b[31mfull")
    assert status == 200
    assert [note["sort"] for note in json.loads(answer)["notes"]] == ["acknowledged", "note"]
    page = await text(session, f"/incidents/{id_}")
    assert "&lt;script&gt;disk" in page
    assert "<script>disk" not in page
    assert "\x1b" not in page + await text(session, f"/incidents/{id_}.md")
    assert (await incidents(session))[0]["acknowledged"]["by"] == "ann"


async def _no_secret(session: aiohttp.ClientSession, id_: str) -> None:
    """Not even a piece of it, although the server quotes it; and what it sends is no markup."""
    found = {path: await text(session, path.format(id=id_)) for path in OUTPUTS}
    pieces = {SECRET[at : at + 8] for at in range(len(SECRET) - 7)}
    assert [path for path, body in found.items() for piece in pieces if piece in body] == []
    assert "no bearer ***" in found["/api/v1/incidents/{id}"]
    pages = [path for path in OUTPUTS if "." not in path and not path.startswith("/api")]
    assert [path for path in pages if "<script>no" in found[path]] == []


async def _filters(session: aiohttp.ClientSession, id_: str) -> None:
    for query, expected in {
        "?component=database": [id_],
        "?component=backend": [],
        "?priority=P0&state=over": [id_],
        "?state=open": [],
        f"?before={id_}": [],
        "?limit=1": [id_],
    }.items():
        assert [each["id"] for each in await incidents(session, query)] == expected, query
    for wrong in ("?component=<b>", "?priority=P9", "?state=x", "?before=x", "?limit=0", "?limit=501"):
        async with session.get(f"/incidents{wrong}") as response:
            assert response.status == 400, wrong
    async with session.get("/incidents/20010101T000000.000Z") as response:
        assert (response.status, (await response.text())[:20]) == (404, "there is no incident")
