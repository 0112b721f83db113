"""`python -m tests.recording`: a minute of the demo, terminal and page, as one animated SVG in deploy/pictures.

What is typed and printed is that of a run made here; only the pace is that of a reader.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
from staging_exporter.views.report import text

from tests.pictures import PICTURES, runs
from tests.support.live import Demo, demo, wait_for
from tests.support.served import chromium

FILE = PICTURES / "recording.svg"
WIDTH, HEIGHT = 1240, 640  # of the whole
LEFT = 590  # width of the terminal
LINE = 15.0  # height of a line of the terminal
COLUMNS = 76
PAGE = (1280, 1240)  # the window of the browser, scaled down to what is left
SCALE = 0.7
QUALITY = 60
FAULT, ROOT = "F25", "vpc-connector"


@dataclass(frozen=True)
class Frame:
    """What is seen for `seconds`: the end of the terminal, and the page as a JPEG."""

    seconds: float
    lines: Sequence[str]
    page: bytes


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, demo(Path(directory)) as environment, chromium() as browser:
        frames = record(environment, browser)
    FILE.write_text(svg(frames), encoding="utf-8")
    print(f"{FILE}: {FILE.stat().st_size // 1000} kB, {sum(frame.seconds for frame in frames):g} s")


def record(environment: Demo, browser: Browser) -> list[Frame]:
    """The story: all is well, a fault, the verdict, what to do, the fault is cleared."""
    environment.wait_healthy()
    wait_for(lambda: runs(environment) >= 12, "every component has 12 runs", timeout=180)
    viewport = {"width": PAGE[0], "height": PAGE[1]}
    page = browser.new_page(viewport=viewport, color_scheme="dark", device_scale_factor=SCALE)  # type: ignore[arg-type]
    page.goto(environment.url)
    lines = ["$ make demo", *report(environment.status())]
    frames = [Frame(9, lines, shot(page))]
    environment.inject(FAULT)
    typed = [*lines, "", f"$ curl -X PUT localhost:18099/faults/{FAULT}    # the VPC connector fails"]
    frames.append(Frame(4, typed, shot(page)))
    wait_for(lambda: environment.status()["pending"] or environment.roots(), "the failure is being confirmed")
    frames.append(Frame(4, typed, after_update(page, ".banner.pending, .card")))
    wait_for(lambda: environment.roots() == [ROOT] and not environment.status()["pending"], "the root cause")
    seen = environment.status()
    told = [*typed, "", *report(seen)]
    frames.append(Frame(17, told, after_update(page, ".roots .card summary")))
    asked = [*told, "", "$ staging-exporter explain backend --from http://localhost:9877", *explained(seen, "backend")]
    page.locator("#components").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('components').scrollIntoView()")
    frames.append(Frame(10, asked, shot(page)))
    environment.clear_faults()
    cleared = [*asked, "", "$ curl -X DELETE localhost:18099/faults"]
    frames.append(Frame(4, cleared, shot(page)))
    environment.wait_healthy()
    page.evaluate("window.scrollTo(0, 0)")
    expect(page.locator(".roots .card")).to_have_count(0, timeout=30_000)
    frames.append(Frame(12, [*cleared, "", *report(environment.status())], shot(page)))
    return frames


def report(status: dict[str, Any]) -> list[str]:
    return text(status, width=COLUMNS).splitlines()  # type: ignore[arg-type]


def explained(status: dict[str, Any], name: str) -> list[str]:
    words, lines = status["components"][name]["explanation"].split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) >= COLUMNS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def after_update(page: Page, wanted: str) -> bytes:
    expect(page.locator(wanted).first).to_be_visible(timeout=30_000)
    return shot(page)


def shot(page: Page) -> bytes:
    return page.screenshot(type="jpeg", quality=QUALITY)


def svg(frames: Sequence[Frame]) -> str:
    """All frames above each other; each is visible for its part of the time."""
    total = sum(frame.seconds for frame in frames)
    styles, groups, begun = [], [], 0.0
    for number, frame in enumerate(frames):
        begin, end = 100 * begun / total, 100 * (begun + frame.seconds) / total
        begun += frame.seconds
        shown = f"{end:.2f}%{{opacity:1}}{end + 0.01:.2f}%,100%{{opacity:0}}"
        steps = f"0%,{shown}" if number == 0 else f"0%,{begin:.2f}%{{opacity:0}}{begin + 0.01:.2f}%,{shown}"
        styles.append(f"@keyframes f{number}{{{steps}}}#f{number}{{animation:f{number} {total:g}s step-end infinite}}")
        content = terminal(frame.lines) + picture(frame.page)
        groups.append(f'<g id="f{number}" opacity="{int(number == 0)}">{content}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="A fault in the demo: the terminal and the status page name its root cause within seconds">'
        f"<style>text{{font:12px ui-monospace,DejaVu Sans Mono,monospace;fill:#d5dde5;white-space:pre}}"
        f".p{{fill:#7fd18b}}.r{{fill:#ff7f78;font-weight:700}}{''.join(styles)}</style>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#0b0f14"/>{"".join(groups)}</svg>\n'
    )


def terminal(lines: Sequence[str]) -> str:
    """The last lines that fit."""
    shown = list(lines)[-int((HEIGHT - 24) // LINE) :]
    rows = [(26 + LINE * row, line) for row, line in enumerate(shown) if line]
    return "".join(f'<text x="14" y="{y:g}"{style(line)}>{escape(line)}</text>' for y, line in rows)


def style(line: str) -> str:
    if line.startswith("$"):
        return ' class="p"'
    return ' class="r"' if " is down: " in line or line.startswith(("P0 ", "P1 ")) else ""


def picture(page: bytes) -> str:
    width = WIDTH - LEFT - 12
    height = width * PAGE[1] / PAGE[0]
    data = base64.b64encode(page).decode()
    return f'<image x="{LEFT}" y="12" width="{width}" height="{height:.0f}" href="data:image/jpeg;base64,{data}"/>'


if __name__ == "__main__":
    main()
