"""The layout of a dependency graph: columns by depth, few crossings, no overlaps. Pure.

Sugiyama's method: each box gets a column (dependencies left of their dependents), a line that spans several columns
gets a bend in each, columns are ordered by the barycentres of their neighbours, and heights are the least-squares
solution that keeps order and distance. Units are those of the drawing.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean
from typing import TypeAlias

BOX = 30.0  # height of a box
_PITCH = 40.0  # from one box to the next
_BEND = 14.0  # height that a line takes in a column that it crosses
_GAP = 64.0  # between two columns
_MARGIN = 12.0
_SWEEPS = 8

Edge: TypeAlias = tuple[str, str]  # (dependency, dependent)
Slot: TypeAlias = str | tuple[Edge, int]  # a box, or a line in the column of that number that it crosses
Neighbours: TypeAlias = Mapping[Slot, Sequence[Slot]]


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its left upper corner, and its width; all are `BOX` high."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes by name; per edge the path of its line, as the `d` of an SVG path."""

    width: float
    height: float
    boxes: Mapping[str, Box]
    lines: Mapping[Edge, str]


def layout(widths: Mapping[str, float], edges: Iterable[Edge]) -> Drawing:
    """Place boxes of these widths; edges form no cycle. Boxes without an edge come below the others."""
    edges = list(dict.fromkeys(edges))
    joined = {name for edge in edges for name in edge}
    depth = depths([name for name in widths if name in joined], edges)
    columns, before, after = _columns(depth, edges)
    _order(columns, before, after)
    heights = _heights(columns, before, after)
    spans = _spans(columns, widths)
    boxes = {
        slot: Box(spans[number][0], heights[slot] - BOX / 2, spans[number][1])
        for number, column in enumerate(columns)
        for slot in column
        if isinstance(slot, str)
    }
    lines = {edge: _line(edge, depth, spans, heights, boxes) for edge in edges}
    width = max((left + wide for left, wide in spans), default=_MARGIN) + _MARGIN
    bottom = max(heights.values(), default=0.0) + (BOX / 2 + _MARGIN if heights else 0.0)
    return _with_loose({n: w for n, w in widths.items() if n not in joined}, Drawing(width, bottom, boxes, lines))


