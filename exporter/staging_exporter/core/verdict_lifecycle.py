"""Rule 7: from one published verdict to the next.

When what explains a component recovers, whatever began to fail before is granted a recovery grace. This holds also for
what was not published, or not even confirmed yet: a fault may be over before its round is. What is recovering is no
evidence for a latent component either. A root cause whose component turns `unknown` counts on as it was last seen.

Pure: `conclude` takes what was published and what is seen now, and returns what is to be published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from staging_exporter.core.diagnosis import Verdict, diagnose
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import only
from staging_exporter.core.model import State
from staging_exporter.core.rules import FAILS, Condition, stops_explaining


@dataclass(frozen=True, slots=True)
class RecoveryGrace:
    """Why a component that began to fail before `since` is no root yet: it recovers from `roots`, until `until`."""

    roots: tuple[str, ...]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Published:
    """The published verdicts, the recovery graces, and how each root cause was last seen before it turned `unknown`.

    `drafts` are the verdicts that would be published if no round were open.
    """

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    drafts: Mapping[str, Verdict] = field(default_factory=dict)
    graces: Mapping[str, RecoveryGrace] = field(default_factory=dict)
    last_seen: Mapping[str, Condition] = field(default_factory=dict)

    @property
    def roots(self) -> frozenset[str]:
        """The published root causes."""
        return frozenset(name for name, verdict in self.verdicts.items() if verdict.root)

    def inherit(self, old: Published, same: Collection[str]) -> Published:
        """With what `old` knew of the components that are the `same`; of others that still exist, the verdict.

        So a component whose check was changed stays a root cause until it is seen again. No verdict names a component
        that exists no longer.
        """
        there = self.verdicts.keys()
        verdicts = {
            name: verdict.among(there)
            for name, verdict in old.verdicts.items()
            if name in there and (verdict.inference is None) == (self.verdicts[name].inference is None)
        }
        return Published(
            {**self.verdicts, **verdicts},
            {**self.drafts, **{n: old.drafts[n].among(there) for n in verdicts if n in same}},
            {n: replace(g, roots=only(g.roots, there)) for n, g in old.graces.items() if n in same},
            {name: condition for name, condition in old.last_seen.items() if name in verdicts},
        )


def conclude(
    graph: Graph,
    before: Published,
    conditions: Mapping[str, Condition],
    names: Collection[str],
    now: float,
    recovery: float,
) -> Published:
    """What is published when the verdicts on `names` are renewed; all others stay as they were."""
    seen = {name: _as_last_seen(before, name, condition) for name, condition in conditions.items()}
    latents = {name: v.inference for name, v in before.verdicts.items() if v.root and v.inference is not None}
    graces = {n: grace for n, grace in before.graces.items() if n in seen and not _began_after(seen[n], grace)}
    drafts = diagnose(graph, seen, _recovering(graces, seen), latents)
    while lost := [name for name in _left_unexplained(graph, before.drafts, drafts) if _is_new(graces, name, now)]:
        graces |= {
            name: RecoveryGrace(_recovers_from(before, name), now, now + _grace_seconds(graph, name, recovery))
            for name in lost
        }
        drafts = diagnose(graph, seen, _recovering(graces, seen), latents)
    published = {**before.verdicts, **{name: drafts[name] for name in names}}
    return Published(published, drafts, graces, _remember(before, published, conditions, seen))


def _as_last_seen(before: Published, name: str, condition: Condition) -> Condition:
    return before.last_seen.get(name, condition) if condition.state == State.UNKNOWN else condition


def _began_after(condition: Condition, grace: RecoveryGrace) -> bool:
    return condition.failing_since is not None and condition.failing_since > grace.since


def _recovering(graces: Collection[str], seen: Mapping[str, Condition]) -> frozenset[str]:
    return frozenset(name for name in graces if seen[name].state in FAILS)


def _is_new(graces: Mapping[str, RecoveryGrace], name: str, now: float) -> bool:
    return name not in graces or graces[name].since < now


def _recovers_from(before: Published, name: str) -> tuple[str, ...]:
    """The roots that a symptom had and those that its causes were recovering from; else what it was waiting for."""
    draft = before.drafts[name]
    older = (before.graces[other].roots for other in draft.explained_by if other in before.graces)
    return tuple(sorted({*draft.roots, *(root for roots in older for root in roots)})) or draft.explained_by


def _grace_seconds(graph: Graph, name: str, recovery: float) -> float:
    startup = graph.components[name].startup
    return max(recovery, startup.budget if startup else 0.0)


def _left_unexplained(graph: Graph, before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> Iterable[str]:
    """Checked components that nothing explains any more, because something that decides about them recovered."""
    checked = {name: new for name, new in now.items() if new.inference is None and name in before}
    recovered = {name for name, new in checked.items() if stops_explaining(before[name].state, new.state)}
    if not recovered:
        return
    for name, new in checked.items():
        if before[name].root or not before[name].explained_by or recovered.isdisjoint(graph.deciding(name) - {name}):
            continue
        if all(_inferred_since(other, before, now) for other in new.explained_by):
            yield name


def _inferred_since(name: str, before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> bool:
    """True for a latent component that was inferred just now: what a recovery leaves over is no evidence for it."""
    return now[name].inference is not None and (name not in before or before[name].state not in FAILS)


def _remember(
    before: Published,
    published: Mapping[str, Verdict],
    conditions: Mapping[str, Condition],
    seen: Mapping[str, Condition],
) -> dict[str, Condition]:
    """How the published roots were last seen, for when they are seen no longer."""
    last_seen = {n: c for n, c in before.last_seen.items() if n in conditions and conditions[n].state == State.UNKNOWN}
    last_seen |= {name: seen[name] for name, verdict in published.items() if verdict.root and name in seen}
    return {name: condition for name, condition in last_seen.items() if condition.state in FAILS}
