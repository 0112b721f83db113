"""The kinds of panels, each with a title, a description and a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    nodegraph,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from staging_exporter.generate.dashboards.words import GREY, Word, mapping

PROMETHEUS = look.DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH = 24  # columns of Grafana's grid
Panel = TypeVar("Panel", stat.Panel, table.Panel, timeseries.Panel, statetimeline.Panel, heatmap.Panel, nodegraph.Panel)
Override = tuple[str, list[model.DynamicConfigValue]]  # the name of a field, and what is special about it
Steps = Sequence[tuple[float | None, str]]  # from this value on, this colour; the first has none


def now(expr: str, ref: str = "A", legend: str = "") -> Dataquery:
    """A query for the value now."""
    return _query(expr, ref).instant().legend_format(legend)


def rows(expr: str, ref: str = "A") -> Dataquery:
    """A query for a table now: labels are columns, the value is the last."""
    return _query(expr, ref).instant().format(PromQueryFormat.TABLE)


def over_time(expr: str, ref: str = "A", legend: str = "__auto") -> Dataquery:
    """A query for a curve."""
    return _query(expr, ref).range().legend_format(legend)


def _query(expr: str, ref: str) -> Dataquery:
    return Dataquery().datasource(PROMETHEUS).expr(expr).ref_id(ref)


def number(title: str, description: str, *queries: Dataquery, unit: str = "short", steps: Steps = ((None, GREY),),
           words: tuple[Word, ...] = (), none: str = "none", span: int = 4, height: int = 4) -> stat.Panel:  # fmt: skip
    """One number or word for each series, on its colour; `none` is shown when there is no series."""
    named = look.BigValueTextMode.VALUE_AND_NAME if len(queries) > 1 else look.BigValueTextMode.VALUE
    panel = _made(stat.Panel(), title, description, queries, span, height).unit(unit).no_value(none)
    panel = panel.thresholds(_thresholds(steps)).mappings(mapping(words)).text_mode(named)
    panel = panel.color_mode(look.BigValueColorMode.BACKGROUND).graph_mode(look.BigValueGraphMode.NONE)
    return panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).wide_layout(False)


def curves(title: str, description: str, *queries: Dataquery, unit: str, span: int = 12, height: int = 8,
           stacked: bool = False, top: float | None = None) -> timeseries.Panel:  # fmt: skip
    """Curves over time, from zero; `top` is the highest possible value."""
    panel = _made(timeseries.Panel(), title, description, queries, span, height).unit(unit).min(0)
    panel = panel.fill_opacity(60 if stacked else 8).line_width(1).show_points(look.VisibilityMode.AUTO)
    panel = (
        panel.span_nulls(True)
        .interval("1m")
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
    )
    panel = panel.legend(
        common.VizLegendOptions()
        .display_mode(look.LegendDisplayMode.TABLE)
        .placement(look.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(look.StackingMode.NORMAL))
    return panel if top is None else panel.max(top)


def strips(title: str, description: str, *queries: Dataquery, words: tuple[Word, ...],
           height: int) -> statetimeline.Panel:  # fmt: skip
    """One strip over time for each series, with its word where there is room; missing data is a gap."""
    panel = _made(statetimeline.Panel(), title, description, queries, WIDTH, height)
    panel = panel.mappings(mapping(words)).show_value(look.VisibilityMode.AUTO).thresholds(_thresholds(((None, GREY),)))
    panel = panel.row_height(0.85).fill_opacity(90).line_width(0).merge_values(True).per_page(60)
    panel = panel.max_data_points(300)  # with 500 components each point costs Prometheus some 8 ms
    return panel.legend(
        common.VizLegendOptions()
        .display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def heat(title: str, description: str, buckets: Dataquery, span: int = 12, height: int = 8) -> heatmap.Panel:
    """A histogram over time, in seconds."""
    panel = _made(heatmap.Panel(), title, description, (buckets.format(PromQueryFormat.HEATMAP),), span, height)
    return panel.unit("short").y_axis(heatmap.YAxisConfig().unit("s")).calculate(False).interval("1m").hide_legend()


def listing(title: str, description: str, *queries: Dataquery, columns: Mapping[str, str], none: str,
            join: str | None = None, sort: str = "", highest_first: bool = False, span: int = 12,
            height: int = 8) -> table.Panel:  # fmt: skip
    """A table of the columns named, in that order: field name -> heading.

    `join` is the field that the queries share, `sort` the heading to sort by.
    """
    panel = _made(table.Panel(), title, description, queries, span, height).no_value(none).unit("string")
    panel = panel.align(look.FieldTextAlignment.LEFT).min_width(90)
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(highest_first)])
    if join:
        panel = panel.with_transformation(
            model.DataTransformerConfig("joinByField", options={"byField": join, "mode": "outer"})
        )
    order = {field: index for index, field in enumerate(columns)}
    return panel.with_transformation(
        model.DataTransformerConfig("filterFieldsByName", options={"include": {"names": list(columns)}})
    ).with_transformation(
        model.DataTransformerConfig(
            "organize", options={"indexByName": order, "renameByName": dict(columns), "excludeByName": {}}
        )
    )


def graph(title: str, description: str, nodes: Dataquery, edges: Dataquery, span: int, height: int) -> nodegraph.Panel:
    """Nodes and edges; Grafana recognises them by the refId of their query."""
    queries = (nodes.ref_id("nodes"), edges.ref_id("edges"))
    return _made(nodegraph.Panel(), title, description, queries, span, height).overrides([])


def worded(column: str, words: tuple[Word, ...]) -> Override:
    """An override: the column shows words on their colours."""
    cell = {"type": "color-background", "mode": "basic"}
    mappings = mapping(words)
    return column, [
        model.DynamicConfigValue("mappings", mappings),
        model.DynamicConfigValue("custom.cellOptions", cell),
    ]


def in_unit(column: str, unit: str) -> Override:
    """An override: the column is in this unit."""
    return column, [model.DynamicConfigValue("unit", unit)]


def linked(column: str, title: str, url: str) -> Override:
    """An override: the column is a link."""
    return column, [model.DynamicConfigValue("links", [{"title": title, "url": url}])]


def _made(panel: Panel, title: str, description: str, queries: Sequence[Dataquery], span: int, height: int) -> Panel:
    panel.title(title).description(description).datasource(PROMETHEUS).span(span).height(height)
    for query in queries:
        panel.with_target(query)
    return panel


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(value, colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)
