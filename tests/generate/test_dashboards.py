"""The dashboards as files: current, without keys that Grafana drops, and by the rules of dashboard-linter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import combinations
from pkgutil import iter_modules
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from staging_exporter.config import load_config
from staging_exporter.core.model import Component, Layer, Priority, State, Topology
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.generate.dashboards import dashboards
from staging_exporter.generate.dashboards.board import uid
from staging_exporter.generate.dashboards.words import ALL_STATES, JOURNEYS, STATES

from tests.generate.boards import COMMITTED, COMPONENT, GRAPH, REFERENCE, Board, made, panels, queries, selectors

BOARDS = made()
NAMES = sorted(BOARDS)
HOSTILE = 'st$component [[datasource]] ${x} "q" \\ \n ünï'
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
CORE_PANELS = {"stat", "table", "timeseries", "state-timeline", "heatmap", "nodeGraph"}


def mapped(panel: dict[str, Any]) -> bool:
    return bool(panel["fieldConfig"]["defaults"].get("mappings"))


# After https://github.com/grafana/dashboard-linter/tree/main/docs/rules. Its rules on `job` and `instance` are replaced
# by one on the label `environment`, since an exporter that moved has another instance. Its rules on LogQL do not apply.
# A rule yields what is wrong.
Rule = Callable[[Board], Iterator[str]]


def one_datasource_variable_of_the_usual_name(board: Board) -> Iterator[str]:
    found = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    if [(variable["name"], variable["label"], variable["query"]) for variable in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield str(found)


def variables_reload_with_the_time_range(board: Board) -> Iterator[str]:
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield variable["name"]


def panels_use_the_datasource_variable(board: Board) -> Iterator[str]:
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(board):
        if any(part.get("datasource") != wanted for part in (panel, *panel["targets"])):
            yield panel["title"]


def panels_have_title_and_description(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if not panel.get("title") or not panel.get("description", "").endswith("."):
            yield panel.get("title", "?")


def panels_have_a_valid_unit_or_words(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if panel["type"] == "nodeGraph" or mapped(panel):  # with a unit the node graph would show a number
            continue
        defaults = panel["fieldConfig"]["defaults"].get("unit")
        overridden = [p["value"] for o in panel["fieldConfig"].get("overrides", ()) for p in o["properties"]
                      if p["id"] == "unit"]  # fmt: skip
        for unit in [defaults, *overridden]:
            if unit not in UNITS and not str(unit).startswith("suffix:"):
                yield f"{panel['title']}: {unit}"


def panels_have_a_query(board: Board) -> Iterator[str]:
    yield from (panel["title"] for panel in panels(board) if not panel["targets"])


def rates_use_the_rate_interval(board: Board) -> Iterator[str]:
    """Or, in a number about the whole time shown, that time."""
    for query in queries({"": board}):
        for function, window in re.findall(r"\b(rate|irate|increase)\([^[]*\[([^]]+)\]", query.expr):
            if window != "$__rate_interval" and (window, function, query.instant) != ("$__range", "increase", True):
                yield query.place


def counters_only_inside_of_rates(board: Board) -> Iterator[str]:
    for query in queries({"": board}):
        for found in selectors(query.filled()):
            if found.metric.endswith("_total") and found.function not in ("rate", "irate", "increase"):
                yield query.place


def gauges_of_two_exporters_count_once(board: Board) -> Iterator[str]:
    """A sum or a count is over components, not over several exporters of the same one."""
    for query in queries({"": board}):
        if re.search(r"\b(sum|count|avg)(?: by \([^)]*\) )?\((?:staging_|environment_)", query.expr):
            yield query.place


def not_editable(board: Board) -> Iterator[str]:
    if board["editable"] is not False:
        yield str(board["editable"])


def our_series_are_those_of_this_environment(board: Board) -> Iterator[str]:
    for query in queries({"": board}):
        for found in selectors(query.filled()):
            ours = found.metric.startswith(("staging_", "environment_", "ALERTS"))
            if ours and found.matchers.get("environment") != "netra-staging":
                yield f"{query.place}: {found.metric}"


def usable_as_it_is(board: Board) -> Iterator[str]:
    """It refreshes, uses the reader's time zone, shares the crosshair, and asks nothing at import."""
    wanted = {"refresh": "30s", "timezone": "browser", "graphTooltip": 1}
    yield from (key for key, value in wanted.items() if board.get(key) != value)
    yield from (key for key in ("__inputs", "__requires") if key in board)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", board["uid"]):
        yield board["uid"]


def linked_to_the_others(board: Board) -> Iterator[str]:
    (link,) = board["links"]
    if not (
        link["asDropdown"] and link["keepTime"] and link["includeVars"] and set(link["tags"]) <= set(board["tags"])
    ):
        yield str(link)


def numbered_and_titled_once(board: Board) -> Iterator[str]:
    ids = [panel["id"] for panel in board["panels"]]
    titles = [panel["title"] for panel in board["panels"]]
    if len(set(ids)) != len(ids) or None in ids or len(set(titles)) != len(titles):
        yield f"{ids} {titles}"
    for panel in panels(board):
        refs = [target["refId"] for target in panel["targets"]]
        if "" in refs or len(set(refs)) != len(refs):
            yield f"{panel['title']}: {refs}"


