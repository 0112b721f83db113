"""Rule 2: what is up, and judged by its last runs all the same, because they fit the failures of a dependent.

A state is a threshold; a component that answers every second request, or ever more slowly, crosses it at a random
moment, its dependents at others. So beside a failing component that nothing explains, the runs of what it needs are
weighed: see `evidence`. Where most components take far longer than usual, the exporter itself is slow, and how long a
run takes counts for nothing. Pure; used by `diagnosis` and `verdict_lifecycle`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from staging_exporter.core.attribution import Attribution, slack
from staging_exporter.core.evidence import Fit, fit
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Reason, State
from staging_exporter.core.rules import FAILS, Condition, hands_on


def has_subsided(condition: Condition) -> bool:
    """True for a state that outlasts its failures: the last runs passed, one after the other."""
    lasts = condition.state == State.FLAPPING or condition.reason == Reason.UNSTABLE
    return lasts and condition.recent.subsided


def find_unwell(
    graph: Graph,
    conditions: Mapping[str, Condition],
    recovering: Collection[str] = (),
    standing: Collection[str] = (),
    *,
    we_are_slow: bool | None = None,
) -> dict[str, Condition]:
    """Rule 2: components that are up, whose runs fit the failures of one that nothing else explains, as judged.

    `standing` are the published root causes: one that failed now and then is judged so until it has passed twelve times
    in a row. `we_are_slow` where most components take far longer than usual; by default it follows from these.
    """
    if we_are_slow is None:
        we_are_slow = are_most(sum(condition.recent.slower for condition in conditions.values()), conditions)
    troubled = [n for n, c in conditions.items() if c.state == State.UP and (c.recent.since or c.recent.slower)]
    if not troubled:
        return {}
    explained = {*Attribution(graph, states_of(graph, conditions), conditions).failing(), *recovering}
    found = {}
    for name in troubled:
        how = fits(graph, conditions, name, explained).values()
        lasts = name in standing and Fit.RECOVERED in how and conditions[name].recent.now_and_then
        if lasts or Fit.UNSTABLE in how:
            found[name] = _as_unstable(conditions[name])
        elif Fit.SLOWER in how and not we_are_slow:
            found[name] = _as_slow(conditions[name])
    return found


def are_most(slower: int, conditions: Mapping[str, Condition]) -> bool:
    """True when so many of these take far longer than usual that the exporter itself must be slow."""
    return 2 * slower > len(conditions)


def states_of(graph: Graph, conditions: Mapping[str, Condition]) -> dict[str, State]:
    """The states by the runs alone; outside of a region all is up."""
    own = {name: conditions[name].state if name in conditions else State.UNKNOWN for name in graph.order}
    return own | dict.fromkeys(graph.border, State.UP)


def fits(
    graph: Graph, conditions: Mapping[str, Condition], name: str, explained: Collection[str] = ()
) -> dict[str, Fit]:
    """How the runs of a component fit those of each unexplained failing one that depends on it.

    Optional edges count for degraded ones alone.
    """
    hard = graph.needing(name)
    failing = (
        other
        for other in graph.descendants(name)
        if other in conditions and conditions[other].state in FAILS and other not in explained
        if other in hard or conditions[other].state == State.DEGRADED
    )
    return {other: _fit(conditions[name], conditions[other]) for other in failing}


def _fit(cause: Condition, effect: Condition) -> Fit:
    within = slack(cause, effect)
    found = fit(cause.recent, effect.recent, within)
    slower = cause.recent.slower_since if cause.recent.slower and hands_on(Reason.SLOW, effect.reason) else None
    began = effect.recent.since
    if found != Fit.UNSTABLE and slower is not None and began is not None and slower <= began + within:
        return Fit.SLOWER
    return found


def _as_unstable(condition: Condition) -> Condition:
    recent = condition.recent
    failed, runs = recent.failures_since(recent.since or 0.0)
    detail = f"{failed} of its last {runs} probes failed, at a rate that fits its dependents"
    began = recent.since if condition.failing_since is None else condition.failing_since
    return _degraded(condition, Reason.UNSTABLE, detail, began)


def _as_slow(condition: Condition) -> Condition:
    last, usual = condition.recent.runs[-1], condition.recent.usual
    detail = f"took {last.ended - last.started:.2f} s, usually {usual:.2f} s"
    return _degraded(condition, Reason.SLOW, detail, condition.recent.slower_since)


def _degraded(condition: Condition, reason: Reason, detail: str, began: float | None) -> Condition:
    return replace(condition, state=State.DEGRADED, reason=reason, detail=detail, failing_since=began, since=began)
