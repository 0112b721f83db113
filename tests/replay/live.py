"""The same scenarios on the demo environment: real sockets, TLS, a name server; time scaled by its configuration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from staging_exporter.app import App
from staging_exporter.commands.demo import environment
from staging_exporter.config import load_config
from staging_exporter.core.model import Reason, State
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.net.address import HostPort

from tests.replay.scenarios import Scenario

SCALE = 0.25
_PRESSURE = Path("/proc/pressure/cpu")  # the kernel's PSI
_LOOK = 0.02  # seconds between two looks at the roots: far shorter than any scrape interval
_PATIENCE = 60.0  # seconds that a scenario may take to be as expected, and as many to be over

# What the demo does for a scenario, when it is not the fault of that name.
_SWITCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "F31 past its budget": ("backend", {"mode": "starting", "seconds": 120}),
}
# Scenarios that are shown by a state that passes: seen at least once, and over by themselves.
_PASSING = {"F30": ("backend", State.STARTING)}
# The suite of the demo really runs, and fails when what it covers fails.
_AS_IT_IS = frozenset({"e2e"})
# Where real parts differ: the demo's /ws/health answers 200 and says that it is unhealthy, and what nobody answers on
# loopback is silent, not unreachable.
_STATES = {(scenario, "ws-health"): State.DEGRADED for scenario in ("F01", "F25", "F44")}
_REASONS = {("F21", "redis"): Reason.TIMEOUT, ("F27", "clickhouse"): Reason.TIMEOUT}


@dataclass
class Played:
    """What was seen of one scenario; times are seconds since the injection.

    `longest_pending` is how long verdicts waited at most, less the seconds in which the machine was too busy.
    """

    scenario: Scenario
    named_after: float | None = None
    wrong_roots: dict[str, str] = field(default_factory=dict)  # by name: when, and why, it was published
    missing: list[str] = field(default_factory=list)
    longest_pending: float = 0.0

    @property
    def flaws(self) -> list[str]:
        """What was not as expected, empty when all was."""
        wrong = [f"{name} was published as a root {how}" for name, how in sorted(self.wrong_roots.items())]
        return wrong + self.missing


class Stage:
    """The demo and an exporter on it, in this process, so that no published root goes unseen."""

    def __init__(self, app: App, control: str, session: aiohttp.ClientSession) -> None:
        self._app, self._control, self._session = app, control, session

    async def play(self, scenario: Scenario) -> Played:
        """Inject, wait until the verdict is as expected, mend, wait until all is well; watch the roots all along."""
        played = Played(scenario)
        watch = asyncio.create_task(self._watch(played))
        try:
            begin = time.monotonic()
            await self._inject(scenario)
            played.missing = await self._until(lambda snapshot: _differences(scenario, snapshot))
            played.named_after = time.monotonic() - begin
            await self._another_round_of_runs()
            await self._mend(scenario)
            played.missing += await self._until(_not_well)
        finally:
            watch.cancel()
        return played

    async def healthy(self) -> None:
        """Wait until all is well."""
        assert await self._until(_not_well) == []

    async def _inject(self, scenario: Scenario) -> None:
        if scenario.id in _SWITCHES:
            switch, setting = _SWITCHES[scenario.id]
            await self._call("PUT", f"/switches/{switch}", setting)
        else:
            await self._call("PUT", f"/faults/{scenario.id}")

    async def _mend(self, scenario: Scenario) -> None:
        await self._call("DELETE", "/faults")
        if scenario.id in _SWITCHES:
            await self._call("DELETE", f"/switches/{_SWITCHES[scenario.id][0]}")

    async def _call(self, method: str, path: str, body: Any = None) -> None:
        async with self._session.request(method, self._control + path, json=body) as response:
            assert response.status < 300, await response.text()

    async def _until(self, differences: Any) -> list[str]:
        """[] as soon as there are no differences, or those that are left when patience ends."""
        deadline = time.monotonic() + _PATIENCE
        while left := differences(self._app.snapshot()):
            if time.monotonic() > deadline:
                return list(left)
            await asyncio.sleep(_LOOK)
        return []

    async def _another_round_of_runs(self) -> None:
        """Every check but those with a longer interval has begun twice more: the verdict has to stand."""
        probed = {name: status for name, status in self._app.snapshot().components.items() if status.last_probe}
        usual = min(status.component.interval for status in probed.values())
        often = {name for name, status in probed.items() if status.component.interval == usual}
        for _ in range(2):
            before = {n: s.last_probe for n, s in self._app.snapshot().components.items()}
            while any(
                status.last_probe == before[name]
                for name, status in self._app.snapshot().components.items()
                if name in often
            ):
                await asyncio.sleep(_LOOK)

    async def _watch(self, played: Played) -> None:
        begin, pending_since = time.monotonic(), None
        while True:
            snapshot = self._app.snapshot()
            moment = time.monotonic()
            for name in {root.component for root in snapshot.root_causes} - set(played.scenario.roots):
                played.wrong_roots.setdefault(name, f"{moment - begin:.1f} s after the fault: {_situation(snapshot)}")
            own = moment - _crowded()  # a clock that stands still while the machine is too busy
            pending_since = (pending_since or own) if snapshot.pending else None
            if pending_since is not None:
                played.longest_pending = max(played.longest_pending, own - pending_since)
            await asyncio.sleep(_LOOK)


@asynccontextmanager
async def stage(scale: float = SCALE) -> AsyncIterator[Stage]:
    """A healthy demo with an exporter on it."""
    async with environment(["--scale", str(scale)]) as demo, aiohttp.ClientSession() as session:
        app = App(demo.config, load_config(demo.config))
        await app.start(HostPort("127.0.0.1", 0))
        try:
            ready = Stage(app, demo.control, session)
            await ready.healthy()
            yield ready
        finally:
            await app.stop()


def _differences(scenario: Scenario, snapshot: Snapshot) -> list[str]:
    """What the verdict lacks to be the one that the scenario wants."""
    if scenario.id in _PASSING:
        name, state = _PASSING[scenario.id]
        return [] if snapshot.components[name].state == state else [f"{name} was never {state}"]
    roots = {root.component: root.priority for root in snapshot.root_causes}
    found = [] if roots == dict(scenario.roots) else [f"roots {roots}, expected {dict(scenario.roots)}"]
    for name, usual in scenario.states.items():
        wanted = _STATES.get((scenario.id, name), usual)
        if name not in _AS_IT_IS and snapshot.components[name].state != wanted:
            found.append(f"{name} is {snapshot.components[name].state}, expected {wanted}")
    for name, named in scenario.reasons.items():
        reason = _REASONS.get((scenario.id, name), named)
        if snapshot.components[name].reason != reason:
            found.append(f"{name} is {snapshot.components[name].reason}, expected {reason}")
    journey = snapshot.journeys["golden-path"]
    if (journey.state, journey.blocked_at) != scenario.journey:
        found.append(f"the journey is {journey.state} at {journey.blocked_at}, expected {scenario.journey}")
    if snapshot.pending:
        found.append("a round is still open")
    return found


def _crowded() -> float:
    """Seconds until now in which something that could have run had no processor; 0 where the system does not count."""
    try:
        return int(_PRESSURE.read_text().split("total=")[1].split()[0]) / 1e6
    except FileNotFoundError:
        return 0.0


def _situation(snapshot: Snapshot) -> str:
    """All that was not up, for whoever reads the message of a failed test."""
    return "; ".join(
        f"{name} {status.state} {status.reason} {status.detail}"
        for name, status in snapshot.components.items()
        if status.state != State.UP
    )


def _not_well(snapshot: Snapshot) -> list[str]:
    bad = [f"{n} is {s.state}" for n, s in snapshot.components.items() if s.state != State.UP and s.last_probe]
    return bad + [f"{root.component} is still a root" for root in snapshot.root_causes]
