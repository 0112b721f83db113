"""What all dashboards share: their UIDs, variables, links, annotations and panel numbers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from staging_exporter.core import names
from staging_exporter.generate.dashboards.panels import PROMETHEUS, over_time
from staging_exporter.generate.dashboards.queries import Queries
from staging_exporter.generate.dashboards.words import BLUE, RED
from staging_exporter.generate.marker import MARKER

TAG = "staging-exporter"
_UID = 40  # characters that Grafana allows
Row = tuple[str, Sequence[Builder[model.Panel]]]  # heading and panels


def uid(environment: str, name: str) -> str:
    """The dashboard's name in URLs: stable, one per environment, of characters that Grafana allows."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", environment)
    if plain != environment or len(plain) + len(name) + 1 > _UID:
        digest = hashlib.sha256(environment.encode()).hexdigest()[:8]
        plain = f"{plain[: _UID - len(name) - 10]}-{digest}"
    return f"{plain}-{name}"


def link(environment: str, name: str, component: str) -> str:
    """The URL of another of our dashboards, about a component, for the same time."""
    return f"/d/{uid(environment, name)}?var-component={component}&var-datasource=${{datasource}}&${{__url_time_range}}"


def document(
    queries: Queries,
    name: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    variables: Sequence[Builder[model.VariableModel]] = (),
    since: str = "now-3h",
) -> str:
    """A dashboard as the JSON that Grafana imports."""
    env = queries.environment
    described = f"{description} {MARKER}: change the configuration, not the dashboard."
    board = dashboard.Dashboard(f"{env}: {title}").uid(uid(env, name)).description(described).tags([TAG, env])
    board = board.readonly().refresh("30s").time(since, "now").timezone("browser")
    board = board.tooltip(model.DashboardCursorSync.CROSSHAIR).link(_others(env))
    for variable in (_datasource(), *variables):
        board = board.with_variable(variable)
    for annotation in _annotations(queries):
        board = board.annotation(annotation)
    for heading, panels in rows:
        board = board.with_row(dashboard.Row(heading))
        for panel in panels:
            board = board.with_panel(panel)
    built = board.build()
    for number, placed in enumerate(built.panels or (), 1):
        placed.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def component_variable(queries: Queries) -> dashboard.QueryVariable:
    """The variable that selects a component."""
    series = queries(names.COMPONENT_INFO)
    variable = dashboard.QueryVariable(names.COMPONENT).label("Component").datasource(PROMETHEUS)
    variable = variable.query(f"label_values({series}, {names.COMPONENT})").multi(False).include_all(False)
    return variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.NATURAL_ASC)


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _others(environment: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(f"Dashboards of {environment}").type(model.DashboardLinkType.DASHBOARDS)
    return link.tags([TAG, environment]).as_dropdown(True).keep_time(True).include_vars(True)


def _annotations(queries: Queries) -> list[dashboard.AnnotationQuery]:
    deploys = f"{queries.of(names.DEPLOY)} * 1000"
    return [
        _annotation("Root causes", queries.roots(), RED, "{{component}} is a root cause"),
        _annotation("Deploys", deploys, BLUE, "{{component}} was deployed").use_value_for_time(True),
    ]


def _annotation(name: str, expr: str, colour: str, title: str) -> dashboard.AnnotationQuery:
    annotation = dashboard.AnnotationQuery().name(name).datasource(PROMETHEUS).enable(True).icon_color(colour)
    return annotation.expr(expr).title_format(title).target(over_time(expr, name))
