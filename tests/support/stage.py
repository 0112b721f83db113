"""A board with a few components and a hand on its clock, for tests of what is remembered, hidden or explained."""

from __future__ import annotations

from staging_exporter.core.board import Board
from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.model import Component, Journey, Layer, Observation, Outcome, Priority, Reason, Topology
from staging_exporter.core.snapshot import ComponentStatus, Snapshot

NETWORK = Layer.INFRASTRUCTURE
SURE = 8  # seconds of `play` after which the verdict on a steady failure is published
VANTAGE = Component("vantage[0]", NETWORK, Priority.P2, kind="tcp")
COMPONENTS = (
    Component("network", NETWORK, Priority.P0),
    Component("database", NETWORK, Priority.P0, "postgres", (("network",),)),
    Component("cache", NETWORK, Priority.P1, "redis", (("network",),)),
    Component("backend", Layer.APPLICATION, Priority.P0, "http", (("database",),), ("cache",)),
)
JOURNEYS = {"login": Journey("login", Priority.P0, (("sign-in", "backend"),))}


class Stage:
    """Every run takes 10 ms; `play` runs each component once per second, a failure confirmed after three."""

    def __init__(
        self,
        *components: Component,
        vantage: bool = False,
        windows: tuple[MaintenanceWindow, ...] = (),
        at: float = 0.0,
    ) -> None:
        known = {component.name: component for component in components or COMPONENTS}
        journeys = JOURNEYS if "backend" in known else {}
        self.now = at
        self.board = Board(Topology("test", known, journeys), at, 2.0, (VANTAGE,) if vantage else (), windows)
        self.checked = [name for name, component in known.items() if not component.latent]

    def run(
        self, name: str, reason: Reason = Reason.OK, outcome: Outcome | None = None, **facts: float
    ) -> frozenset[str]:
        """One run of one component, now."""
        made = outcome or (Outcome.PASS if reason == Reason.OK else Outcome.FAIL)
        detail = "" if reason == Reason.OK else f"{name} saw {reason}"
        return self.board.record(Observation(name, self.now, 0.01, made, reason, detail, facts=facts))

    def play(self, seconds: int, vantage: bool = True, **failing: Reason) -> None:
        """Some seconds in which these fail and all others pass; `vantage` says whether we are online."""
        for _ in range(seconds):
            self.now += 1.0
            if VANTAGE.name in self.board.vantage_checks:
                self.run(VANTAGE.name, Reason.OK if vantage else Reason.TIMEOUT)
            for name in self.checked:
                self.run(name, failing.get(name, Reason.OK))
            self.board.tick(self.now + 0.5)

    @property
    def snapshot(self) -> Snapshot:
        return self.board.snapshot(self.now + 0.5)

    def __getitem__(self, name: str) -> ComponentStatus:
        return self.snapshot.components[name]
