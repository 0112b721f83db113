"""Every query of every panel against a real Prometheus that scrapes the demo, healthy and broken."""

from __future__ import annotations

import json
import math
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.generate.dashboards.words import JOURNEYS, PURPLE, ROOT, STATES, SYMPTOM
from staging_exporter.generate.rules import rule_file

from tests.generate.boards import COMPONENT, GOLDEN_PATH, GRAPH, Board, Query, made, other_queries, queries
from tests.support.live import Demo, demo, fetch, prometheus, wait_for

LOOKED_AT = "edge-api"  # for the component dashboard: it has a certificate, and is a symptom in every broken scene
TABLE = f"{GOLDEN_PATH}: Root causes: "
# Queries that are rightly empty: no root cause, no symptom, no failure, nothing unknown, no contradiction.
QUIET = {f"{GOLDEN_PATH}: Most urgent: A", f"{GOLDEN_PATH}: Affected components: A",
         f"{GOLDEN_PATH}: Firing alerts: A", f"{COMPONENT}: Affected by: A",
         *(f"{TABLE}{ref}" for ref in "ABCDEFG"), *(f"{name}: annotation: Root causes" for name in made())}  # fmt: skip
UNFAILED = {f"{COMPONENT}: Failures by reason: A"}
CERTAIN = {f"{GRAPH}: Unknown: A"}
CONSISTENT = {f"{GRAPH}: Contradictions: A"}


@dataclass(frozen=True)
class Scene:
    """A fault, its root cause, and the queries that are empty meanwhile."""

    fault: str | None
    root: str | None
    empty: frozenset[str]


SCENES = {
    "healthy": Scene(None, None, frozenset(QUIET | UNFAILED | CERTAIN | CONSISTENT)),
    "F01": Scene("F01", "postgres", frozenset()),
    "F25": Scene("F25", "vpc-connector", frozenset(CONSISTENT)),
}
Row = tuple[dict[str, str], float]


@dataclass(frozen=True)
class Stage:
    """The demo, a Prometheus that scrapes it, and its dashboards."""

    environment: Demo
    prometheus: str
    boards: dict[str, Board]
    queries: list[Query]

    def rows(self, query: Query) -> list[Row]:
        """What Grafana would draw: labels and last value of each series; those without a number are left out."""
        expr = query.filled(__rate_interval="20s", __range="1m", component=LOOKED_AT)
        found = self._ask("query", query=expr) if query.instant else self._over_time(expr)
        rows = [(row["metric"], float((row.get("value") or row["values"][-1])[1])) for row in found]
        return [(labels, value) for labels, value in rows if math.isfinite(value)]

    def _over_time(self, expr: str) -> list[dict[str, Any]]:
        now = time.time()
        return self._ask("query_range", query=expr, start=str(now - 30), end=str(now), step="5")

    def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        answer = json.loads(fetch(f"{self.prometheus}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"))
        return list(answer["data"]["result"])

    def panel(self, board: str, title: str) -> dict[str, list[Row]]:
        """The rows of each query of a panel."""
        return {q.ref: self.rows(q) for q in self.queries if (q.board, q.panel) == (board, title)}

    def empty(self) -> set[str]:
        return {query.place for query in self.queries if not self.rows(query)}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("dashboards")
    with demo(directory, "--scale", "0.4") as environment:
        boards = made(environment.config)
        rules = _rules(environment.config, directory / "rules.yml")
        target = environment.url.removeprefix("http://")
        with prometheus(directory, target, rules=rules) as url:
            environment.wait_healthy()
            _deploy(environment)
            yield Stage(environment, url, boards, [*queries(boards), *other_queries(boards)])


def _rules(config: Path, file: Path) -> Path:
    """The generated rules, with every group evaluated each second."""
    loaded = load_config(config)
    tree = yaml.safe_load(rule_file(loaded.topology, loaded.slo, loaded.alerting))
    for group in tree["groups"]:
        group["interval"] = "1s"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return file


