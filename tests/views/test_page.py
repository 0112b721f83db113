"""The parts of the pages: texts, bars, the dependency graph, and escaping."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.model import Certainty
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.views.badge import badge
from staging_exporter.views.document import component_document, document
from staging_exporter.views.page import component_page, static, status_page
from staging_exporter.views.page.bars import phases, sparkline
from staging_exporter.views.page.graph import graph
from staging_exporter.views.page.templating import inert
from staging_exporter.views.page.texts import ago, banners, clock, linked, precise
from staging_exporter.views.suggestions import suggestions_document

from tests.views.fleet import board

NOW = 1_763_800_000.0  # 2025-11-22 08:26:40 UTC


def seen() -> Any:
    return document(board().snapshot(26.0))


PRECISE = {0.00004: "0.0 ms", 0.0015: "1.5 ms", 0.2304: "230 ms", 2.1: "2.10 s"}


@pytest.mark.parametrize(("seconds", "expected"), PRECISE.items())
def test_a_duration(seconds: float, expected: str) -> None:
    assert precise(seconds) == expected


def test_times() -> None:
    assert clock(NOW, NOW + 60) == "08:26:40 UTC"
    assert clock(NOW, NOW + 86400) == "2025-11-22 08:26 UTC"
    assert clock(None, NOW) == "never"
    assert (ago(NOW - 5, NOW), ago(NOW + 86400 * 3, NOW)) == ("5 s ago", "in 3 days")


LINKS = {
    "https://example.com/a?b=c#d": True,
    "http://example.com": True,
    "HTTPS://example.com": True,
    "javascript:alert(1)": False,
    "data:text/html,x": False,
    "//example.com": False,
    "https:": False,
    "http://[": False,
    "platform-team": False,
}


@pytest.mark.parametrize(("text", "expected"), LINKS.items())
def test_only_http_links_become_links(text: str, expected: bool) -> None:
    assert linked(text) is expected


BANNERS = {
    "no banner": ({"settled": True}, 26.0, []),
    "offline": ({"settled": True, "online": False}, 26.0, ["offline"]),
    "confirming": ({"pending": True}, 26.0, ["pending"]),
    "unsettled": ({}, 26.0, ["unsettled"]),
    "out of date": ({"settled": True}, 34.0, ["old"]),
}


@pytest.mark.parametrize(("changes", "now", "expected"), BANNERS.values(), ids=BANNERS)
def test_banners(changes: dict[str, bool], now: float, expected: list[str]) -> None:
    shown = {**seen(), **changes, "generated_at": now}
    assert [sort for sort, _ in banners(shown)] == ["conflict", *expected]  # the suite of the fleet contradicts it


def test_conflicting_evidence_comes_first_and_names_the_suite() -> None:
    sentence = "suite passes although database is down: it does not test what it claims to"
    assert next(banners(seen())) == ("conflict", f"Conflicting evidence: {sentence}.")


def test_the_banner_of_old_data_has_its_age() -> None:
    shown = {**seen(), "settled": True, "generated_at": 63.0}
    assert list(banners(shown))[1:] == [("old", "This data is out of date: the last probe started 60 s ago.")]


def test_a_sparkline_shows_outcomes_by_height() -> None:
    line = sparkline(["pass", "pass", "degraded", "fail", "unknown"], [0.1, 0.2, 0.1, 5.0, 0.0])
    assert line.width == 20
    assert line.paths == {
        "pass": "M2 20v-4.2M6 20v-4.3",
        "degraded": "M10 20v-16.0",
        "fail": "M14 20v-20.0",
        "unknown": "M18 20v-2.0",
    }
    assert line.aria_label == "last 5 runs, oldest first: 2 pass, 1 degraded, 1 fail, 1 unknown"


def test_phases_follow_each_other() -> None:
    shown = phases({"connect": 0.1, "tls": 0.3})
    assert [(phase.name, phase.seconds, phase.begin, phase.width) for phase in shown] == [
        ("connect", 0.1, 0.0, pytest.approx(25)),
        ("tls", 0.3, pytest.approx(25), pytest.approx(75)),
    ]


def test_the_graph() -> None:
    drawn = graph(seen(), seen()["components"])
    nodes = {node.name: node for node in drawn.nodes}
    assert [node.name for node in drawn.nodes if node.root] == ["database"]
    assert [node.name for node in drawn.nodes if node.latent] == ["vpc"]
    assert nodes["database"].aria_label == "database, infrastructure, down, root cause"
    assert nodes["backend"].aria_label == "backend, application, down, affected by database"
    sorts = sorted(link.sort for link in drawn.links)
    assert sorts == ["any", "any", "covers", "hard", "hard", "hard", "hard", "optional"]
    explaining = [link for link in drawn.links if link.explains]
    assert explaining == [drawn.links[-1]], "the one from the database to the backend, drawn last"
    right_of_database = nodes["database"].box.x + nodes["database"].box.width
    assert explaining[0].path.startswith(f"M{right_of_database:.1f} ")


def test_a_start_explains_no_failure_in_the_graph() -> None:
    shown = seen()
    shown["components"]["backend"]["root_causes"] = []
    assert not any(link.explains for link in graph(shown, shown["components"]).links)


def test_long_names_are_cut_only_in_the_graph() -> None:
    shown = seen()
    shown["components"]["x" * 63] = shown["components"]["silent"]
    last = graph(shown, shown["components"]).nodes[-1]
    assert (last.name, last.label) == ("x" * 63, "x" * 25 + "…")


def test_invisible_characters_are_spelt_out() -> None:
    assert inert("a\u202eb\u200b") == "a⌈U+202E⌉b⌈U+200B⌉"
    assert inert(5) == 5


class Tags(HTMLParser):
    """All tags with their attributes, and whether all that was opened was closed in order."""

    VOID = frozenset({"meta", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def hostile() -> Snapshot:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e"
    made = board(evil).snapshot(26.0)
    links = {"runbook": "javascript:alert(1)", "issue": f"https://example.com/{evil}", "owner": evil}
    components = {
        name: replace(status, detail=evil, component=replace(status.component, links=links), facts={evil: [evil]})
        for name, status in made.components.items()
    }
    roots = tuple(replace(root, detail=evil) for root in made.root_causes)
    return replace(made, components=components, root_causes=roots)


NOTHING = suggestions_document("staging", 26.0, Suggestions())


@pytest.mark.parametrize("snapshot", [board().snapshot(26.0), hostile()], ids=["plain", "hostile"])
@pytest.mark.parametrize("name", [None, "database", "vpc", "backend", "suite", "silent"])
def test_the_html_is_sound_and_nothing_is_inline(name: str | None, snapshot: Snapshot) -> None:
    whole = document(snapshot)
    html = "".join(
        status_page(whole, NOTHING) if name is None else component_page(whole, component_document(snapshot, name))
    )
    tags = Tags(html)
    assert tags.open == []
    assert [attributes for tag, attributes in tags.found if tag == "script"] == [
        {"src": ("../" if name else "") + "static/theme.js"},
        {"src": ("../" if name else "") + "static/page.js", "type": "module"},
    ]
    assert not any(tag in ("style", "img", "iframe") for tag, _ in tags.found)
    for tag, attributes in tags.found:
        assert not any(key == "style" or key.startswith("on") for key in attributes), (tag, attributes)
        assert not (attributes.get("href") or "").startswith(("javascript:", "data:"))
    identifiers = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert "\u202e" not in html


def test_a_root_cause_card_has_every_remark() -> None:
    made = board().snapshot(26.0)
    (root,) = made.root_causes
    likely = replace(root, certainty=Certainty.LIKELY, suspects=("vpc",), coincides_with=("silent",))
    html = "".join(status_page(document(replace(made, root_causes=(likely,))), NOTHING))
    assert (
        "<dt>certainty</dt><dd>likely: concluded from the time or the number of the failures; the alternative" in html
    )
    assert "<dt>coincides</dt><dd>with silent, to which no dependency is configured</dd>" in html
    assert "<dt>contradicted</dt><dd>report depends on it and is up, so " in html


def test_the_page_of_a_component_says_what_lies_between_it_and_its_root_cause() -> None:
    made = board().snapshot(26.0)
    backend = replace(made.components["backend"], through=("model-a",), recovers_until=86.0)
    silent = replace(made.components["silent"], unnoticed=2, failure_ratio=0.25)
    changed = replace(made, components={**made.components, "backend": backend, "silent": silent})

    def page(name: str) -> str:
        return "".join(component_page(document(changed), component_document(changed, name)))

    assert 'through <a href="../components/model-a">model-a</a></dd>' in page("backend")
    assert "<dt>may recover until</dt>" in page("backend")
    assert "<dt>certainty</dt><dd>observed</dd>" in page("database")
    assert "<dt>failures</dt><dd>25 % of the last scheduled probes</dd>" in page("silent")
    assert "<dt>not noticed</dt><dd>2 incidents: the check is shallow</dd>" in page("silent")


def test_only_our_own_files_are_served() -> None:
    assert b"morph" in static("page.js")
    with pytest.raises(KeyError):
        static("../__init__.py")


def test_a_badge() -> None:
    svg = badge("golden-path", "blocked")
    assert 'aria-label="golden-path: blocked"' in svg
    assert Tags(svg).open == []
