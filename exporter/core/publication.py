"""Rule 7: recovery is not a new fault, and blindness never resolves a page. From one published verdict to the next.

- When what accounted for a symptom recovers, the symptom is excused: it keeps its roots as *recovering from* them for
  `recovery`, or for its startup budget; only if it still fails after that does it become a root. This holds also when
  nothing was published yet: a fault may be over before its round is. Until then it convicts no latent either.
- A published root whose component turns `unknown` is held: it goes on to count as it was last seen, marked stale, until
  it is seen again. A latent root is held until one of its dependents, or every one of its convicts, is up.

Pure: `conclude` takes what was published and what is seen now, and returns what is to be published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from exporter.core.diagnosis import Verdict, diagnose
from exporter.core.graph import Graph
from exporter.core.latents import Inference
from exporter.core.law import EXCUSES, FAILS, IS_DOWN, Condition
from exporter.core.model import State


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a failing component is no root yet: it recovers from `roots`, until `until`."""

    roots: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Published:
    """The verdicts that stand, the excuses granted, and how each root was last seen before it turned `unknown`.

    `drafts` are the verdicts that would stand if no round were open.
    """

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    drafts: Mapping[str, Verdict] = field(default_factory=dict)
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
    latents = _held_latents(before)
    excuses = {name: e for name, e in before.excuses.items() if name in seen and _needs_excuse(seen[name].state)}
    while True:
        drafts = diagnose(graph, seen, excuses, latents)
        more = {
            name: Excuse(_left_behind(before, name), now + _patience(graph, name, recovery))
            for name in conditions
            if name not in excuses and _lost_its_cause(name, before.drafts, drafts)
        }
        if not more:
            break
        excuses |= more
    excuses = {name: excuse for name, excuse in excuses.items() if not drafts[name].accounted_by}
    published = {**before.verdicts, **{name: drafts[name] for name in names}}
    return Published(published, drafts, excuses, _remember(before, published, conditions, seen))


def _as_last_seen(before: Published, name: str, condition: Condition) -> Condition:
    return before.held.get(name, condition) if condition.state == State.UNKNOWN else condition


def _held_latents(before: Published) -> dict[str, Inference]:
    return {
        name: verdict.inference
        for name, verdict in before.verdicts.items()
        if verdict.root and verdict.inference is not None
    }


def _needs_excuse(state: State) -> bool:
    return state in FAILS or state == State.UNKNOWN


def _left_behind(before: Published, name: str) -> tuple[str, ...]:
    """The roots that a symptom had, or those that its own causes were recovering from."""
    draft = before.drafts[name]
    older = (before.excuses[other].roots for other in draft.accounted_by if other in before.excuses)
    return tuple(sorted({*draft.roots, *(root for roots in older for root in roots)}))


def _patience(graph: Graph, name: str, recovery: float) -> float:
    startup = graph.components[name].startup
    return max(recovery, startup.budget if startup else 0.0)


def _lost_its_cause(name: str, before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> bool:
    """True when what a symptom suffered from recovered, and nothing else accounts for it but a latent convicted since."""
    old, new = before.get(name), now[name]
    if old is None or old.root or not old.accounted_by or new.state not in FAILS:
        return False
    if not all(_convicted_since(other, before, now) for other in new.accounted_by):
        return False
    still = IS_DOWN | EXCUSES if new.state in IS_DOWN else FAILS | EXCUSES
    return any(_recovered(other, before, now, still) for other in old.accounted_by)


def _convicted_since(name: str, before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> bool:
    return now[name].inference is not None and before[name].state not in FAILS


def _recovered(name: str, before: Mapping[str, Verdict], now: Mapping[str, Verdict], still: Collection[State]) -> bool:
    """True when it accounts for nobody any more; a latent only if a convict is up, not if it was wrongly convicted."""
    if name not in now:
        return True
    if now[name].state in still:
        return False
    inference = before[name].inference
    return inference is None or any(c in now and now[c].state == State.UP for c in inference.convicts)


def _remember(
    before: Published,
    published: Mapping[str, Verdict],
    conditions: Mapping[str, Condition],
    seen: Mapping[str, Condition],
) -> dict[str, Condition]:
    """How the roots that stand were last seen, for when they are seen no longer."""
    held = {n: c for n, c in before.held.items() if n in conditions and conditions[n].state == State.UNKNOWN}
    held |= {name: seen[name] for name, verdict in published.items() if verdict.root and name in seen}
    return {name: condition for name, condition in held.items() if condition.state in FAILS}
