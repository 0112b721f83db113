"""The demo through a browser: one page, opened once, follows the environment through its scenes without a reload."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.live import Demo, demo, fetch, wait_for
from tests.support.served import serious

PATIENCE = 60_000  # ms until a scene must show
NAMES_ROOTS = re.compile(r"(is the root cause|are the root causes),")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("scenes"), "--scale", "0.4") as running:
        running.wait_healthy()
        yield running


@pytest.fixture(scope="module")
def console() -> list[str]:
    """All messages of the browser console, over all scenes."""
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, environment: Demo, console: list[str]) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.goto(f"{environment.url}/")
    page.evaluate("window.notReloaded = true")
    return page


def headline(page: Page) -> str:
    return page.locator("h1").inner_text()


def test_everything_is_up(page: Page, environment: Demo) -> None:
    expect(page.locator("h1")).to_contain_text("netra-demo is up: all 22 checks pass", timeout=PATIENCE)
    assert page.locator(".card").count() == 0
    assert page.locator(".strip li").all_inner_texts()[0].split() == ["page", "edge-app", "up"]
    components = json.loads(fetch(f"{environment.url}/api/v1/status"))["components"]
    assert page.locator(".node").count() == page.locator(".tile").count() == len(components)
    assert page.locator(".line.explains").count() == 1, "only that of the legend"
    assert serious(page) == []


SCENES = {
    "F01": ({"postgres"}, "the peer"),
    "F25": ({"vpc-connector"}, "inferred from the failures of postgres and redis"),
    "F44": ({"postgres", "backend-revision"}, "No module named"),
}


@pytest.mark.parametrize(("fault", "roots", "evidence"), [(f, *seen) for f, seen in SCENES.items()], ids=SCENES)
def test_a_fault_is_shown(page: Page, environment: Demo, fault: str, roots: set[str], evidence: str) -> None:
    environment.wait_healthy()
    environment.inject(fault)
    try:
        wait_for(lambda: set(environment.roots()) == roots, f"{roots} are the roots")
        wait_for(lambda: set(page.locator(".card h3 a").all_inner_texts()) == roots, f"the page shows {roots}")
        assert all(root in headline(page) for root in roots)
        assert evidence in page.locator(".cards").inner_text()
        expect(page.locator(".strip .break")).to_have_count(1)
        assert "breaks here" in page.locator(".strip .break").inner_text()
        assert set(page.locator(".node.root").evaluate_all("nodes => nodes.map(n => n.dataset.key)")) == roots
        wait_for(lambda: page.locator(".drawing .line.explains").count() >= 5, "the page draws what explains what")
        assert serious(page) == []
    finally:
        environment.clear_faults()
    expect(page.locator(".card")).to_have_count(0, timeout=PATIENCE)


def test_a_slow_start(page: Page, environment: Demo) -> None:
    environment.wait_healthy()
    environment.inject("F31")
    try:
        expect(page.locator(".tile[data-key=backend] .state")).to_have_text("starting", timeout=PATIENCE)
        assert page.locator(".card").count() == 0
        expect(page.locator("h1")).to_contain_text("backend is still starting", timeout=PATIENCE)
        assert serious(page) == []
    finally:
        environment.clear_faults()
    expect(page.locator(".tile[data-key=backend] .state")).to_have_text("up", timeout=PATIENCE)


def test_an_offline_exporter_is_shown(page: Page, environment: Demo) -> None:
    environment.wait_healthy()
    body = json.dumps({"mode": "refuse"}).encode()
    fetch(f"{environment.control}/switches/vantage-proxy", "PUT", {"Content-Type": "application/json"}, body)
    environment.inject("F01")
    try:
        expect(page.locator(".banner.offline")).to_contain_text("All vantage checks", timeout=PATIENCE)
        assert serious(page) == []
    finally:
        fetch(f"{environment.control}/switches", "DELETE")
        environment.clear_faults()
    expect(page.locator(".banner.offline")).to_have_count(0, timeout=PATIENCE)


def test_the_page_of_a_component(browser: Browser, environment: Demo, console: list[str]) -> None:
    environment.wait_healthy()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: console.append(message.text))
    page.goto(f"{environment.url}/")
    page.locator(".tile[data-key=edge-api] a").first.click()
    expect(page.locator("h1")).to_have_text("edge-api is up")
    assert {"Certificate", "Last failures", "Last runs", "Phases of the last run"} <= {
        *page.locator("h2").all_inner_texts()
    }
    newest = page.locator(".runs tbody tr").last
    assert newest.inner_text()
    assert serious(page) == []
    page.close()


def test_an_incident_is_shown_and_replayed_by_keyboard(browser: Browser, environment: Demo, console: list[str]) -> None:
    environment.wait_healthy()
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page.on("console", lambda message: console.append(message.text))
    page.goto(f"{environment.url}/")
    expect(page.locator(".last-incident")).to_contain_text("ago", timeout=PATIENCE)
    page.locator(".last-incident a").click()
    expect(page.locator("h1")).to_contain_text("Incident: ")
    steps = page.locator(".steps a")
    last = steps.count() - 1
    expect(page.locator("#slider")).to_be_visible(timeout=PATIENCE)
    page.locator("#step").focus()
    page.keyboard.press("End")
    expect(page.locator("#scene-title")).to_contain_text(f"step {last + 1}: ", timeout=PATIENCE)
    page.locator(".steps a", has_text=NAMES_ROOTS).first.click()
    expect(page.locator("#scene .node.root")).not_to_have_count(0, timeout=PATIENCE)
    expect(page.locator("#scene .card")).not_to_have_count(0)
    assert "step=" in page.url
    assert serious(page) == []
    _fits(page)
    page.goto(f"{environment.url}/history?range=7d")
    status = json.loads(fetch(f"{environment.url}/api/v1/status"))
    assert page.locator(".uptime .bars").count() == len(status["components"]) + len(status["journeys"])
    assert serious(page) == []
    _fits(page)
    page.close()


def test_an_incident_is_replayed_without_scripts(browser: Browser, environment: Demo) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 900}, java_script_enabled=False)
    page.goto(f"{environment.url}/incidents")
    page.locator(".incident .name").first.click()
    assert not page.locator("#slider").is_visible()
    page.locator(".steps a", has_text=NAMES_ROOTS).first.click()
    assert NAMES_ROOTS.search(page.locator(".steps a[aria-current]").inner_text())
    assert page.locator("#scene .node.root").count() > 0
    page.close()


def _fits(page: Page) -> None:
    """Nothing is wider than the page, at three widths."""
    for width in (400, 800, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_page_was_never_reloaded_and_the_console_is_empty(page: Page, console: list[str]) -> None:
    assert page.evaluate("window.notReloaded") is True
    assert console == []
