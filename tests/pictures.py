"""`python -m tests.pictures`: screenshots of the demo for the README, written to deploy/pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.live import Demo, demo, wait_for
from tests.support.served import chromium

PICTURES = Path(__file__).parent.parent / "deploy" / "pictures"
WIDTH = 1280
# The fault of each picture, and the root causes that it must show.
SCENES: dict[str, set[str]] = {
    "healthy": set(),
    "F25": {"vpc-connector"},
    "F44": {"postgres", "backend-revision"},
}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, demo(Path(directory)) as environment, chromium() as browser:
        for scene, roots in SCENES.items():
            take(browser, environment, scene, roots)


def take(browser: Browser, environment: Demo, scene: str, roots: set[str]) -> None:
    """Take one picture once the verdict is the expected one; with a fault, only down to the graph."""
    environment.wait_healthy()
    wait_for(lambda: runs(environment) >= 12, "every component has 12 runs", timeout=180)
    if roots:
        environment.inject(scene)
        wait_for(lambda: set(environment.roots()) == roots and not environment.status()["pending"], f"{roots}")
    page = browser.new_page(
        viewport={"width": WIDTH, "height": 800}, color_scheme="dark" if scene == "F44" else "light"
    )
    page.goto(environment.url)
    expect(page.locator(".card")).to_have_count(len(roots))
    shown = page.locator("body" if scene == "healthy" else ".graph").bounding_box()
    assert shown
    clip = {"x": 0.0, "y": 0.0, "width": float(WIDTH), "height": shown["y"] + shown["height"] + 16}
    page.screenshot(path=PICTURES / f"{scene}.png", clip=clip, full_page=True)
    page.close()
    environment.clear_faults()
    print(PICTURES / f"{scene}.png")


def runs(environment: Demo) -> int:
    """The smallest number of finished runs of a component."""
    checked = [each for each in environment.status()["components"].values() if each["last_probe"]]
    return min(len(each["recent"]["outcomes"]) for each in checked)


if __name__ == "__main__":
    main()
