"""What a restart must not forget, as JSON values: the journal, `since`, startup budgets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from staging_exporter.core.health import Health
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.journal import Journal
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Startup, State, Topology
from staging_exporter.core.snapshot import Deploy
from staging_exporter.core.startup import grant

VERSION = 1
_LATEST = 1e11  # Unix seconds, the year 5138


@dataclass(frozen=True, slots=True)
class Remembered:
    """How a component was when the exporter stopped."""

    state: State
    since: float | None
    first_failure: float | None
    spent: bool
    granted_until: float | None = None

    def recalled(self, health: Health) -> Health:
        """The health after a restart, with the startup budget as it was."""
        first, spent, until = self.first_failure, self.spent, self.granted_until
        return replace(health, first_failure=first, spent=spent, granted_until=until)

    def set_back(self, at: float, ahead: float) -> Remembered:
        """As a clock would have it that was `ahead` by so many seconds and says `at` now."""
        until = None if self.granted_until is None else max(0.0, self.granted_until - ahead)
        since, first = _not_after(self.since, at), _not_after(self.first_failure, at)
        return replace(self, since=since, first_failure=first, granted_until=until)

    def deployed(self, startup: Startup | None, at: float) -> Remembered:
        """After a deploy at `at`."""
        return replace(self, **grant(startup, at, spent=self.spent, until=self.granted_until)._asdict())


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything that is kept of one environment."""

    environment: str
    components: Mapping[str, Remembered] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)

    def set_back(self, at: float, ahead: float) -> Memory:
        """As a clock would have it that was `ahead` by so many seconds and says `at` now: nothing is in the future.

        Windows that began in its future were announced by that clock: they move with it.
        """
        components = {name: c.set_back(at, ahead) for name, c in self.components.items()}
        journal = replace(
            self.journal,
            windows=tuple(_moved(window, at, ahead) for window in self.journal.windows),
            deploys={name: replace(d, at=min(d.at, at)) for name, d in self.journal.deploys.items()},
            incidents=tuple(_incident_until(incident, at) for incident in self.journal.incidents),
        )
        return replace(self, components=components, journal=journal)

    def with_window(self, window: MaintenanceWindow, now: float) -> Memory:
        """With this maintenance window as the last one that was posted."""
        return replace(self, journal=self.journal.with_window(window, now))

    def with_deploy(self, names: Collection[str], deploy: Deploy, topology: Topology) -> Memory:
        """With this deploy of these components, which grants their startup budgets anew."""
        known = {n: c for n, c in self.components.items() if n in names}
        anew = {n: c.deployed(topology.components[n].startup, deploy.at) for n, c in known.items()}
        return replace(self, components={**self.components, **anew}, journal=self.journal.with_deploy(names, deploy))


def _not_after(moment: float | None, at: float) -> float | None:
    return None if moment is None else min(moment, at)


def _moved(window: MaintenanceWindow, at: float, ahead: float) -> MaintenanceWindow:
    when = window.when
    if not isinstance(when, Once) or when.start <= at:
        return window
    return replace(window, when=Once(when.start - ahead, when.end - ahead))


def _incident_until(incident: Incident, at: float) -> Incident:
    roots = tuple(
        replace(r, since=min(r.since, at), until=_not_after(r.until, at), began=_not_after(r.began, at))
        for r in incident.roots
    )
    moved = tuple(min(moment, at) for moment in incident.moved)
    return Incident(min(incident.began, at), _not_after(incident.ended, at), roots, moved)


def remember(
    environment: str, healths: Mapping[str, Health], earlier: Mapping[str, Remembered], journal: Journal
) -> Memory:
    """What to keep of the present; `earlier` has the components that are not known again since a restart."""
    known = {n: (earlier.get(n) or h, h) for n, h in healths.items()}
    components = {
        n: Remembered(was.state, was.since, h.first_failure, h.spent, h.granted_until) for n, (was, h) in known.items()
    }
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
        "incidents": [dump_incident(incident) for incident in journal.incidents],
        "shallow": dict(journal.shallow),
    }


def parse(document: Any) -> Memory:
    """The memory in JSON values. Raises ValueError when another program or version wrote them."""
    try:
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']!r} is not {VERSION}")
        environment = str(document["environment"])
        components = {name: _remembered(component) for name, component in document["components"].items()}
        windows = tuple(_window(window) for window in document["windows"])
        deploys = {name: Deploy(_time(d["at"]), str(d["revision"])) for name, d in document["deploys"].items()}
        incidents = tuple(parse_incident(incident) for incident in document["incidents"])
        shallow = {name: int(count) for name, count in document.get("shallow", {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not written by this exporter: {error!r}") from None
    return Memory(environment, components, Journal(windows, deploys, incidents, shallow))


def _moment(raw: Any) -> float | None:
    return None if raw is None else _time(raw)


def _time(raw: Any) -> float:
    """Unix seconds. Raises ValueError for what no page could show."""
    seconds = float(raw)
    if not 0 <= seconds < _LATEST:
        raise ValueError(f"{raw!r} is not a time")
    return seconds


def _remembered(raw: Mapping[str, Any]) -> Remembered:
    first_failure, until = _moment(raw["first_failure"]), _moment(raw.get("granted_until"))
    return Remembered(State(raw["state"]), _moment(raw["since"]), first_failure, bool(raw["spent"]), until)


def _window(raw: Mapping[str, Any]) -> MaintenanceWindow:
    return MaintenanceWindow(tuple(raw["components"]), Once(_time(raw["start"]), _time(raw["end"])))


def dump_incident(incident: Incident) -> dict[str, Any]:
    """JSON values; `parse_incident` is the inverse."""
    return asdict(incident)


def parse_incident(raw: Mapping[str, Any]) -> Incident:
    """The incident in JSON values. Raises KeyError, TypeError and ValueError."""
    roots = tuple(_incident_root_cause(root) for root in raw["roots"])
    return Incident(_time(raw["began"]), _moment(raw["ended"]), roots, tuple(map(_time, raw["moved"])))


def _incident_root_cause(raw: Mapping[str, Any]) -> IncidentRootCause:
    lists = {name: tuple(map(str, raw.get(name, ()))) for name in ("contradicted_by", "through")}
    times = {"since": _time(raw["since"]), "until": _moment(raw.get("until")), "began": _moment(raw.get("began"))}
    return IncidentRootCause(**{**raw, **lists, **times})
