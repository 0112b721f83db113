"""Generated dashboards, taken apart for tests: panels, queries, and the selectors in a query."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
from staging_exporter.config import load_config
from staging_exporter.generate.dashboards import dashboards

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "deploy" / "netra-staging.yml"
COMMITTED = REPOSITORY / "dashboards"
GOLDEN_PATH, GRAPH, COMPONENT, EXPORTER = "golden-path", "dependency-graph", "component", "exporter-slo"
Board = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One query of a dashboard, as Grafana sends it; `place` is its board, panel and refId."""

    board: str
    panel: str
    ref: str
    expr: str
    instant: bool

    @property
    def place(self) -> str:
        return f"{self.board}: {self.panel}: {self.ref}"

    def filled(self, **variables: str) -> str:
        """The PromQL with Grafana's variables replaced; a rate interval is a minute unless given."""
        values = {"__rate_interval": "1m", "__range": "1h", "component": "backend"} | variables
        text = self.expr
        for name, value in values.items():
            text = text.replace(f"${name}", value)
        return text


def made(config: Path = REFERENCE) -> dict[str, Board]:
    """The dashboards of a configuration, by file name without its ending."""
    files = dashboards(load_config(config).topology)
    return {name.removesuffix(".json"): json.loads(text) for name, text in files.items()}


def panels(board: Board) -> list[dict[str, Any]]:
    """All panels except the headings of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(boards: Mapping[str, Board]) -> list[Query]:
    """Every query of every panel."""
    return [
        Query(name, panel["title"], target["refId"], target["expr"], target.get("instant", False))
        for name, board in boards.items()
        for panel in panels(board)
        for target in panel["targets"]
    ]


def other_queries(boards: Mapping[str, Board]) -> list[Query]:
    """The queries of annotations and variables."""
    notes = [
        Query(name, "annotation", note["name"], note["expr"], False)
        for name, board in boards.items()
        for note in board["annotations"]["list"]
    ]
    variables = [
        Query(name, "variable", variable["name"], _series(variable["query"]), True)
        for name, board in boards.items()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]
    return notes + variables


def _series(label_values: str) -> str:
    """The series in `label_values(SERIES, LABEL)`."""
    return label_values.removeprefix("label_values(").rpartition(",")[0]


@dataclass(frozen=True)
class Selector:
    """A selector of series: its metric, its matchers as text, and the function around it when it has a range."""

    metric: str
    matchers: Mapping[str, str]
    function: str = ""
    ranged: bool = False


def selectors(expr: str) -> list[Selector]:
    """All selectors in a query. Raises ValueError when it is not PromQL."""
    return list(_walk(promql_parser.parse(expr)))


def _walk(node: Any, function: str = "") -> Iterator[Selector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield _selector(node)
    elif isinstance(node, promql_parser.MatrixSelector):
        plain = _selector(node.vector_selector)
        yield Selector(plain.metric, plain.matchers, function, ranged=True)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _walk(argument, node.func.name)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _walk(node.lhs)
        yield from _walk(node.rhs)
    elif not isinstance(node, promql_parser.NumberLiteral | promql_parser.StringLiteral):
        yield from _walk(node.expr)


def _selector(node: Any) -> Selector:
    return Selector(node.name, {matcher.name: matcher.value for matcher in node.matchers.matchers})
