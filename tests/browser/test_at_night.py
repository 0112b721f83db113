"""The page in the scenes of a night: 200 components, a start, a ban, offline with passes; without scripts, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason, Startup
from staging_exporter.core.snapshot import Snapshot

from tests.support.fleets import fleet
from tests.support.served import serious, served
from tests.support.stage import SURE, Stage

BACKEND = Component("backend", Layer.APPLICATION, Priority.P0, "http", startup=Startup(600, 30))
WAITING = [Component(f"web-{n}", Layer.SERVICE, Priority.P1, "http", (("backend",),)) for n in range(6)]


def start() -> Snapshot:
    stage = Stage(BACKEND, *WAITING)
    stage.play(5)
    stage.play(SURE, backend=Reason.STARTING, **{each.name: Reason.SERVER_ERROR for each in WAITING})
    return stage.snapshot


def ban() -> Snapshot:
    stage = Stage(BACKEND, *WAITING)
    stage.play(5)
    for each in WAITING:
        stage.run(each.name, Reason.RATE_LIMITED, Outcome.UNKNOWN)
    return stage.snapshot


def offline() -> Snapshot:
    stage = Stage(BACKEND, *WAITING, vantage=True)
    stage.play(5)
    stage.play(5, vantage=False, **{"web-0": Reason.TIMEOUT, "web-1": Reason.TIMEOUT})
    return stage.snapshot


SCENES: dict[str, tuple[Callable[[], Snapshot], str, str, str]] = {
    "a start": (start, "", ".panel.starting", "startup budget are left"),
    "a ban": (ban, "", ".panel.unknown", "6 unknown: rate limited, 429"),
    "offline with passes": (offline, "", ".banner.offline", "what passes is up"),
    "200 components": (lambda: fleet(200), "", ".roots .card", "no answer within 5s"),
    "200 components with a filter": (lambda: fleet(200), "?q=gateway&layer=service", ".filter", "all layers"),
}


def overflow(page: Page) -> int:
    return int(page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize(("made", "query", "place", "text"), SCENES.values(), ids=SCENES)
def test_a_scene_at_three_widths_in_both_themes(
    browser: Browser, made: Callable[[], Snapshot], query: str, place: str, text: str
) -> None:
    seen = made()
    with served(lambda: seen) as url:
        for width, scheme, scripts in ((360, "dark", True), (1280, "light", True), (2560, "dark", False)):
            options: dict[str, Any] = {"color_scheme": scheme, "java_script_enabled": scripts}
            page = browser.new_page(viewport={"width": width, "height": 900}, **options)
            page.goto(url + query)
            expect(page.locator(place).first).to_contain_text(text)
            assert overflow(page) <= 0
            assert page.evaluate("document.documentElement.scrollHeight") < 3500
            assert width > 360 or serious(page) == []
            page.close()


def test_search_filter_and_theme_are_remembered(browser: Browser) -> None:
    seen = fleet(200)
    with served(lambda: seen) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto(url)
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("gateway")
        page.locator("select[name=layer]").select_option("service")
        matching = [n for n, s in seen.components.items() if "gateway" in n and s.component.layer == Layer.SERVICE]
        expect(page.locator(".tile")).to_have_count(len(matching))
        assert page.url == f"{url}?q=gateway&layer=service"
        assert page.evaluate("document.activeElement.id"), "the filter keeps the focus"
        back = "() => getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(back)
        page.locator("#theme").click()
        page.locator("#theme").click()
        assert page.locator("#theme").inner_text() == "Theme: dark"
        page.reload()
        assert page.locator("#search").input_value() == "gateway"
        expect(page.locator(".tile")).to_have_count(len(matching))
        assert page.evaluate(back) != light
        assert serious(page) == []
        page.close()


def test_without_javascript_the_filter_is_a_form_and_folds_open(browser: Browser) -> None:
    seen = fleet(200)
    with served(lambda: seen) as url:
        page = browser.new_page(java_script_enabled=False)
        page.goto(url)
        fold = page.locator(".layer.application .fold.quiet")
        expect(fold.locator(".tile").first).to_be_hidden()
        fold.locator("summary").click()
        expect(fold.locator(".tile").first).to_be_visible()
        page.locator("#search").fill("gateway")
        page.get_by_role("button", name="Show").click()
        assert "q=gateway" in page.url
        assert 0 < page.locator(".tile").count() < 200
        page.get_by_role("link", name="Show all").click()
        expect(page.locator(".tile")).to_have_count(200)
        page.close()


def test_a_fold_stays_as_the_viewer_left_it_and_tab_and_times_follow(browser: Browser) -> None:
    stage = Stage()
    stage.play(5)
    stage.play(SURE, database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    with served(lambda: stage.snapshot) as url:
        page = browser.new_page(timezone_id="Asia/Tokyo", locale="en-GB")
        page.goto(url)
        fold = page.locator(".layer.infrastructure .fold.quiet")
        fold.locator("summary").click()
        assert page.locator("#icon").get_attribute("href") == "static/icon-down.svg"
        assert "GMT+9" in page.locator(".card time").first.inner_text()
        assert page.locator(".card time").first.get_attribute("title").endswith(" UTC")  # type: ignore[union-attr]
        stage.play(1, database=Reason.TIMEOUT, backend=Reason.SERVER_ERROR)
        expect(page.locator(".card .evidence")).to_contain_text("timeout", timeout=15_000)
        assert fold.get_attribute("open") is not None
        assert "GMT+9" in page.locator(".card time").first.inner_text()
        stage.play(8)
        expect(page.locator("#icon")).to_have_attribute("href", "static/icon-up.svg", timeout=15_000)
        page.close()
