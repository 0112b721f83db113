"""Rule 7: recovery is not a new fault, and blindness never resolves a page. From one published verdict to the next.

- When what accounted for a symptom recovers, the symptom is excused: it keeps its roots as *recovering from* them for
  `recovery`, or for its startup budget; only if it still fails after that does it become a root.
- A published root whose component turns `unknown` is held: it goes on to count as it was last seen, marked stale, until
  it is seen again. A latent root is held until one of its dependents is up.

Pure: `conclude` takes what was published and what is seen now, and returns what is to be published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from exporter.core.diagnosis import Verdict, diagnose
from exporter.core.graph import Graph
from exporter.core.law import EXCUSES, FAILS, IS_DOWN, Condition
from exporter.core.model import State


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a failing component is no root yet: it recovers from `roots`, until `until`."""

    roots: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Published:
    """The verdicts that stand, the excuses granted, and how each root was last seen before it turned `unknown`."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    excuses: Mapping[str, Excuse] = field(default_factory=dict)
    held: Mapping[str, Condition] = field(default_factory=dict)


def conclude(
    graph: Graph,
    before: Published,
    conditions: Mapping[str, Condition],
    names: Collection[str],
    now: float,
    recovery: float,
) -> Published:
    """What is published after the verdicts on `names` were renewed; all others stay as they were."""
    seen = {name: _as_last_seen(before, name, condition) for name, condition in conditions.items()}
    latents = {
        name: verdict.state
        for name, verdict in before.verdicts.items()
        if verdict.root and name in graph.components and name not in conditions
    }
    excuses = {
        name: excuse
        for name, excuse in before.excuses.items()
        if now < excuse.until and name in seen and seen[name].state in FAILS | {State.UNKNOWN}
    }
    while True:
        verdicts = diagnose(graph, seen, excuses, latents)
        more = {
            name: Excuse(before.verdicts[name].roots, now + _patience(graph, name, recovery))
            for name in names
            if name not in excuses and name in conditions and _promoted(name, before.verdicts, verdicts)
        }
        if not more:
            break
        excuses |= more
    renewed = set(names) | {root for name in names for root in verdicts[name].roots if root not in conditions}
    published = {name: verdicts[name] if name in renewed else before.verdicts[name] for name in graph.order}
    return Published(published, excuses, _remember(before, published, conditions, seen))


def _as_last_seen(before: Published, name: str, condition: Condition) -> Condition:
    return before.held.get(name, condition) if condition.state == State.UNKNOWN else condition


def _patience(graph: Graph, name: str, recovery: float) -> float:
    startup = graph.components[name].startup
    return max(recovery, startup.budget if startup else 0.0)


def _promoted(name: str, before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> bool:
    """True when a symptom would become a root although what accounted for it has just recovered."""
    old, new = before.get(name), now[name]
    if not new.root or old is None or old.root or not old.accounted_by:
        return False
    still = IS_DOWN | EXCUSES if new.state in IS_DOWN else FAILS | EXCUSES
    return any(other not in now or now[other].state not in still for other in old.accounted_by)


def _remember(
    before: Published,
    published: Mapping[str, Verdict],
    conditions: Mapping[str, Condition],
    seen: Mapping[str, Condition],
) -> dict[str, Condition]:
    held = {
        name: c for name, c in before.held.items() if name in conditions and conditions[name].state == State.UNKNOWN
    }
    held |= {name: seen[name] for name, verdict in published.items() if verdict.root and name in seen}
    return {name: replace(condition) for name, condition in held.items() if condition.state in FAILS}
