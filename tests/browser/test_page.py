"""The page over recorded snapshots: every width, both colour schemes, hostile text, no JavaScript, live changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from staging_exporter.core.model import Reason
from staging_exporter.core.snapshot import Snapshot

from tests.support.fleets import fleet
from tests.support.served import serious, served
from tests.support.stage import Stage
from tests.views.fleet import board

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'>\u202eesrever\u202c" + "W" * 440
LINKS = {
    "runbook": "javascript:window.hacked=1",
    "issue": 'https://example.com/"onmouseover="window.hacked=1',
    "owner": HOSTILE,
}


def opened(browser: Browser, url: str, width: int = 1280, **options: Any) -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    console: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.goto(url)
    return page, console


def overflow(page: Page) -> int:
    return int(page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth"))


def hostile() -> Snapshot:
    seen = board(HOSTILE).snapshot(26.0)
    components = {
        name: replace(
            status, detail=HOSTILE, component=replace(status.component, links=LINKS), facts={HOSTILE: HOSTILE}
        )
        for name, status in seen.components.items()
    }
    roots = tuple(replace(root, detail=HOSTILE) for root in seen.root_causes)
    return replace(seen, components=components, root_causes=roots)


SCENES = {
    "one of everything": lambda: board().snapshot(26.0),
    "hostile": hostile,
    "25 components": lambda: fleet(25),
    "150 components": lambda: fleet(150),
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_page_fits_every_width(browser: Browser, scene: str) -> None:
    seen = SCENES[scene]()
    with served(lambda: seen) as url:
        for width in (360, 1280, 2560):
            page, console = opened(browser, url, width)
            assert overflow(page) <= 0
            assert overlapping_labels(page) == []
            page.goto(f"{url}components/{list(seen.components)[1]}")
            assert overflow(page) <= 0
            assert console == []
            page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", ["one of everything", "hostile"])
def test_axe_core_finds_nothing_serious(browser: Browser, scene: str, scheme: str) -> None:
    with served(SCENES[scene]) as url:
        page, _ = opened(browser, url, 360, color_scheme=scheme)
        assert serious(page) == []
        page.goto(f"{url}components/database")
        assert serious(page) == []
        page.close()


def overlapping_labels(page: Page) -> list[tuple[str, str]]:
    """Pairs of labels of the graph whose rectangles on the screen meet, and labels that leave their box."""
    boxes = page.locator(".node").evaluate_all(
        """nodes => nodes.map(node => {
            const [label, box] = [".label", ".box"].map(part => node.querySelector(part).getBoundingClientRect());
            return [node.dataset.key, label.left, label.top, label.right, label.bottom, box.right];
        })"""
    )
    assert boxes
    outside = [(name, "its own box") for name, _, _, right, _, edge in boxes if right > edge]
    return outside + [
        (one[0], other[0])
        for one, other in combinations(boxes, 2)
        if one[1] < other[3] and other[1] < one[3] and one[2] < other[4] and other[2] < one[4]
    ]


def test_hostile_text_does_nothing(browser: Browser) -> None:
    with served(hostile) as url:
        for path in ("", "components/database"):
            page, console = opened(browser, f"{url}{path}?unfold=1")
            for link in page.locator("main a").all():
                link.hover(force=True)
            assert page.evaluate("window.hacked") is None
            assert page.locator("main script, main img").count() == 0
            assert page.locator("a[href^='javascript:']").count() == 0
            assert page.locator("[onmouseover], [onerror]").count() == 0
            shown = page.content() + page.title()
            assert "\u202e" not in shown
            assert "U+202E" in shown
            assert console == []
            page.close()


def test_without_javascript_the_page_has_the_same_text_and_refreshes(browser: Browser) -> None:
    with served(lambda: board().snapshot(26.0)) as url:
        page, _ = opened(browser, url, java_script_enabled=False)
        expect(page.locator("h1")).to_have_text("staging is down: database is the root cause")
        assert page.locator("noscript meta[http-equiv=refresh]").get_attribute("content") == "5"
        page.locator(".card h3 a").click()
        expect(page.locator("h1")).to_have_text("database is down, a root cause")
        page.close()


def test_the_page_updates_without_a_reload_and_keeps_the_focus(browser: Browser) -> None:
    stage = Stage()
    stage.play(5)
    with served(lambda: stage.snapshot) as url:
        page, console = opened(browser, url)
        tile = page.locator(".tile[data-key=backend] a").first
        tile.focus()
        before = tile.element_handle()
        expect(page.locator("h1")).to_have_text("test is up: all 3 checks pass")
        stage.play(7, database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
        expect(page.locator("h1")).to_have_text("test is down: database is the root cause", timeout=15_000)
        assert page.title() == "test is down: database is the root cause"
        expect(page.locator(".card h3 a")).to_have_text("database")
        assert page.evaluate("element => document.activeElement === element", before)
        stage.play(5)
        expect(page.locator(".card")).to_have_count(0, timeout=15_000)
        assert page.evaluate("element => document.activeElement === element", before)
        assert console == []
        page.close()


def test_the_page_reports_an_unreachable_exporter(browser: Browser) -> None:
    with served(lambda: board().snapshot(26.0)) as url:
        page, _ = opened(browser, url)
        expect(page.locator("#contact")).to_be_hidden()
    expect(page.locator("#contact")).to_be_visible(timeout=15_000)
    assert "No answer from the exporter since" in page.locator("#contact").inner_text()
    page.close()


def test_the_keyboard_reaches_everything(browser: Browser) -> None:
    with served(lambda: board().snapshot(26.0)) as url:
        page, _ = opened(browser, url + "?unfold=1")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
        links = page.locator("a, summary, input, select, #theme").count()
        reached = set()
        every = "[...document.querySelectorAll('a, summary, input, select, #theme')]"
        for _ in range(links + 5):  # and what scrolls
            reached.add(page.evaluate(f"{every}.indexOf(document.activeElement)"))
            page.keyboard.press("Tab")
        assert set(range(links)) <= reached
        page.close()
