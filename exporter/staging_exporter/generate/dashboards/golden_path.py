"""The first look: what is broken, which component is the root cause, which journeys are blocked, since when."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat, statetimeline, table

from staging_exporter.core import names
from staging_exporter.core.model import Journey, Layer, Topology
from staging_exporter.core.names import COMPONENT
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.generate.dashboards.board import document
from staging_exporter.generate.dashboards.component import linked_column
from staging_exporter.generate.dashboards.panels import (
    WIDTH,
    in_unit,
    listing,
    now,
    number,
    over_time,
    rows,
    strips,
    worded,
)
from staging_exporter.generate.dashboards.queries import FAILING, Queries, renamed
from staging_exporter.generate.dashboards.words import (
    ALL_STATES,
    GREEN,
    JOURNEYS,
    ORANGE,
    PRIORITIES,
    RED,
    STATES,
    YES,
    YES_GOOD,
)

NAME = "golden-path"
_BAD = ((None, GREEN), (1.0, RED))
_ALERTS = "ALERTS"  # written by Prometheus for the rules that it evaluates


def dashboard(queries: Queries, topology: Topology) -> str:
    """The dashboard as JSON."""
    return document(
        queries,
        NAME,
        "golden path",
        "What is broken, which component is the root cause, and since when. Red is a root cause, purple a symptom.",
        [
            ("Verdict", [*_verdict(queries), _roots(queries), _affected(queries)]),
            ("Journeys", list(_journeys(queries, topology))),
            ("Layers", [_layers(queries)]),
            ("Timeline", [_timeline(queries, len(topology.components)), _alerts(queries)]),
        ],
    )


def _verdict(queries: Queries) -> Iterator[stat.Panel]:
    roots = queries.by([COMPONENT], names.ROOT_CAUSE)
    yield number("Root causes now", "Number of components that are a root cause.", now(f"sum({roots})"), steps=_BAD)
    yield number("Most urgent", "Priority of the most urgent root cause, including what it takes down.",
                 now(f"min({queries.of(names.EFFECTIVE_PRIORITY)})"), words=PRIORITIES,
                 steps=((None, GREEN),))  # fmt: skip
    failing = f"count({queries.in_state(FAILING)}) or vector(0)"
    yield number("Failing", "Components that are down or flapping: root causes, symptoms and others.", now(failing),
                 steps=((None, GREEN), (1.0, ORANGE)))  # fmt: skip
    blocked = queries.of(names.JOURNEY_STATE, state=JourneyState.BLOCKED)
    yield number("Blocked journeys", "Number of journeys that users cannot complete.",
                 now(f"sum({blocked}) or vector(0)"), steps=_BAD)  # fmt: skip
    yield number("Verdict pending", "Yes while a round of probes is open: the verdict may still change.",
                 now(queries.of(names.PENDING)), words=YES)  # fmt: skip
    yield number("Exporter online", "No when all vantage checks fail: then no failure is detected.",
                 now(queries.by([names.ENVIRONMENT], names.ONLINE)), words=YES_GOOD)  # fmt: skip


def _roots(queries: Queries) -> table.Panel:
    roots = queries.roots()
    affected_by = queries.by([COMPONENT, "root_cause"], names.AFFECTED_BY)
    affected = f"sum by ({COMPONENT}) ({renamed(f'sum by (root_cause) ({affected_by})', COMPONENT, 'root_cause')})"
    panel = listing(
        "Root causes",
        "Fix these. Affected is the number of components that fail because of it; certainty says how it was found.",
        rows(f"{queries.info('layer')} and on ({COMPONENT}) {roots}", "A"),
        rows(f"{queries.of(names.EFFECTIVE_PRIORITY)} and on ({COMPONENT}) {roots}", "B"),
        rows(f"{queries.states(names.COMPONENT_STATE, STATES.values())} and on ({COMPONENT}) {roots}", "C"),
        rows(f"({queries.of(names.STATE_SINCE)} * 1000) and on ({COMPONENT}) {roots}", "D"),
        rows(f"({affected} or {roots} * 0) and on ({COMPONENT}) {roots}", "E"),
        rows(f"max by ({COMPONENT}, owner) ({queries(names.LINKS)}) and on ({COMPONENT}) {roots}", "F"),
        rows(f"(max by ({COMPONENT}, certainty) ({queries(names.CERTAINTY)}) == 1) and on ({COMPONENT}) {roots}", "G"),
        columns={
            "Value #B": "Priority",
            COMPONENT: "Component",
            "Value #C": "State",
            "certainty": "Certainty",
            "layer": "Layer",
            "Value #D": "Since",
            "Value #E": "Affected",
            "owner": "Owner",
        },
        none="No root causes",
        join=COMPONENT,
        sort="Priority",
        span=14,
    )
    for override in (
        worded("Priority", PRIORITIES),
        worded("State", tuple(STATES.values())),
        in_unit("Since", "dateTimeFromNow"),
        in_unit("Affected", "short"),
        linked_column(queries.environment),
    ):
        panel = panel.override_by_name(*override)
    return panel


def _affected(queries: Queries) -> table.Panel:
    state = queries.states(names.COMPONENT_STATE, STATES.values())
    panel = listing(
        "Affected components",
        "Components that fail because of a root cause: they recover with it.",
        rows(f"{queries.of(names.AFFECTED_BY)} * on ({COMPONENT}) group_left () {state}"),
        columns={COMPONENT: "Component", "Value": "State", "root_cause": "Root cause"},
        none="No affected components",
        span=10,
    )
    panel = panel.override_by_name(*worded("State", tuple(STATES.values())))
    return panel.override_by_name(*linked_column(queries.environment))


def _journeys(queries: Queries, topology: Topology) -> Iterator[stat.Panel]:
    for journey in topology.journeys.values():
        yield _journey(queries, journey)


def _journey(queries: Queries, journey: Journey) -> stat.Panel:
    """The journey and then its steps, in the order of the file: PromQL would sort them by name."""
    whole = f"max({queries.states(names.JOURNEY_STATE, JOURNEYS.values(), journey=journey.name)})"
    targets = [now(whole, "journey", journey.name)]
    for position, (step, component_name) in enumerate(journey.steps, 1):
        state = queries.states(names.STEP_STATE, STATES.values(), journey=journey.name, step=step)
        targets.append(now(f"max({state})", f"step{position}", f"{position} {step} ({component_name})"))
    words = tuple({**{word.code: word for word in JOURNEYS.values()}, **{w.code: w for w in STATES.values()}}.values())
    return number(f"Journey {journey.name}", f"Priority {journey.priority}: the journey, then its steps in order.",
                  *targets, words=words, none="unknown", span=WIDTH)  # fmt: skip


def _layers(queries: Queries) -> stat.Panel:
    targets = [now(f"max({queries.of(names.LAYER_ROOTS, layer=layer)})", layer, layer) for layer in Layer]
    return number("Root causes by layer", "Number of root causes by the layer that owns them.",
                  *targets, steps=_BAD, span=WIDTH)  # fmt: skip


def _timeline(queries: Queries, components: int) -> statetimeline.Panel:
    return strips(
        "States",
        "Every component over time: red is a root cause, purple a symptom, a gap is missing data.",
        over_time(queries.words(), legend=f"{{{{{COMPONENT}}}}}"),
        words=ALL_STATES,
        height=max(8, min(40, 4 + components * 2 // 3)),
    )


def _alerts(queries: Queries) -> table.Panel:
    firing = queries(_ALERTS, alertstate="firing", severity="!none")
    panel = listing(
        "Firing alerts",
        "Alerts that Prometheus sends to Alertmanager, except the watchdog; empty without the generated rules.",
        rows(f"max by (alertname, severity, priority, {COMPONENT}) ({firing})"),
        columns={"alertname": "Alert", "priority": "Priority", "severity": "Severity", COMPONENT: "Component"},
        none="No firing alerts",
        sort="Priority",
        span=WIDTH,
        height=6,
    )
    return panel.override_by_name(*linked_column(queries.environment))