def depths(names: Sequence[str], edges: Iterable[Edge]) -> dict[str, int]:
    """The column of each: right of all its dependencies; one without dependencies is next to its dependents."""
    needs: dict[str, list[str]] = {name: [] for name in names}
    needed_by: dict[str, list[str]] = {name: [] for name in names}
    for dependency, dependent in edges:
        needs[dependent].append(dependency)
        needed_by[dependency].append(dependent)
    depth: dict[str, int] = {}
    waiting = {name: len(needs[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    for name in ready:  # grows while it is read
        depth[name] = max((depth[other] + 1 for other in needs[name]), default=0)
        for dependent in needed_by[name]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                ready.append(dependent)
    for name in names:
        if not needs[name]:
            depth[name] = min((depth[other] for other in needed_by[name]), default=1) - 1
    return depth


def _columns(depth: Mapping[str, int], edges: Iterable[Edge]) -> tuple[list[list[Slot]], Neighbours, Neighbours]:
    """The slots of each column, and the neighbours of each slot in the column before and in the one after."""
    columns: list[list[Slot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    before: dict[Slot, list[Slot]] = {}
    after: dict[Slot, list[Slot]] = {}
    for name, number in depth.items():
        columns[number].append(name)
    for edge in edges:
        stops = _stops(edge, depth)
        for number, stop in enumerate(stops[1:-1], depth[edge[0]] + 1):
            columns[number].append(stop)
        for one, other in pairwise(stops):
            after.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    return columns, before, after


def _stops(edge: Edge, depth: Mapping[str, int]) -> list[Slot]:
    dependency, dependent = edge
    return [dependency, *((edge, number) for number in range(depth[dependency] + 1, depth[dependent])), dependent]


def _order(columns: list[list[Slot]], before: Neighbours, after: Neighbours) -> None:
    """Sort each column by the mean place of its neighbours, to and fro; the order with fewest crossings stays."""
    places: dict[Slot, float] = {slot: place for column in columns for place, slot in enumerate(column)}
    best, fewest = [list(column) for column in columns], _crossings(columns, after, places)
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 else before
        for column in reversed(columns) if sweep % 2 else columns:
            wanted = {slot: _mean(places, neighbours.get(slot, ()), places[slot]) for slot in column}
            column.sort(key=wanted.__getitem__)
            places.update((slot, place) for place, slot in enumerate(column))
        if (crossings := _crossings(columns, after, places)) < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _mean(places: Mapping[Slot, float], neighbours: Sequence[Slot], otherwise: float) -> float:
    return fmean(places[slot] for slot in neighbours) if neighbours else otherwise


def _crossings(columns: Iterable[Sequence[Slot]], after: Neighbours, places: Mapping[Slot, float]) -> int:
    crossings = 0
    for column in columns:
        ends: list[float] = []  # of the lines above, sorted
        for slot in column:
            mine = [places[other] for other in after.get(slot, ())]
            crossings += sum(len(ends) - bisect_right(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return crossings


def _heights(columns: Sequence[Sequence[Slot]], before: Neighbours, after: Neighbours) -> dict[Slot, float]:
    """The middle of each slot: near its neighbours, in order, and apart."""
    heights = {slot: place for column in columns for slot, place in zip(column, _stacked(column), strict=True)}
    for sweep in range(_SWEEPS):
        for column in reversed(columns) if sweep % 2 else columns:
            wanted = [_mean(heights, [*before.get(slot, ()), *after.get(slot, ())], heights[slot]) for slot in column]
            apart = _stacked(column)
            found = _rising([want - offset for want, offset in zip(wanted, apart, strict=True)])
            heights.update(zip(column, map(float.__add__, found, apart), strict=True))
    top = min(heights.values(), default=0.0) - BOX / 2 - _MARGIN
    return {slot: height - top for slot, height in heights.items()}


def _stacked(column: Sequence[Slot]) -> list[float]:
    """Middles of the slots of a column as close together as they may come."""
    sizes = [_PITCH if isinstance(slot, str) else _BEND for slot in column]
    return [below - size / 2 for below, size in zip(accumulate(sizes), sizes, strict=True)]


def _rising(values: Iterable[float]) -> list[float]:
    """The nearest values, by least squares, none of which is below the one before it (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []  # (mean, how many)
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean, count = (mean * count + other * more) / (count + more), count + more
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _spans(columns: Iterable[Sequence[Slot]], widths: Mapping[str, float]) -> list[tuple[float, float]]:
    """The left edge and the width of each column: that of its widest box."""
    spans: list[tuple[float, float]] = []
    left = _MARGIN
    for column in columns:
        wide = max(widths[slot] for slot in column if isinstance(slot, str))
        spans.append((left, wide))
        left += wide + _GAP
    return spans


def _line(
    edge: Edge,
    depth: Mapping[str, int],
    spans: Sequence[tuple[float, float]],
    heights: Mapping[Slot, float],
    boxes: Mapping[str, Box],
) -> str:
    """From the right side of the dependency to the left side of the dependent, straight through passed columns."""
    dependency, dependent = edge
    x, y = boxes[dependency].x + boxes[dependency].width, heights[dependency]
    path = [f"M{x:.1f} {y:.1f}"]
    first = depth[dependency] + 1
    for number, stop in enumerate(_stops(edge, depth)[1:], first):
        (left, wide), height = spans[number], heights[stop]
        middle = (x + left) / 2
        path.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {height:.1f} {left:.1f} {height:.1f}")
        x, y = left, height
        if stop != dependent:
            x += wide
            path.append(f"H{x:.1f}")
    return "".join(path)


def _with_loose(widths: Mapping[str, float], drawing: Drawing) -> Drawing:
    """With rows of the boxes that have no edge."""
    if not widths:
        return drawing
    step = max(widths.values()) + _MARGIN
    total = max(drawing.width, min(len(widths), 4) * step + _MARGIN)
    per_row = int((total - _MARGIN) // step)
    top = drawing.height or _MARGIN
    loose = {
        name: Box(_MARGIN + index % per_row * step, top + index // per_row * _PITCH, wide)
        for index, (name, wide) in enumerate(widths.items())
    }
    bottom = max(box.y for box in loose.values()) + BOX + _MARGIN
    return Drawing(total, bottom, {**drawing.boxes, **loose}, drawing.lines)