def _deploy(environment: Demo) -> None:
    body = json.dumps({"components": ["redis"], "revision": "r1"}).encode()
    token = environment.config.with_name("exporter-token").read_text().strip()
    fetch(f"{environment.url}/api/v1/deploys", "POST", {"Authorization": f"Bearer {token}"}, body)


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Scene]:
    """The scene, from when the table of root causes shows its root cause."""
    wanted = SCENES[request.param]
    roots = {wanted.root} if wanted.root else set()
    if wanted.fault:
        stage.environment.inject(wanted.fault)
    wait_for(lambda: _components(stage.panel(GOLDEN_PATH, "Root causes")["A"]) == roots, f"{roots} in the table")
    yield wanted
    stage.environment.clear_faults()
    stage.environment.wait_healthy()


def _components(rows: list[Row]) -> set[str]:
    return {labels["component"] for labels, _ in rows}


def test_only_the_expected_panels_are_empty(stage: Stage, scene: Scene) -> None:
    unexpected: set[str] = set()

    def as_expected() -> bool:
        unexpected.clear()
        unexpected.update(stage.empty() ^ scene.empty)
        return not unexpected

    with suppress(AssertionError):  # the assertion below names the panels
        wait_for(as_expected, "the panels fill")
    assert unexpected == set()


def test_the_root_cause_table_names_the_root_in_every_column(stage: Stage, scene: Scene) -> None:
    columns = stage.panel(GOLDEN_PATH, "Root causes")
    roots = {scene.root} if scene.root else set()
    assert [_components(columns[ref]) for ref in "ABCDEG"] == [roots] * 6
    assert all(value == 0 for _, value in columns["B"]), "both faults are P0"
    assert all(value > 0 for _, value in columns["E"]), "some components are affected"
    affected = stage.panel(GOLDEN_PATH, "Affected components")["A"]
    assert {labels["root_cause"] for labels, _ in affected} == roots


def test_the_journey_shows_where_it_breaks(stage: Stage, scene: Scene) -> None:
    steps = {ref: value for ref, ((_, value),) in stage.panel(GOLDEN_PATH, "Journey golden-path").items()}
    words = {word.code: word.text for word in (*STATES.values(), *JOURNEYS.values())}
    shown = [words[int(steps[ref])] for ref in ("journey", "step1", "step2", "step3", "step4")]
    assert (shown[0], shown[3]) == (("blocked", "down") if scene.root else ("up", "up"))


def test_the_graph_has_every_component_and_no_edge_without_its_node(stage: Stage, scene: Scene) -> None:
    shown = stage.panel(GRAPH, "Dependency graph")
    nodes, edges = [labels for labels, _ in shown["nodes"]], [labels for labels, _ in shown["edges"]]
    components = load_config(stage.environment.config).topology.components
    ids = [node["id"] for node in nodes]
    assert sorted(ids) == sorted(components)
    assert all(edge["source"] in components and edge["target"] in components for edge in edges)
    assert len({edge["id"] for edge in edges}) == len(edges) == sum(
        len({n for group in c.depends_on for n in group} | set(c.optional_depends_on)) for c in components.values()
    )  # fmt: skip
    assert all(row["color"].startswith("#") for row in (*nodes, *edges))
    assert {node["id"] for node in nodes if node["color"] == ROOT.colour} == ({scene.root} if scene.root else set())


def test_the_tables_and_the_graph_agree(stage: Stage, scene: Scene) -> None:
    nodes = {labels["id"]: labels["subtitle"] for labels, _ in stage.panel(GRAPH, "Dependency graph")["nodes"]}
    words = {word.code: word.text for word in (*STATES.values(), SYMPTOM, ROOT)}
    table = {labels["component"]: words[int(value)] for labels, value in stage.panel(GRAPH, "Components")["A"]}
    assert nodes == table


def test_purple_edges_lead_from_a_symptom_to_its_root_cause(stage: Stage, scene: Scene) -> None:
    edges = [labels for labels, _ in stage.panel(GRAPH, "Dependency graph")["edges"]]
    purple: dict[str, set[str]] = {}
    for edge in edges:
        if edge["color"] == PURPLE:
            purple.setdefault(edge["source"], set()).add(edge["target"])
    seen, front = set(), {LOOKED_AT}
    while front:
        seen |= front
        front = {target for name in front for target in purple.get(name, ())} - seen
    assert (scene.root in seen) == (scene.root is not None)


def test_the_component_variable_offers_every_component(stage: Stage, scene: Scene) -> None:
    (variable,) = (query for query in stage.queries if query.panel == "variable")
    assert _components(stage.rows(variable)) == set(load_config(stage.environment.config).topology.components)
