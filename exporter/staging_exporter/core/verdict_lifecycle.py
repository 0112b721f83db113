"""Rule 7: recovery is not a new fault, and losing sight never resolves a page. From one published verdict to the next.

- When what explains a component recovers, whatever began to fail before has a grace: it keeps its roots as *recovering
  from* them for `recovery`, or for its startup budget. This holds also for what was not published, or not even
  confirmed yet: a fault may be over before its round is. What is recovering is no evidence for a latent either.
- Where both failed now and then that grace is at least five minutes: such a fault comes back.
- The same grace is given to a component that fails when a dependency failed, twice in a row or more, and passes since;
  and to one that did not fail in a run which began since a dependency passes that failed now and then.
- A grace ends only with a failure of a run that began after its time: a state that outlasts the failures (`flapping`,
  `unstable`) is none. What fails on then is a root cause that *has not recovered* since those were up.
- A published root whose component turns `unknown` is held: it goes on to count as it was last seen, marked stale, until
  it is seen again. An inferred root is held until one of its dependents, or all of its evidence, is up.

Pure: `conclude` takes what was published and what is seen now, and returns what is to be published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from staging_exporter.core.diagnosis import Verdict, diagnose
from staging_exporter.core.evidence import Fit
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import only
from staging_exporter.core.instability import fits
from staging_exporter.core.model import Reason, State
from staging_exporter.core.rules import FAILS, Condition, stops_explaining

_COMES_BACK = 300.0  # seconds after which what failed now and then, and does so again, is another fault


@dataclass(frozen=True, slots=True)
class RecoveryGrace:
    """Why a component that began to fail before `since` is no root yet: it recovers from `roots`, until `until`.

    `roots` is empty after maintenance.

    `asked` says that it was probed again because its time was over, `over` that it failed in a run that began after it.
    """

    roots: tuple[str, ...]
    since: float
    until: float
    asked: bool = False
    over: bool = False


@dataclass(slots=True)
class Published:
    """The verdicts that stand, the graces granted, and how each root was last seen before it turned `unknown`.

    `drafts` are the verdicts that would stand if no round were open, `roots` are the root causes that stand.
    """

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    drafts: dict[str, Verdict] = field(default_factory=dict)
    graces: dict[str, RecoveryGrace] = field(default_factory=dict)
    last_seen: dict[str, Condition] = field(default_factory=dict)
    roots: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.roots = frozenset(name for name, verdict in self.verdicts.items() if verdict.root)

    def renew(self, region: Published, names: Collection[str]) -> None:
        """Take over all that was concluded about these components."""
        self.verdicts.update(region.verdicts)
        self.drafts.update(region.drafts)
        for name in names:
            self.graces.pop(name, None)
            self.last_seen.pop(name, None)
        self.graces.update(region.graces)
        self.last_seen.update(region.last_seen)
        if region.roots or not self.roots.isdisjoint(names):
            self.roots = region.roots | self.roots.difference(names)

    def inherit(self, old: Published, same: Collection[str], alike: Collection[str]) -> Published:
        """With what `old` knew of the components that are the `same`; of others that are `alike`, the verdict.

        Alike are those that had a check before and have one now, and those that had none. So a root whose check was
        changed stands until it is seen again. Nobody is named that is gone.
        """
        there = self.verdicts.keys()
        verdicts = {name: verdict.among(there) for name, verdict in old.verdicts.items() if name in alike}
        return Published(
            {**self.verdicts, **verdicts},
            {**self.drafts, **{n: old.drafts[n].among(there) for n in verdicts if n in same}},
            {n: replace(e, roots=only(e.roots, there)) for n, e in old.graces.items() if n in verdicts and n in same},
            {name: condition for name, condition in old.last_seen.items() if name in verdicts},
        )


def conclude(
    graph: Graph,
    before: Published,
    conditions: Mapping[str, Condition],
    names: Collection[str],
    now: float,
    recovery: float,
    looked_at: Collection[str] = (),
    *,
    we_are_slow: bool | None = None,
) -> Published:
    """What is published of the graph, or of a region of it, after the verdicts on `names` were renewed.

    All others stay as they were. What is up becomes no root cause for its latency while it is still `looked_at`;
    `we_are_slow` when most components of the whole graph take far longer than usual.
    """
    known = (*graph.order, *graph.border)
    seen = {name: _as_last_seen(before, name, conditions[name]) for name in known if name in conditions}
    verdicts_on_roots = {name: before.verdicts[name] for name in before.roots}
    inferred = {name: v.inference for name, v in verdicts_on_roots.items() if v.inference is not None}
    graces = {
        name: _at(g, seen[name]) for name, g in before.graces.items() if name in seen and _lasts(g, seen[name], now)
    }
    left_over = [name for name, grace in graces.items() if grace.over]
    while True:
        drafts = diagnose(graph, seen, _recovering(graces), inferred, before.roots, left_over, we_are_slow=we_are_slow)
        new = {
            name: _grace(graph, before, name, seen[name], now, recovery)
            for name in _left_without_cause(graph, before, drafts, seen)
            if name not in graces or graces[name].since < now
        }
        new |= {
            name: RecoveryGrace(causes, max(at, _onset(seen[name])), at + patience(graph, name, recovery))
            for name, causes, at in _after_short_faults(graph, before, drafts, seen, now)
            if name not in graces and name not in new
        }
        if not new:
            break
        graces |= new
    for name in left_over:
        if drafts[name].root:
            drafts[name] = replace(drafts[name], not_recovered_from=graces[name].roots)
    early = {n for n in looked_at if n in drafts and _is_late_alone(drafts[n]) and n not in before.roots}
    published = {name: before.verdicts[name] for name in graph.order if name in before.verdicts}
    published |= {name: drafts[name] for name in names if name not in early}
    return Published(published, drafts, graces, _remember(before, published, conditions, seen))


def _is_late_alone(draft: Verdict) -> bool:
    return draft.root and draft.judged is not None and draft.judged.reason == Reason.SLOW


def _lasts(grace: RecoveryGrace, condition: Condition, now: float) -> bool:
    """False once the component was up again, whatever it does since."""
    onset, _ = condition.recent.began_anew
    if onset is not None and (condition.recent.intermittent or condition.state not in FAILS):
        return onset <= grace.since
    if condition.state in FAILS:
        return condition.failing_since is None or condition.failing_since <= grace.since
    return now < grace.until


def _onset(condition: Condition) -> float:
    onset, _ = condition.recent.began_anew
    return max(onset or -inf, condition.failing_since or -inf)


def _at(grace: RecoveryGrace, condition: Condition) -> RecoveryGrace:
    failed_after = condition.recent.last_failure_began >= grace.until
    return replace(grace, over=True) if not grace.over and failed_after else grace


def _after_short_faults(
    graph: Graph, before: Published, drafts: Mapping[str, Verdict], seen: Mapping[str, Condition], now: float
) -> Iterable[tuple[str, tuple[str, ...], float]]:
    """Roots that began to fail with a dependency that failed twice in a row or more, and passes since.

    With those dependencies, and the time from which the grace counts.
    """
    passing = [n for n, c in seen.items() if c.state == State.UP and c.recent.since is not None]
    found: dict[str, list[str]] = {}
    for cause in passing if any(draft.root for draft in drafts.values()) else ():
        for name, how in fits(graph, seen, cause).items():
            if how == Fit.RECOVERED and drafts[name].root and not before.verdicts[name].root:
                found.setdefault(name, []).append(cause)
    for name, causes in found.items():
        again = any(len(seen[cause].recent.blocks) > 1 for cause in causes)  # it may fail again at any time
        yield name, tuple(sorted(causes)), now if again else max(seen[c].recent.last_failure for c in causes)


def _as_last_seen(before: Published, name: str, condition: Condition) -> Condition:
    return before.last_seen.get(name, condition) if condition.state == State.UNKNOWN else condition


def _recovering(graces: Mapping[str, RecoveryGrace]) -> frozenset[str]:
    return frozenset(name for name, grace in graces.items() if not grace.over)


def _left_behind(before: Published, name: str) -> tuple[str, ...]:
    """The roots that a symptom had, or those that its own causes were recovering from; else whom it waited for."""
    draft = before.drafts[name]
    older = (before.graces[other].roots for other in draft.explained_by if other in before.graces)
    return tuple(sorted({*draft.roots, *(root for roots in older for root in roots)})) or draft.explained_by


def _grace(graph: Graph, before: Published, name: str, seen: Condition, now: float, recovery: float) -> RecoveryGrace:
    """Far longer where both failed now and then, since such a fault may be back at any time."""
    roots, time = _left_behind(before, name), patience(graph, name, recovery)
    gone = (before.last_seen[root].recent for root in roots if root in before.last_seen)
    if seen.recent.now_and_then and any(recent.now_and_then for recent in gone):
        time = max(time, _COMES_BACK)
    return RecoveryGrace(roots, now, now + time)


def patience(graph: Graph, name: str, recovery: float) -> float:
    """Seconds that a component may take to recover: `recovery`, or its startup budget where that is longer."""
    startup = graph.components[name].startup
    return max(recovery, startup.budget if startup else 0.0)


def _left_without_cause(
    graph: Graph, published: Published, now: Mapping[str, Verdict], seen: Mapping[str, Condition]
) -> Iterable[str]:
    """Checked components that nothing explains any more, because something that decides about them recovered.

    What was inferred by a draft alone, and cannot be seen, did not recover: the evidence was too little.
    """
    before = published.drafts
    checked = {name: now[name] for name in seen if name in before and name in now}
    eased = set()
    for name, new in checked.items():
        state = new.state if new.inference is None else seen[name].state  # not as its dependents would have it
        drafted = state == State.UNKNOWN and before[name].inference is not None and name not in published.roots
        failing = before[name].judged is not None and not seen[name].recent.passes  # it was merely judged otherwise
        if not drafted and not failing and stops_explaining(before[name].state, state):
            eased.add(name)
    if not eased:
        return
    for name, new in checked.items():
        if before[name].root or not before[name].explained_by:
            continue
        if all((eased - {name}).isdisjoint(names) for names in graph.rests_on(name)):
            continue
        if all(_inferred_since(other, before, now) for other in new.explained_by):
            yield name


def _inferred_since(name: str, before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> bool:
    """True for one that was inferred just now: what is left over from a recovery does not prove it."""
    return now[name].inference is not None and (name not in before or before[name].state not in FAILS)


def _remember(
    before: Published,
    published: Mapping[str, Verdict],
    conditions: Mapping[str, Condition],
    seen: Mapping[str, Condition],
) -> dict[str, Condition]:
    """How the roots that stand were last seen, for when they are seen no longer."""
    held = {n: c for n, c in before.last_seen.items() if n in seen and conditions[n].state == State.UNKNOWN}
    held |= {name: verdict.judged or seen[name] for name, verdict in published.items() if verdict.root and name in seen}
    return {name: condition for name, condition in held.items() if condition.state in FAILS}
