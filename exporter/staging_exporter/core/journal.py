"""What was announced or happened, and must survive a reload and a restart: windows, deploys, incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from staging_exporter.core.incidents import Incident, follow, unnoticed
from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.model import Priority
from staging_exporter.core.snapshot import Deploy, RootCause


@dataclass(frozen=True, slots=True)
class Journal:
    """Posted maintenance windows, the last deploy of each component, the incidents (newest last).

    `shallow` counts the incidents that the check of a component did not notice, those that are dropped included.
    """

    windows: tuple[MaintenanceWindow, ...] = ()
    deploys: Mapping[str, Deploy] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    shallow: Mapping[str, int] = field(default_factory=dict)

    @property
    def current_roots(self) -> frozenset[str]:
        """The root causes of the incident that is not over yet."""
        last = self.incidents[-1] if self.incidents else None
        return frozenset(root.component for root in last.roots if root.until is None) if last else frozenset()

    def priorities_since(self, at: float) -> Mapping[str, Priority]:
        """The most urgent priority that each current root cause has had, of those that were named since then."""
        roots = self.incidents[-1].roots if self.incidents else ()
        return {root.component: Priority(root.priority) for root in roots if root.until is None and root.since >= at}

    def with_window(self, window: MaintenanceWindow, now: float) -> Journal:
        """With this window instead of those that were posted for its components, without those that are over."""
        windows = (*(w.without(window.components) for w in self.windows), window)
        return replace(self, windows=tuple(w for w in windows if w.components and not w.over(now)))

    def with_deploy(self, components: Iterable[str], deploy: Deploy) -> Journal:
        """With this deploy as the last one of these components."""
        return replace(self, deploys={**self.deploys, **dict.fromkeys(components, deploy)})

    def with_verdict(self, roots: Iterable[RootCause], now: float) -> Journal:
        """With the incidents as they are after this verdict."""
        incidents = follow(self.incidents, roots, now)
        if incidents == self.incidents:
            return self
        goes_on = bool(self.incidents) and self.incidents[-1].ended is None
        new = unnoticed(incidents) - (unnoticed(self.incidents) if goes_on else frozenset())
        counts = {**self.shallow, **{name: self.shallow.get(name, 0) + 1 for name in new}}
        return replace(self, incidents=incidents, shallow=counts)
