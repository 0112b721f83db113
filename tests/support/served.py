"""The pages over any snapshot, served on loopback by a loop in a thread of its own; a browser to look at them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.web.pages import Pages


@contextmanager
def served(snapshot: Callable[[], Snapshot]) -> Iterator[str]:
    """The pages of what `snapshot()` returns; yields their URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop,))
    thread.start()
    runner, url = asyncio.run_coroutine_threadsafe(_serve(snapshot), loop).result(10)
    try:
        yield url
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _serve(snapshot: Callable[[], Snapshot]) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.add_routes([web.get(path, handler) for path, handler in Pages(snapshot, Suggestions).routes().items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window, without any traffic of its own."""
    quiet = ["no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[f"--{flag}" for flag in (*quiet, "disable-sync")]
        )
        try:
            yield browser
        finally:
            browser.close()


def serious(page: Page) -> list[str]:
    """What axe-core finds that keeps people from using the page."""
    return [
        f"{violation['id']}: {node['html']}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
