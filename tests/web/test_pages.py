"""The routes for people: what they answer, how they are guarded, and that they hold nobody up."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import JourneyState, Snapshot
from staging_exporter.views.badge import badge
from staging_exporter.web.pages import Pages, with_a_way_back

from tests.support.fleets import fleet
from tests.support.live import fetch
from tests.views.fleet import board


@asynccontextmanager
async def serving(snapshot: Callable[[], Snapshot]) -> AsyncIterator[str]:
    app = web.Application(middlewares=[with_a_way_back("")])
    app.add_routes([web.get(path, handler) for path, handler in Pages(snapshot, Suggestions).routes().items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def pages(snapshot: Callable[[], Snapshot]) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(snapshot) as url, aiohttp.ClientSession(url) as session:
        yield session


RESPONSES = {
    "/": (200, "text/html", "staging is down: database is the root cause"),
    "/components/backend": (200, "text/html", "backend is down, a symptom"),
    "/components/nothing": (404, "text/plain", "there is no component 'nothing'."),
    "/runbooks/StagingRootCauseP0": (200, "text/html", '<h3 id="refused">'),
    "/runbooks/nothing": (404, "text/plain", "there is no runbook 'nothing'."),
    "/badge/login.svg": (200, "image/svg+xml", "login: blocked"),
    "/badge/vpc.svg": (200, "image/svg+xml", "vpc: up"),
    "/badge/nothing.svg": (404, "text/plain", "there is no journey or component 'nothing'."),
    "/static/page.js": (200, "text/javascript", "morph"),
    "/static/page.css": (200, "text/css", "light-dark("),
    "/?q=database&failing=1": (200, "text/html", "1 of 11 components"),
    "/static/icon-down.svg": (200, "image/svg+xml", "#c01f2e"),
    "/static/icon.svg": (200, "image/svg+xml", "<svg"),
    "/static/secret": (404, "text/plain", "file not found."),
}


@pytest.mark.parametrize(("path", "status", "kind", "part"), [(p, *a) for p, a in RESPONSES.items()], ids=RESPONSES)
async def test_a_response(path: str, status: int, kind: str, part: str) -> None:
    async with pages(lambda: board().snapshot(26.0)) as session, session.get(path) as answer:
        assert (answer.status, answer.content_type) == (status, kind)
        assert part in await answer.text()
        if status == 200:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MISSING = {
    "/components/databse": ("There is no component databse", '<a href="../components/database">'),
    "/runbooks/nothing": ("There is no runbook", '<a href="../">Back'),
    "/a/b/c": ("There is nothing here", '<a href="../../">Back'),
}


@pytest.mark.parametrize(("path", "parts"), MISSING.items())
async def test_a_browser_is_led_back_from_what_does_not_exist(path: str, parts: tuple[str, str]) -> None:
    async with pages(lambda: board().snapshot(26.0)) as session, session.get(path, headers=BROWSER) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
        text = await answer.text()
        assert all(part in text for part in parts)


async def test_a_page_is_compressed_for_clients_that_accept_gzip() -> None:
    async with pages(lambda: board().snapshot(26.0)) as session:
        async with session.get("/", headers={"Accept-Encoding": "identity"}) as plain:
            assert "Content-Encoding" not in plain.headers
            text = await plain.text()
        async with session.get("/", headers={"Accept-Encoding": "gzip"}) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert await packed.text() == text


async def test_a_client_that_has_the_page_gets_304_without_a_body() -> None:
    async with pages(lambda: board().snapshot(26.0)) as session:
        async with session.get("/") as first:
            tag = first.headers["ETag"]
        for known, status in ((tag, 304), (f'"other", {tag}', 304), ("*", 304), ('"other"', 200), ("", 200)):
            async with session.get("/", headers={"If-None-Match": known} if known else {}) as answer:
                assert (answer.status, answer.headers["ETag"]) == (status, tag)
                assert bool(await answer.read()) is (status == 200)
                assert "Content-Security-Policy" in answer.headers


async def test_concurrent_viewers_share_one_rendering() -> None:
    asked = []

    def snapshot() -> Snapshot:
        asked.append(1)
        return board().snapshot(26.0)

    async with pages(snapshot) as session:
        answers = await asyncio.gather(*(session.get("/") for _ in range(20)))
        assert [answer.status for answer in answers] == [200] * 20
    assert len(asked) <= 2


@pytest.mark.parametrize("state", [*State, *JourneyState])
def test_there_is_a_badge_for_every_state(state: str) -> None:
    assert str(state) in badge("name", state)


@pytest.fixture
def frozen() -> Iterator[None]:
    """As `run` does: garbage collections skip the loaded modules."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen")
async def test_a_page_of_500_components_holds_the_loop_for_at_most_20_ms() -> None:
    """Measured in CPU time of the loop's own thread, so that other work on this machine does not count."""
    snapshot = fleet(500)
    longest = 0.0
    ended = asyncio.Event()

    async def sample() -> None:
        nonlocal longest
        while not ended.is_set():
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    async with serving(lambda: snapshot) as url:
        sampling = asyncio.create_task(sample())
        for path in ("/", f"/components/{list(snapshot.components)[4]}"):
            page = await asyncio.to_thread(fetch, url + path)
            assert "fleet is down" in page or "a root cause" in page
        ended.set()
        await sampling
    assert longest < 0.02
