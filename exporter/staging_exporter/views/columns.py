"""The lines of `/metrics` about single components, each written again only when what it says has changed.

A column is one metric family: what it reads of every component, and the lines that follow from it. Whatever is read is
compared with what was read before, so that a line cannot go stale, however few of them are written for a scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from staging_exporter.core.model import Component
from staging_exporter.core.names import COMPONENT, ENVIRONMENT, Metric
from staging_exporter.core.snapshot import ComponentStatus, Histogram, Snapshot
from staging_exporter.views.exposition import escaped, head, histogram_lines, number

_LINES = 500  # in one piece, at most
_AT_ONCE = 20  # components that are read before the next piece

Row = tuple[tuple[str, ...], float]  # the labels after `component`, and the value


class At(NamedTuple):
    """The two labels that every line about a component has, escaped; `both` is the label set of them."""

    component: str
    environment: str
    both: str


class Single:
    """A family with at most one sample for each component."""

    per_piece = _LINES

    def __init__(self, metric: Metric, read: Callable[[ComponentStatus], float | None]) -> None:
        """`read` gives the value, None where there is no sample."""
        self.metric, self.read = metric, read
        self._begin = metric.name + "{"

    def written(self, at: At, value: Any) -> str:
        """The line with this value."""
        return f"{self._begin}{at.both}}} {number(value)}\n"


class Several:
    """A family with any number of samples for each component, which differ in several labels."""

    per_piece = _LINES // 10

    def __init__(
        self, metric: Metric, read: Callable[[ComponentStatus], Any], rows: Callable[[Any], Iterable[Row]]
    ) -> None:
        """`rows` are those that follow from what was `read`, and from nothing else; it reads None where are none."""
        self.metric, self.read, self._rows = metric, read, rows
        labels = (COMPONENT, ENVIRONMENT, *metric.labels[1:])
        self._line = metric.name + "{" + ",".join(f'{name}="%s"' for name in sorted(labels)) + "} %s\n"
        self._sorted = itemgetter(*(labels.index(name) for name in sorted(labels)))

    def written(self, at: At, found: Any) -> str:
        """The lines of these rows."""
        line, in_order, component, environment = self._line, self._sorted, at.component, at.environment
        return "".join(
            [
                line % (*in_order((component, environment, *map(escaped, labels))), number(value))
                for labels, value in self._rows(found)
            ]
        )


class Labelled:
    """A family with any number of samples for each component, which differ in one further label."""

    per_piece = _LINES // 10

    def __init__(
        self,
        metric: Metric,
        read: Callable[[ComponentStatus], Any],
        rows: Callable[[Any], Iterable[tuple[str, float]]] = iter,
    ) -> None:
        """`rows` are pairs of that label and a value that follow from what was `read`, and from nothing else."""
        self.metric, self.read, self._rows = metric, read, rows
        (further,) = metric.labels[1:]
        labels = [name if name == further else f"{name}=\"%({name})s\"" for name in
                  sorted((COMPONENT, ENVIRONMENT, further))]  # fmt: skip
        self._before, _, self._after = (metric.name + "{" + ",".join(labels) + "} ").rpartition(further)
        self._before += further + '="'

    def written(self, at: At, found: Any) -> str:
        """The lines of these rows."""
        labels = {COMPONENT: at.component, ENVIRONMENT: at.environment}
        before, after = self._before % labels, '"' + self._after % labels
        return "".join([f"{before}{escaped(name)}{after}{number(value)}\n" for name, value in self._rows(found)])


class Free:
    """A family with one sample for each component that has labels of its own, named `label_NAME`, and the value 1."""

    per_piece = _LINES

    def __init__(self, metric: Metric, read: Callable[[ComponentStatus], Mapping[str, str] | None]) -> None:
        self.metric, self.read = metric, read

    def written(self, at: At, found: Any) -> str:
        """The line with these labels."""
        own = [f'label_{name}="{escaped(value)}"' for name, value in sorted(found.items())]
        return f"{self.metric.name}{{{','.join([at.both, *own])}}} 1.0\n"


class Distribution:
    """A family with one histogram for each component."""

    per_piece = _LINES // 16

    def __init__(self, metric: Metric, read: Callable[[ComponentStatus], Histogram | None]) -> None:
        self.metric, self.read = metric, read

    def written(self, at: At, histogram: Any) -> str:
        """The lines of this histogram."""
        return histogram_lines(self.metric.name, at.both, histogram)


Column = Single | Several | Labelled | Free | Distribution


class Group(NamedTuple):
    """Columns of the components that it `applies` to; `configured` ones follow from the component alone."""

    columns: Sequence[Column]
    applies: Callable[[Component], bool] = lambda _: True
    configured: bool = False


class Lines:
    """What was read and written of every component of the last snapshot. One snapshot at a time."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._columns = [column for group in groups for column in group.columns]
        self._begin("", {})

    def _begin(self, environment: str, components: Mapping[str, ComponentStatus]) -> None:
        """Forget everything, for these components."""
        env = escaped(environment)
        escaped_names = list(map(escaped, components))
        self._environment, self._names = environment, list(components)
        self._at = [At(name, env, f'{COMPONENT}="{name}",{ENVIRONMENT}="{env}"') for name in escaped_names]
        self._statuses: list[ComponentStatus | None] = [None] * len(self._names)
        self._read: list[list[Any]] = [[None] * len(self._names) for _ in self._columns]
        self._written = [[""] * len(self._names) for _ in self._columns]

    def pieces(self, snapshot: Snapshot, form: str) -> Iterator[str]:
        """All families, in pieces that each take a millisecond or two; empty ones while components are read."""
        if snapshot.environment != self._environment or list(snapshot.components) != self._names:
            self._begin(snapshot.environment, snapshot.components)
        both = zip(snapshot.components.values(), self._statuses, strict=True)
        changed = [(index, status) for index, (status, before) in enumerate(both) if status is not before]
        for count, (index, status) in enumerate(changed):
            self._renew(index, status)
            if count % _AT_ONCE == 0:
                yield ""
        for column, lines in zip(self._columns, self._written, strict=True):
            yield head(column.metric, form)
            for begin in range(0, len(lines), column.per_piece):
                yield "".join(lines[begin : begin + column.per_piece])

    def _renew(self, index: int, status: ComponentStatus) -> None:
        before, component = self._statuses[index], status.component
        same = before is not None and before.component is component
        if not same:
            for read, written in zip(self._read, self._written, strict=True):
                read[index], written[index] = None, ""
        at, number = self._at[index], 0
        for columns, applies, configured in self._groups:
            if (same and configured) or not applies(component):
                number += len(columns)
                continue
            for column in columns:
                found = column.read(status)
                if found != self._read[number][index]:
                    self._read[number][index] = found
                    self._written[number][index] = "" if found is None else column.written(at, found)
                number += 1
        self._statuses[index] = status  # last: a scrape that is given up leaves it to the next one
