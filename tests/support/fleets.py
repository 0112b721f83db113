"""Large environments, recorded on a board: four layers, some latent infrastructure, one broken gateway."""

from __future__ import annotations

from random import Random

from staging_exporter.core.board import Board
from staging_exporter.core.model import (
    LATENT,
    Component,
    Journey,
    Layer,
    Observation,
    Outcome,
    Priority,
    Reason,
    Topology,
)
from staging_exporter.core.snapshot import Snapshot

_LAYERS = (Layer.INFRASTRUCTURE, Layer.PLATFORM, Layer.SERVICE, Layer.APPLICATION)
_WORDS = ("gateway", "database", "cache", "worker", "api", "queue")
_RUNS = 31
_BROKEN = 4  # the number of the component that fails in the last ten runs, and takes its dependents with it


def fleet(size: int) -> Snapshot:
    """A snapshot of `size` components, each with a full history; always the same one for a size."""
    random = Random(size)
    components = _components(size, random)
    last = list(components)[-1]
    journeys = {"golden-path": Journey("golden-path", Priority.P0, (("open", last),))}
    board = Board(Topology("fleet", components, journeys), 0.0)
    broken = list(components)[_BROKEN]
    for turn in range(_RUNS):
        for component in components.values():
            if not component.latent:
                fails = turn > 20 and (component.name == broken or (broken,) in component.depends_on)
                board.record(_seen(component.name, 10.0 * turn, random.uniform(0.02, 0.2), fails))
    board.tick(10.0 * _RUNS)
    return board.snapshot(10.0 * _RUNS)


def _components(size: int, random: Random) -> dict[str, Component]:
    names: list[list[str]] = [[] for _ in _LAYERS]
    found = {}
    for number in range(size):
        level = number * len(_LAYERS) // size
        name = f"{_LAYERS[level][:7]}-{random.choice(_WORDS)}-{number:03}"
        below = names[level - 1] if level else []
        needs = random.sample(below, min(len(below), random.choice((1, 1, 2, 3))))
        kind = LATENT if level == 0 and number % 3 == 0 else "http"
        priority = random.choice(list(Priority))
        found[name] = Component(name, _LAYERS[level], priority, kind, tuple((need,) for need in needs))
        names[level].append(name)
    return found


def _seen(name: str, at: float, duration: float, fails: bool) -> Observation:
    phases = {"resolve": 0.001, "connect": 0.004, "tls": 0.01, "processing": duration - 0.015}
    if fails:
        return Observation(name, at, duration, Outcome.FAIL, Reason.TIMEOUT, "no answer within 5s", phases=phases)
    facts = {"status": 200, "tls_not_after": 2e9}
    return Observation(name, at, duration, Outcome.PASS, Reason.OK, phases=phases, facts=facts)
