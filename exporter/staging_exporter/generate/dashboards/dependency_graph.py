"""The dependency graph: edges, symptoms and their root causes, contradictions, latent and unknown components."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import nodegraph, table

from staging_exporter.core import names
from staging_exporter.core.model import LATENT, State
from staging_exporter.core.names import COMPONENT
from staging_exporter.generate.dashboards.board import document
from staging_exporter.generate.dashboards.component import linked_column
from staging_exporter.generate.dashboards.panels import WIDTH, graph, in_unit, listing, rows, worded
from staging_exporter.generate.dashboards.queries import FAILING, Queries, labelled, renamed
from staging_exporter.generate.dashboards.words import ALL_STATES, GREY, PURPLE, ROOT, STATES, SYMPTOM, Word

NAME = "dependency-graph"


def dashboard(queries: Queries, components: int) -> str:
    """The dashboard as JSON."""
    height = max(16, min(40, components * 2 // 3))
    return document(
        queries,
        NAME,
        "dependency graph",
        "Components and their dependencies. An arrow points from a component to its dependency.",
        [
            ("Graph", [_graph(queries, height), _nodes_table(queries, height), _edges_table(queries)]),
            ("Uncertain results", list(_uncertain(queries))),
        ],
    )


def nodes(queries: Queries) -> str:
    """The columns of Grafana's node graph, one row for each component: id, title, subtitle, color, detail__*.

    The colour is a string, since thresholds do not work there.
    """
    failing = queries.in_state(FAILING)
    drawn = [
        _drawn(f"({failing} and on ({COMPONENT}) {queries.roots()})", ROOT),
        _drawn(f"({failing} and on ({COMPONENT}) {queries.symptoms()})", SYMPTOM),
        *(_drawn(queries.in_state([state]), word) for state, word in STATES.items()),
    ]
    once = f"\n  or on ({COMPONENT}) ".join(drawn)
    facts = queries.info("layer", "kind", "priority")
    joined = f"({once}) * on ({COMPONENT}) group_left (layer, kind, priority) {facts}"
    for column, label in {"id": COMPONENT, "title": COMPONENT, "detail__layer": "layer", "detail__check": "kind",
                          "detail__priority": "priority"}.items():  # fmt: skip
        joined = renamed(joined, column, label)
    columns = "id, title, subtitle, color, detail__layer, detail__check, detail__priority"
    return f"max by ({columns}) ({joined})"


def edges(queries: Queries) -> str:
    """The columns of an edge: id, source, target, color, detail__optional.

    Edges whose ends are no components are left out, since Grafana's panel fails on an edge without its node.
    """
    joined = f'label_join({_coloured(queries)}, "id", " depends on ", "{COMPONENT}", "depends_on")'
    for column, label in {"source": COMPONENT, "target": "depends_on", "detail__optional": "optional"}.items():
        joined = renamed(joined, column, label)
    known = queries.info()
    return (
        f"max by (id, source, target, color, detail__optional) ({joined})"
        f"\n  and on (source) {renamed(known, 'source')}"
        f"\n  and on (target) {renamed(known, 'target')}"
    )


def _coloured(queries: Queries) -> str:
    """Every edge with its colour: purple from a symptom to a dependency that is a root cause or a symptom itself."""
    every = queries.of(names.DEPENDENCY)
    broken = renamed(f"({queries.roots()} or {queries.symptoms()})", "depends_on")
    purple = f"({every} and on ({COMPONENT}) {queries.symptoms()} and on (depends_on) {broken})"
    return f"({labelled(purple, 'color', PURPLE)} or on ({COMPONENT}, depends_on) {labelled(every, 'color', GREY)})"


def _drawn(components: str, word: Word) -> str:
    return labelled(labelled(components, "color", word.colour), "subtitle", word.text)


def _graph(queries: Queries, height: int) -> nodegraph.Panel:
    return graph(
        "Dependency graph",
        "Red is a root cause, purple a symptom; purple arrows lead from symptoms to causes. The tables show the same.",
        rows(nodes(queries)),
        rows(edges(queries)),
        span=14,
        height=height,
    )


def _nodes_table(queries: Queries, height: int) -> table.Panel:
    facts = queries.info("layer", "kind", "priority")
    panel = listing(
        "Components",
        "The nodes of the graph; latent components have no check.",
        rows(f"{facts} * on ({COMPONENT}) group_left () {queries.words()}"),
        columns={COMPONENT: "Component", "Value": "State", "layer": "Layer", "kind": "Check", "priority": "Priority"},
        none="No components",
        sort="State",
        highest_first=True,
        span=10,
        height=height,
    )
    return panel.override_by_name(*worded("State", ALL_STATES)).override_by_name(*linked_column(queries.environment))


def _edges_table(queries: Queries) -> table.Panel:
    edges = f"max by ({COMPONENT}, depends_on, optional) ({_coloured(queries)})"
    state = f"max by (depends_on) ({renamed(queries.words(), 'depends_on')})"
    panel = listing(
        "Dependencies",
        "The edges of the graph, with the state of each dependency.",
        rows(f"{edges} * on (depends_on) group_left () {state}"),
        columns={COMPONENT: "Component", "depends_on": "Depends on", "Value": "State of the dependency",
                 "optional": "Optional"},
        none="No dependencies",
        sort="State of the dependency",
        highest_first=True,
        span=WIDTH,
    )  # fmt: skip
    return panel.override_by_name(*worded("State of the dependency", ALL_STATES))


def _uncertain(queries: Queries) -> Iterator[table.Panel]:
    since = f"{queries.of(names.STATE_SINCE)} * 1000"
    contradicted = f"({queries.of(names.CONTRADICTED)} == 1)"
    yield _aged(queries, "Contradictions", "Down while a dependent is up: check the network path from the exporter.",
                f"{since} and on ({COMPONENT}) {contradicted}", "No contradictions")  # fmt: skip
    latent = queries.of(names.COMPONENT_INFO, kind=LATENT)
    panel = listing("Latent components", "Components without a check, inferred from their dependents.",
                    rows(f"{latent} * on ({COMPONENT}) group_left () {queries.words()}"),
                    columns={COMPONENT: "Component", "Value": "State", "layer": "Layer"},
                    none="No latent components", span=8)  # fmt: skip
    yield panel.override_by_name(*worded("State", ALL_STATES)).override_by_name(*linked_column(queries.environment))
    unknown = queries.in_state([State.UNKNOWN])
    yield _aged(queries, "Unknown", "Components without a usable result.",
                f"{since} and on ({COMPONENT}) {unknown}", "No unknown components")  # fmt: skip


def _aged(queries: Queries, title: str, description: str, expr: str, none: str) -> table.Panel:
    panel = listing(title, description, rows(expr), columns={COMPONENT: "Component", "Value": "Since"}, none=none,
                    span=8)  # fmt: skip
    return panel.override_by_name(*in_unit("Since", "dateTimeFromNow")).override_by_name(
        *linked_column(queries.environment)
    )