def panels_of_the_core_that_do_not_overlap(board: Board) -> Iterator[str]:
    yield from (panel["type"] for panel in panels(board) if panel["type"] not in CORE_PANELS)
    for one, other in combinations([panel["gridPos"] for panel in board["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        if not (beside or above):
            yield f"{one} {other}"
    yield from (str(p["gridPos"]) for p in board["panels"] if p["gridPos"]["x"] + p["gridPos"]["w"] > 24)


def empty_panels_have_a_text(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if panel["type"] in ("stat", "table") and not panel["fieldConfig"]["defaults"].get("noValue"):
            yield panel["title"]


def colours_come_with_words(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if panel["type"] == "state-timeline" and not mapped(panel):
            yield panel["title"]
        for mapping in panel["fieldConfig"]["defaults"].get("mappings", ()):
            if not all(result["text"] and result["color"].startswith("#") for result in mapping["options"].values()):
                yield panel["title"]


RULES = [
    one_datasource_variable_of_the_usual_name,
    variables_reload_with_the_time_range,
    panels_use_the_datasource_variable,
    panels_have_title_and_description,
    panels_have_a_valid_unit_or_words,
    panels_have_a_query,
    rates_use_the_rate_interval,
    counters_only_inside_of_rates,
    gauges_of_two_exporters_count_once,
    not_editable,
    our_series_are_those_of_this_environment,
    usable_as_it_is,
    linked_to_the_others,
    numbered_and_titled_once,
    panels_of_the_core_that_do_not_overlap,
    empty_panels_have_a_text,
    colours_come_with_words,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_the_rules_hold(name: str, rule: Rule) -> None:
    assert list(rule(BOARDS[name])) == []


def test_the_committed_dashboards_are_current() -> None:
    committed = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in COMMITTED.iterdir()}
    assert committed == BOARDS, "stale: run `make generate`"


@pytest.mark.parametrize("name", NAMES)
def test_grafana_knows_every_key(name: str) -> None:
    """What the SDK reads and writes again loses every key that it does not know."""
    from grafana_foundation_sdk.cog.plugins import register_default_plugins  # after ours, which expects its warning
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    read = Dashboard.from_json(json.loads(json.dumps(BOARDS[name])))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == BOARDS[name]


def test_links_between_dashboards_lead_to_a_dashboard() -> None:
    known = {board["uid"] for board in BOARDS.values()}
    text = json.dumps(list(BOARDS.values()))
    linked = set(re.findall(r"/d/([^?/]+)\?", text))
    assert linked == {uid("netra-staging", COMPONENT)}
    assert linked <= known


def test_alerts_link_to_the_component_dashboard() -> None:
    link = load_config(REFERENCE).alerting.dashboard
    assert link
    assert link.endswith(f"/d/{BOARDS[COMPONENT]['uid']}")


def test_every_column_of_a_table_has_its_override_by_its_heading() -> None:
    for board in BOARDS.values():
        for panel in panels(board):
            headings = {heading for step in panel.get("transformations", ())
                        for heading in step["options"].get("renameByName", {}).values()}  # fmt: skip
            overridden = {override["matcher"]["options"] for override in panel["fieldConfig"].get("overrides", ())}
            assert overridden <= headings, panel["title"]


def test_the_node_graph_gets_two_instant_tables() -> None:
    (graph,) = (panel for panel in panels(BOARDS[GRAPH]) if panel["type"] == "nodeGraph")
    assert [(t["refId"], t["format"], t["instant"]) for t in graph["targets"]] == [
        ("nodes", "table", True),
        ("edges", "table", True),
    ]
    assert graph["fieldConfig"]["defaults"] == {}


def test_every_state_has_its_word() -> None:
    assert set(STATES) == set(State)
    assert set(JOURNEYS) == set(JourneyState)
    assert len({word.code for word in ALL_STATES}) == len(ALL_STATES)


@pytest.mark.parametrize(
    "environment", [HOSTILE, "e" * 200, "ab/cd", "ab-cd"], ids=["hostile", "long", "with a slash", "plain"]
)
def test_any_name_of_an_environment_is_escaped(environment: str) -> None:
    topology = Topology(environment, {"web": Component("web", Layer.SERVICE, Priority.P0, "http")})
    files = {name: json.loads(text) for name, text in dashboards(topology).items()}
    for board in files.values():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", board["uid"])
    for query in queries(files):
        mentioned = [found.matchers["environment"] for found in selectors(query.filled())
                     if "environment" in found.matchers]  # fmt: skip
        assert set(mentioned) <= {environment}, query.place


def test_two_environments_never_share_a_dashboard() -> None:
    environments = ["a/b", "a-b", "a b", "e" * 60, "e" * 61, "E", "e"]
    assert len({uid(environment, GRAPH) for environment in environments}) == len(environments)


def test_every_dashboard_module_makes_a_file() -> None:
    package = import_module("staging_exporter.generate.dashboards")
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    assert sorted(module.NAME for module in modules if hasattr(module, "NAME")) == NAMES
