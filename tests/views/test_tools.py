"""From a root cause onwards: links with its time range, the runbook by reason, the Markdown of runbooks."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from staging_exporter.core.model import Reason
from staging_exporter.generate.examples import runbook
from staging_exporter.views.document import document
from staging_exporter.views.page import missing_page, runbook_page
from staging_exporter.views.page.markdown import Part, blocks
from staging_exporter.views.page.tools import Tools, help_for

from tests.views.fleet import board

TOOLS = Tools(
    exporter="https://exporter.test",
    dashboard="https://grafana.test/d/component",
    prometheus="https://prometheus.test/",
    logs="https://logs.test/q;component=$component;range=$from/$to?a=$from_ms&b=$to_ms",
    command=lambda name, reason: f"look at {name} {reason}" if name == "database" else None,
)
NOW = 1_763_800_000.0


def found(tools: Tools = TOOLS, kind: str = "postgres", **links: str) -> Any:
    seen = document(board('a "b"').snapshot(26.0))
    root = {**seen["root_causes"][0], "began": NOW - 60, "since": NOW - 57}
    component = {**seen["components"]["database"], "links": links, "kind": kind}
    return help_for(tools, seen["environment"], root, component, NOW)  # type: ignore[arg-type]


def test_the_links_begin_a_quarter_of_an_hour_before_the_failure() -> None:
    links = found().links
    grafana = parse_qs(urlsplit(links["Grafana"]).query)
    began = "1763799040000"
    assert grafana == {"var-environment": ['a "b"'], "var-component": ["database"], "from": [began], "to": ["now"]}
    prometheus = parse_qs(urlsplit(links["Prometheus"]).query)
    assert prometheus["g0.expr"] == ['staging_probe_success{environment="a \\"b\\"",component="database"}']
    assert prometheus["g0.range_input"] == ["960s"]
    assert prometheus["g0.end_input"] == ["2025-11-22 08:26:40"]
    times = "range=2025-11-22T08%3A10%3A40Z/2025-11-22T08%3A26%3A40Z"
    assert links["Logs"] == f"https://logs.test/q;component=database;{times}?a={began}&b=1763800000000"


def test_a_component_has_links_of_its_own() -> None:
    links = found(Tools(), logs="https://own.test/$from_ms", dashboard="https://own.test/d?x=1#top").links
    assert links == {
        "Logs": "https://own.test/1763799040000",
        "Dashboard": "https://own.test/d?x=1&from=1763799040000&to=now#top",
    }
    assert found(Tools()).links == {}


def test_the_command_and_the_section_of_the_runbook() -> None:
    assert (found().command, found().runbook) == ("look at database closed", "runbooks/StagingRootCauseP0#closed")
    otherwise = found(Tools(exporter="https://exporter.test")).command
    assert found(Tools(), kind="latent").command == "staging-exporter explain database --from http://localhost:9877"
    assert otherwise == "curl 'https://exporter.test/probe?component=database&debug=true'"


def test_the_blocks_of_a_runbook() -> None:
    text = (
        "# Name\n\nA line with `code`,\nthat goes on.\n\n## By reason\n\n1. See https://a.test/b,\n   then\n2. end.\n"
    )
    found = blocks(text)
    assert [(each.level, each.numbered, each.anchor) for each in found] == [
        (1, False, "name"),
        (0, False, ""),
        (2, False, "by-reason"),
        (0, True, ""),
    ]
    assert found[1].lines == [[Part("text", "A line with "), Part("code", "code"), Part("text", ", that goes on.")]]
    link = [Part("text", "See "), Part("link", "https://a.test/b"), Part("text", ", then")]
    assert found[3].lines == [link, [Part("text", "end.")]]


def test_a_runbook_has_a_section_for_every_reason_and_escapes_what_it_says() -> None:
    page = runbook_page(
        "<b>", 26.0, "StagingRootCauseP1", runbook("StagingRootCauseP1", "<b>", "https://exporter.test")
    )
    assert all(f'<h3 id="{reason}">' in page for reason in Reason if reason != Reason.OK)
    assert "<b>" not in page
    assert "By reason" not in runbook("StagingWatchdog", "staging")


def test_what_does_not_exist_leads_back() -> None:
    page = missing_page("There is no component <x>", ["backend"], "../")
    assert '<a href="../components/backend">backend</a>' in page
    assert '<a href="../">Back to the status page</a>' in page
    assert "<x>" not in page
