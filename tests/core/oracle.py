"""The rules of diagnosis a second time: from their prose, by brute force, independent of the code that it judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from staging_exporter.core.model import Component, Layer, Outcome, Reason, State, Topology

from tests.core.oracle_of_runs import (
    ARRIVES,
    CERTIFICATE,
    CLASSES,
    DOWN,
    FAILS,
    INTRINSIC,
    UNSEEN,
    WAITS,
    Seen,
    classes_of,
    handed_on,
    how_it_fits,
    slack,
    together,
)


@dataclass(frozen=True)
class Witness:
    """A failing dependent of what nobody can see."""

    name: str
    classes: frozenset[str]
    began: float
    interval: float
    degraded: bool
    checked: frozenset[str]


@dataclass(frozen=True)
class Inferred:
    """A component that nobody can see and that is down, or degraded."""

    group: frozenset[Witness]
    state: State
    classes: frozenset[str]

    @property
    def evidence(self) -> set[str]:
        return {witness.name for witness in self.group}

    @property
    def checked(self) -> frozenset[str]:
        return frozenset[str]().union(*(witness.checked for witness in self.group))


@dataclass
class Oracle:
    """Judges one moment."""

    topology: Topology
    seen: Mapping[str, Seen]
    inferred: dict[str, Inferred] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    single: dict[str, Witness] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recovering = {name for name, seen in self.seen.items() if seen.subsided}
        unexplained = {n for n, s in self.seen.items() if s.state in FAILS and not self._explained(n)}
        judged = {name: self._judge_runs(name, unexplained - self.recovering) for name in self.seen}
        self.seen = judged
        self._no_evidence = {n for n, s in judged.items() if s.state in FAILS and self._explained(n)} | self.recovering
        left = [c.name for c in self.topology.components.values() if c.latent or self._is_blind(c.name)]
        self._unseen = set(left)
        while left:
            name = next(n for n in left if not any(d in left for d in self._dependents(n)))
            left.remove(name)
            self._infer(name)
        self._drop_what_others_explain()

    def roots(self) -> set[str]:
        """The root causes."""
        return {name for name in self.topology.components if self._is_root(name)}

    def _is_root(self, name: str) -> bool:
        if self._state(name) not in FAILS:
            return False
        if not self._explained(name):
            return name not in self.recovering
        return self._is_intrinsic(name)

    def _is_blind(self, name: str) -> bool:
        return self.seen[name].state == State.UNKNOWN and self.seen[name].reason in UNSEEN

    def _state(self, name: str) -> State:
        if name in self.inferred:
            return self.inferred[name].state
        if name in self.seen:
            return self.seen[name].state
        return State.UP if name in self.cleared else State.UNKNOWN

    # What explains a component.

    def _explained(self, name: str) -> bool:
        return bool(self._explanation(name))

    def _explanation(self, name: str) -> set[str]:
        component = self.topology.components[name]
        covered = component.covers if component.layer == Layer.TEST else ()
        return self._behind(name, name, unnoticed=False) | {c for c in covered if self._state(c) in FAILS}

    def _behind(self, effect: str, at: str, unnoticed: bool) -> set[str]:
        """What explains `effect` among, or behind, the dependencies of `at`."""
        component, is_down = self.topology.components[at], self._state(effect) != State.DEGRADED
        groups = [[self._explaining(effect, other, unnoticed) for other in group] for group in component.depends_on]
        if not is_down:
            groups += [[self._explaining(effect, other, unnoticed)] for other in component.optional_depends_on]
        seen = self.seen.get(effect)
        one_suffices = not is_down or self._state(effect) == State.FLAPPING or (seen is not None and seen.now_and_then)
        found = [set[str]().union(*group) for group in groups if one_suffices or all(group)]
        return set[str]().union(*found)

    def _explaining(self, effect: str, cause: str, unnoticed: bool) -> set[str]:
        state, of, by = self._state(cause), self.seen.get(effect), self.seen.get(cause)
        if state in DOWN | WAITS or (state == State.DEGRADED and self._degrades(effect, cause)):
            if not unnoticed:
                return {cause}
            if state in FAILS and of is not None and by is not None and together(by, of):
                return {cause}
        if state in DOWN | WAITS:
            return set()
        if state == State.UP and (of is None or of.onset is None):
            return set()
        return self._behind(effect, cause, unnoticed or state == State.UP)

    def _degrades(self, effect: str, cause: str) -> bool:
        if self._state(effect) == State.DEGRADED:
            return True
        return effect in self.seen and cause in self.seen and handed_on(self.seen[cause], self.seen[effect])

    # What the runs of a component that is up say.

    def _judge_runs(self, name: str, unexplained: set[str]) -> Seen:
        seen = self.seen[name]
        if seen.state != State.UP:
            return seen
        effects = [self.seen[other] for other in unexplained if name in self._possible_causes(other)]
        if any(how_it_fits(seen, effect) == "unstable" for effect in effects):
            began = seen.onset if seen.failing_since is None else seen.failing_since
            return replace(seen, state=State.DEGRADED, reason=Reason.UNSTABLE, failing_since=began)
        slow = [other for other in self.seen.values() if other.slow_since is not None]
        if len(slow) <= len(self.seen) / 2 and any(self._slowed(seen, effect) for effect in effects):
            return replace(seen, state=State.DEGRADED, reason=Reason.SLOW, failing_since=seen.slow_since)
        return seen

    def _possible_causes(self, name: str) -> set[str]:
        return self._ancestors(name) if self.seen[name].state == State.DEGRADED else self._hard_ancestors(name)

    def _slowed(self, seen: Seen, effect: Seen) -> bool:
        if seen.slow_since is None or effect.onset is None or effect.reason not in ARRIVES:
            return False
        return seen.slow_since <= effect.onset + slack(seen, effect) and how_it_fits(seen, effect) != "unstable"

    # What nobody can see.

    def _dependents(self, name: str) -> list[str]:
        return [c.name for c in self.topology.components.values() if name in _all_dependencies(c)]

    def _infer(self, name: str) -> None:
        latent = name not in self.seen
        witnesses = {w for d in self._dependents(name) for w in self._testimony(d, name)}
        group = _largest(witnesses)
        common = frozenset.intersection(*(w.classes for w in group)) if group else frozenset[str]()
        healthy = [d for d in self._dependents(name) if self._clears(d, name, group)]
        if healthy and not (common and len(group) >= 2 * len(healthy)):
            if latent:
                self.cleared.add(name)
            return
        if len(group) < 2 and not (group and not latent and self._went_blind_with(name, next(iter(group)))):
            if len(witnesses) == 1 and latent:
                self.single[name] = next(iter(witnesses))
            return
        state = State.DEGRADED if all(w.degraded for w in group) else State.DOWN
        self.inferred[name] = Inferred(group, state, common or frozenset({"mixed"}))

    def _went_blind_with(self, name: str, witness: Witness) -> bool:
        seen = self.seen[name]
        return seen.since is not None and abs(seen.since - witness.began) <= 2 * max(seen.interval, witness.interval)

    def _clears(self, dependent: str, name: str, group: frozenset[Witness]) -> bool:
        """A dependent without an alternative that is up, and was seen so after the others began to fail."""
        component = self.topology.components[dependent]
        if component.layer == Layer.TEST or (name,) not in component.depends_on or self._state(dependent) != State.UP:
            return False
        runs = self.seen[dependent].runs if dependent in self.seen else ()
        if not runs:
            return True
        passed = runs[-1].outcome == Outcome.PASS
        return passed and (not group or runs[-1].started >= min(w.began for w in group))

    def _testimony(self, dependent: str, name: str) -> Iterable[Witness]:
        component = self.topology.components[dependent]
        if dependent in self._no_evidence or component.layer == Layer.TEST:
            return
        if dependent in self._unseen:
            inferred = self.inferred.get(dependent)
            if inferred is not None:
                began = min(w.began for w in inferred.group)
                degraded = inferred.state == State.DEGRADED
                witness = Witness(dependent, inferred.classes, began, component.interval, degraded, inferred.checked)
            elif dependent in self.single:
                witness = self.single[dependent]
            else:
                return
        else:
            seen = self.seen[dependent]
            classes = frozenset(classes_of(seen.reason))
            if seen.state not in FAILS or not classes or seen.began is None:
                return
            alone = frozenset({dependent})
            witness = Witness(dependent, classes, seen.began, component.interval, seen.state == State.DEGRADED, alone)
        groups = [group for group in component.depends_on if name in group]
        others = {other for group in groups for other in group if other != name}
        if not groups and not witness.degraded:
            return
        if all(other in self.seen and self.seen[other].state in FAILS for other in others):
            yield witness

    def _drop_what_others_explain(self) -> None:
        found = dict(self.inferred)
        for name, one in found.items():
            for other, larger in found.items():
                equal_but_later = one.checked == larger.checked and self._rank(other, found) < self._rank(name, found)
                if one.checked < larger.checked or equal_but_later:
                    self.inferred.pop(name, None)

    def _rank(self, name: str, found: Mapping[str, Inferred]) -> tuple[bool, bool, str, str]:
        """One whose runs fail first; then the nearest: one whose evidence is not another with all of it."""
        mine = found[name]
        farther = any(other in found and found[other].checked == mine.checked for other in mine.evidence)
        unfailing = name not in self.seen or not classes_of(self.seen[name].reason)
        return unfailing, farther, self.topology.components[name].priority, name

    # Reasons that no dependency explains.

    def _is_intrinsic(self, name: str) -> bool:
        if name not in self.seen or self.seen[name].state not in DOWN:
            return False
        seen = self.seen[name]
        if seen.reason not in INTRINSIC | self.topology.components[name].intrinsic:
            return False
        if any(name in inferred.evidence for inferred in self.inferred.values()):
            return False
        failing = [a for a in self._hard_ancestors(name) if self._state(a) in FAILS]
        if any(classes_of(seen.reason) & self._classes(a) for a in failing):
            return False
        causes = [self.seen[c] for c in self._explanation(name) if c in self.seen]
        return seen.reason in CERTIFICATE or not any(together(cause, seen) for cause in causes)

    def _classes(self, name: str) -> set[str]:
        return set(self.inferred[name].classes) if name in self.inferred else classes_of(self.seen[name].reason)

    def _hard_ancestors(self, name: str) -> set[str]:
        parents = {member for group in self.topology.components[name].depends_on for member in group}
        return parents.union(*(self._hard_ancestors(parent) for parent in parents))

    def _ancestors(self, name: str) -> set[str]:
        parents = _all_dependencies(self.topology.components[name])
        return parents.union(*(self._ancestors(parent) for parent in parents))


def _largest(witnesses: set[Witness]) -> frozenset[Witness]:
    """Of one class if two have one; else of whatever class."""
    by_class = [{w for w in witnesses if kind in w.classes} for kind in [*sorted(CLASSES), "mixed"]]
    best = _best(group for some in by_class for group in _in_time(some))
    if len(best) < 2:
        best = _best([best, *_in_time(witnesses)])
    return best


def _in_time(witnesses: set[Witness]) -> Iterable[frozenset[Witness]]:
    """For each witness, those that began after it and within two intervals."""
    order = sorted(witnesses, key=_order)
    for number, first in enumerate(order):
        yield frozenset(w for w in order[number:] if w.began - first.began <= 2 * max(w.interval, first.interval))


def _order(witness: Witness) -> tuple[float, list[str], str]:
    return witness.began, sorted(witness.classes), witness.name


def _best(groups: Iterable[frozenset[Witness]]) -> frozenset[Witness]:
    """The most witnesses; of equally many those with one that is down; then the earliest."""
    found = [group for group in groups if group]
    return min(found, key=lambda g: (-len(g), all(w.degraded for w in g), min(map(_order, g))), default=frozenset())


def _all_dependencies(component: Component) -> set[str]:
    hard = {member for group in component.depends_on for member in group}
    return hard | set(component.optional_depends_on) | set(component.covers)
