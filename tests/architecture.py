"""`python -m tests.architecture`: draw deploy/pictures/architecture.svg from the packages and their layers.

The upper half is the flow of data; the lower half has the layers of the import contract in pyproject.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter" / "staging_exporter"
PICTURE = ROOT / "deploy" / "pictures" / "architecture.svg"
WIDTH, MARGIN = 1200, 30

# What each package and module owns, in a few words.
NOTES = {
    "cli": "entry point",
    "commands": "one file per command: options, output, exit codes",
    "app": "the pieces of a running exporter",
    "demo": "a small environment with faults",
    "client": "HTTP client for --from and --to",
    "engine": "when to probe: scheduler, prober, rate limit",
    "web": "HTTP server, pages, API",
    "storage": "state and history",
    "notify": "sends root causes",
    "config": "YAML to components",
    "drafts": "a cloud, or files of other tools, to the text of a configuration",
    "probes": "the kinds of checks, one file each",
    "views": "snapshot to metrics, page, report",
    "generate": "rules, dashboards, runbooks",
    "evidence": "readers of test reports and of other systems' results",
    "options": "option types that kinds share: matchers, URLs, secrets",
    "net": "sockets and protocols: TLS, HTTP, WebSocket, gRPC, DNS",
    "logs": "log lines",
    "clock": "the time",
    "core": "states, dependency graph, root causes: pure, without clock or I/O",
}
STYLE = """
  text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2937 }
  .heading { font-size: 19px; font-weight: 600 }
  .name { font-size: 15px; font-weight: 600 }
  .note { font-size: 13px; fill: #4b5563 }
  .label { font-size: 12.5px; fill: #4b5563 }
  .paper { fill: #ffffff }
  .frame { fill: #f5f8ff; stroke: #a9bfe8; stroke-width: 1.5 }
  .box { fill: #ffffff; stroke: #5b7fc7; stroke-width: 1.5 }
  .pure { fill: #e6f5ee; stroke: #1a9e6b; stroke-width: 2 }
  .outside { fill: #f6f6f4; stroke: #9a9a92; stroke-width: 1.5 }
  .band { fill: #f5f8ff }
  .arrow { fill: none; stroke: #5b6b8c; stroke-width: 1.6 }
  .head { fill: #5b6b8c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb }
    .note, .label { fill: #b6bdc9 }
    .paper { fill: #0d1117 }
    .frame { fill: #121a2b; stroke: #3c558a }
    .box { fill: #0d1117; stroke: #7c9be0 }
    .pure { fill: #0e2a20; stroke: #34c38a }
    .outside { fill: #1b1d21; stroke: #7d7d76 }
    .band { fill: #121a2b }
    .arrow { stroke: #9aa7c2 }
    .head { fill: #9aa7c2 }
  }
"""


def layers() -> list[list[str]]:
    """The packages and modules by layer, from the top, as the import contract in pyproject.toml lists them."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contract = next(each for each in tool["importlinter"]["contracts"] if each["name"] == "Arrows never go up")
    return [[name.strip() for name in row.replace(":", "|").split("|")] for row in contract["layers"]]


@dataclass(frozen=True)
class Box:
    """A box with a name and notes below it, in pixels."""

    x: float
    y: float
    width: float
    height: float
    name: str
    notes: tuple[str, ...] = ()
    style: str = "box"

    def draw(self) -> Iterator[str]:
        """A rectangle, and its lines of text in the middle."""
        yield (
            f'<g class="b"><rect class="{self.style}" x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" '
            f'height="{self.height:g}" rx="7"/>'
        )
        first = self.y + self.height / 2 + 5 - 8.5 * len(self.notes)
        for line, text in enumerate((self.name, *self.notes)):
            style = "note" if line else "name"
            yield _text(self.x + self.width / 2, first + 17 * line, text, style, "middle")
        yield "</g>"

    @property
    def left(self) -> tuple[float, float]:
        """The middle of the left edge."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        """The middle of the right edge."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        """The middle of the upper edge."""
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        """The middle of the lower edge."""
        return self.x + self.width / 2, self.y + self.height


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _arrow(*points: tuple[float, float], both: bool = False) -> str:
    start = ' marker-start="url(#head)"' if both else ""
    return _line(*points, heads=f'{start} marker-end="url(#head)"')


def _line(*points: tuple[float, float], heads: str = "") -> str:
    path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path class="arrow" d="{path}"{heads}/>'


def _flow() -> Iterator[str]:
    """From the configuration and the environment to the people."""
    config = Box(272, 110, 136, 62, "config", ("checks the file",))
    engine = Box(447, 110, 136, 62, "engine", ("decides when",))
    views = Box(642, 110, 136, 62, "views", ("formats it",))
    web = Box(815, 110, 104, 62, "web", ("serves it",))
    generate = Box(272, 235, 136, 62, "generate", ("writes files",))
    probes = Box(447, 235, 136, 62, "probes", ("measure",))
    core = Box(642, 235, 136, 62, "core", ("finds root causes",), "pure")
    storage = Box(815, 235, 104, 62, "storage", ("keeps state",))
    file = Box(MARGIN, 110, 170, 62, "staging.yml", ("components, checks",), "outside")
    files = Box(MARGIN, 225, 170, 82, "Generated files", ("rules, dashboards,", "runbooks, routes"), "outside")
    environment = Box(272, 372, 647, 58, "Your staging environment",
                      ("services, databases, caches, DNS, certificates, test reports",), "outside")  # fmt: skip
    people = Box(1000, 76, 168, 56, "People", ("status page, explain",), "outside")
    pipeline = Box(1000, 148, 168, 56, "CI pipelines", ("check, pytest, reports",), "outside")
    prometheus = Box(1000, 220, 168, 56, "Prometheus", ("scrapes /metrics",), "outside")
    alertmanager = Box(1000, 318, 168, 50, "Alertmanager", ("one page per cause",), "outside")
    grafana = Box(1000, 384, 168, 50, "Grafana", ("four dashboards",), "outside")
    yield _text(MARGIN, 38, "From a probe to a page", "heading")
    yield '<rect class="frame" x="250" y="58" width="695" height="274" rx="12"/>'
    yield _text(266, 82, "staging-exporter", "name")
    boxes = (config, engine, views, web, generate, probes, core, storage, file, files, environment,
             people, pipeline, prometheus, alertmanager, grafana)  # fmt: skip
    for box in boxes:
        yield from box.draw()
    bus, side = 972.0, 1185.0
    yield from (
        _arrow(file.right, config.left),
        _arrow(config.right, engine.left),
        _arrow(config.bottom, generate.top),
        _arrow(generate.left, files.right),
        _arrow(engine.bottom, probes.top),
        _arrow(probes.bottom, (probes.bottom[0], environment.y), both=True),
        _arrow(probes.right, core.left),
        _arrow(core.top, views.bottom),
        _arrow(core.right, storage.left, both=True),
        _arrow(views.right, web.left),
        _line(web.right, (bus, web.right[1])),
        *(_arrow((bus, web.right[1]), (bus, to.left[1]), to.left) for to in (people, pipeline, prometheus)),
        _arrow(prometheus.bottom, alertmanager.top),
        _arrow(prometheus.right, (side, prometheus.right[1]), (side, grafana.right[1]), grafana.right),
    )
    for box, label in ((engine, "runs"), (config, "components"), (views, "snapshot")):
        yield _text(box.bottom[0] + 9, 208, label, "label")
    yield _text(probes.bottom[0] + 9, 356, "requests", "label")
    yield _text(prometheus.bottom[0] + 9, 301, "alerts", "label")
    yield _text((probes.right[0] + core.x) / 2, 258, "results", "label", "middle")


def _layers(top: float) -> Iterator[str]:
    """One band for each layer; a package imports from the bands below its own."""
    yield _text(MARGIN, top, "Packages: each one imports only from the layers below", "heading")
    for number, names in enumerate(layers()):
        y, width = top + 18 + 44 * number, (WIDTH - 2 * MARGIN - 16 - 12 * (len(names) - 1)) / len(names)
        yield f'<rect class="band" x="{MARGIN}" y="{y:g}" width="{WIDTH - 2 * MARGIN}" height="40" rx="8"/>'
        for position, name in enumerate(names):
            x = MARGIN + 8 + position * (width + 12)
            style = "pure" if name == "core" else "box"
            yield f'<g class="b"><rect class="{style}" x="{x:g}" y="{y + 5:g}" width="{width:g}" height="30" rx="6"/>'
            yield _text(x + 12, y + 25, name, "name")
            yield _text(x + 112, y + 25, NOTES[name], "note")
            yield "</g>"


def picture() -> str:
    """The text of the SVG."""
    top = 486.0
    height = top + 18 + 44 * len(layers()) + 20
    return "\n".join(_document(height, [*_flow(), *_layers(top)]))


def _document(height: float, shapes: Iterable[str]) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" role="img" aria-labelledby="title description">'
    )
    yield '<title id="title">The architecture of staging-exporter</title>'
    yield (
        '<desc id="description">The exporter reads staging.yml, probes the environment, finds root causes, and serves '
        "the result to people, pipelines and Prometheus. Below: its packages by layer.</desc>"
    )
    yield f"<style>{STYLE}</style>"
    yield (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse" markerUnits="userSpaceOnUse">'
        '<path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    )
    yield f'<rect class="paper" width="{WIDTH}" height="{height:g}"/>'
    yield from shapes
    yield "</svg>\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(PICTURE)
