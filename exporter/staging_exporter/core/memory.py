"""What a restart must not forget, as JSON values: the journal, `since`, startup budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from staging_exporter.core.health import Health
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.journal import Journal
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import Deploy

VERSION = 1


@dataclass(frozen=True, slots=True)
class Remembered:
    """How a component was when the exporter stopped."""

    state: State
    since: float | None
    first_failure: float | None
    spent: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything that is kept of one environment."""

    environment: str
    components: Mapping[str, Remembered] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)


def remember(
    environment: str, healths: Mapping[str, Health], earlier: Mapping[str, Remembered], journal: Journal
) -> Memory:
    """What to keep of the present; `earlier` has the components that are not known again since a restart."""
    known = {n: (earlier.get(n) or h, h) for n, h in healths.items()}
    components = {n: Remembered(was.state, was.since, h.first_failure, h.spent) for n, (was, h) in known.items()}
    return Memory(environment, components, journal)


def dump(memory: Memory) -> dict[str, Any]:
    """JSON values; `parse` is the inverse."""
    journal = memory.journal
    windows = [(window.components, window.when) for window in journal.windows]
    return {
        "version": VERSION,
        "environment": memory.environment,
        "components": {name: asdict(remembered) for name, remembered in memory.components.items()},
        "windows": [{"components": list(c), **asdict(when)} for c, when in windows if isinstance(when, Once)],
        "deploys": {name: asdict(deploy) for name, deploy in journal.deploys.items()},
        "incidents": [asdict(incident) for incident in journal.incidents],
        "shallow": dict(journal.shallow),
    }


def parse(document: Any) -> Memory:
    """The memory in JSON values. Raises ValueError when another program or version wrote them."""
    try:
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']!r} is not {VERSION}")
        environment = str(document["environment"])
        components = {
            name: Remembered(State(c["state"]), _moment(c["since"]), _moment(c["first_failure"]), bool(c["spent"]))
            for name, c in document["components"].items()
        }
        windows = tuple(_window(window) for window in document["windows"])
        deploys = {name: Deploy(float(d["at"]), str(d["revision"])) for name, d in document["deploys"].items()}
        incidents = tuple(_incident(incident) for incident in document["incidents"])
        shallow = {name: int(count) for name, count in document.get("shallow", {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not written by this exporter: {error!r}") from None
    return Memory(environment, components, Journal(windows, deploys, incidents, shallow))


def _moment(raw: Any) -> float | None:
    return None if raw is None else float(raw)


def _window(raw: Mapping[str, Any]) -> MaintenanceWindow:
    return MaintenanceWindow(tuple(raw["components"]), Once(float(raw["start"]), float(raw["end"])))


def _incident(raw: Mapping[str, Any]) -> Incident:
    roots = tuple(_incident_root_cause(root) for root in raw["roots"])
    return Incident(float(raw["began"]), _moment(raw["ended"]), roots, tuple(map(float, raw["moved"])))


def _incident_root_cause(raw: Mapping[str, Any]) -> IncidentRootCause:
    lists = {name: tuple(map(str, raw.get(name, ()))) for name in ("contradicted_by", "through")}
    return IncidentRootCause(**{**raw, **lists})
