"""The rules of diagnosis a second time: from their prose, by brute force, independent of the code that it judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

from staging_exporter.core.model import Component, Layer, Reason, State, Topology

NETWORK = {Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.CLOSED, Reason.SERVER_ERROR}
TLS = {Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.TLS}
ANSWER = {Reason.CONTENT, Reason.IDENTITY, Reason.STATUS, Reason.PROTOCOL}
ALONE = (Reason.DENIED, Reason.DNS, Reason.SLOW, Reason.SATURATED, Reason.FAILED)
CLASSES = {"network": NETWORK, "tls": TLS, "answer": ANSWER, **{reason.value: {reason} for reason in ALONE}}
INTRINSIC = {Reason.IDENTITY, Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.DNS}
DOWN = {State.DOWN, State.FLAPPING}
FAILS = {*DOWN, State.DEGRADED}


@dataclass
class Seen:
    """What is known of one checked component."""

    state: State
    reason: Reason = Reason.OK
    began: float = 0.0


@dataclass
class Inferred:
    """A latent that is inferred, and the checked components behind its evidence."""

    evidence: frozenset[str]
    checked: frozenset[str]
    state: State
    reason: Reason
    began: float


@dataclass
class Oracle:
    """Judges one moment."""

    topology: Topology
    seen: Mapping[str, Seen]
    inferred: dict[str, Inferred] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        while len(self._judged) < len(self._latents):
            for name in self._latents:
                mine = [d for d in self._dependents(name) if d in self._latents]
                if name not in self._judged and all(d in self._judged for d in mine):
                    self._judge(name)
        self._drop_what_others_explain()

    def roots(self) -> set[str]:
        """Rules 1 to 3 and 5."""
        return {name for name in self.topology.components if self._is_root(name)}

    _judged: set[str] = field(default_factory=set)

    @property
    def _latents(self) -> list[str]:
        return [name for name in self.topology.components if name not in self.seen]

    def _state(self, name: str, checked_only: bool = False) -> State:
        if name in self.seen:
            return self.seen[name].state
        if name in self.inferred and not checked_only:
            return self.inferred[name].state
        return State.UP if name in self.cleared and not checked_only else State.UNKNOWN

    def _is_root(self, name: str) -> bool:
        state = self._state(name)
        if state not in FAILS:
            return False
        return not self._is_explained(name) or (state in DOWN and self._is_intrinsic(name))

    def _is_explained(self, name: str, checked_only: bool = False) -> bool:
        component = self.topology.components[name]
        if component.layer == Layer.TEST and any(self._state(c, checked_only) in FAILS for c in component.covers):
            return True
        return self._is_explained_as(name, self._state(name) in DOWN, checked_only)

    def _is_explained_as(self, name: str, down: bool, checked_only: bool) -> bool:
        component = self.topology.components[name]
        groups = [[self._explains(member, down, checked_only) for member in g] for g in component.depends_on]
        if down:
            return any(all(group) for group in groups)
        optional = [self._explains(other, down, checked_only) for other in component.optional_depends_on]
        return any(any(group) for group in groups) or any(optional)

    def _explains(self, name: str, down: bool, checked_only: bool) -> bool:
        state = self._state(name, checked_only)
        if state in DOWN or state in (State.STARTING, State.MAINTENANCE):
            return True
        if state == State.DEGRADED and not down:
            return True
        if state in (State.DEGRADED, State.UNKNOWN):
            return self._is_explained_as(name, down, checked_only)
        return False

    def _reason(self, name: str) -> Reason:
        return self.seen[name].reason if name in self.seen else self.inferred[name].reason

    def _is_intrinsic(self, name: str) -> bool:
        if name not in self.seen:
            return False
        reason = self.seen[name].reason
        if reason not in INTRINSIC | self.topology.components[name].intrinsic:
            return False
        if any(name in inferred.evidence for inferred in self.inferred.values()):
            return False
        return not any(
            self._state(a) in FAILS and _same_class([self._reason(a), reason]) for a in self._hard_ancestors(name)
        )

    def _hard_ancestors(self, name: str) -> set[str]:
        parents = {member for group in self.topology.components[name].depends_on for member in group}
        return parents.union(*(self._hard_ancestors(parent) for parent in parents))

    def _dependents(self, name: str) -> list[str]:
        return [c.name for c in self.topology.components.values() if name in _all_dependencies(c)]

    def _judge(self, latent: str) -> None:
        self._judged.add(latent)
        dependents = [d for d in self._dependents(latent) if self.topology.components[d].layer != Layer.TEST]
        if any((latent,) in self.topology.components[d].depends_on and self._state(d) == State.UP for d in dependents):
            self.cleared.add(latent)
            return
        failing = [d for d in dependents if self._is_evidence(d, latent)]
        for size in range(len(failing), 1, -1):
            groups = [g for g in combinations(sorted(failing), size) if self._began_together(g)]
            if groups:
                self._infer(latent, min(groups, key=self._earliest))
                return

    def _is_evidence(self, name: str, latent: str) -> bool:
        if self._state(name) not in FAILS or self._is_explained(name, checked_only=True):
            return False
        component = self.topology.components[name]
        groups = [group for group in component.depends_on if latent in group]
        if not groups:
            return self._state(name) == State.DEGRADED
        return all(o in self.seen and self.seen[o].state in FAILS for g in groups for o in g if o != latent)

    def _began(self, name: str) -> float:
        return self.seen[name].began if name in self.seen else self.inferred[name].began

    def _earliest(self, group: tuple[str, ...]) -> tuple[bool, float, str]:
        """Of groups of one size: what is down before what is degraded, the earlier, the first class by name."""
        degraded = all(self._state(name) == State.DEGRADED for name in group)
        kind = next(kind for kind, reasons in CLASSES.items() if self._reason(group[0]) in reasons)
        return degraded, min(self._began(name) for name in group), kind

    def _began_together(self, group: tuple[str, ...]) -> bool:
        if not _same_class([self._reason(name) for name in group]):
            return False
        components = self.topology.components
        first = min(group, key=lambda name: (self._began(name), name))
        return all(
            self._began(n) - self._began(first) <= 2 * max(components[n].interval, components[first].interval)
            for n in group
        )

    def _infer(self, latent: str, group: tuple[str, ...]) -> None:
        down = any(self._state(name) != State.DEGRADED for name in group)
        checked = [self.inferred[n].checked if n in self.inferred else frozenset({n}) for n in group]
        self.inferred[latent] = Inferred(
            frozenset(group),
            frozenset().union(*checked),
            State.DOWN if down else State.DEGRADED,
            self._reason(group[0]),
            min(self._began(name) for name in group),
        )

    def _drop_what_others_explain(self) -> None:
        for name, one in list(self.inferred.items()):
            for other, larger in self.inferred.items():
                mine, theirs = one.checked, larger.checked
                equal_but_later = mine == theirs and self._rank(other) < self._rank(name)
                if mine < theirs or equal_but_later:
                    self._superseded.add(name)
        for name in self._superseded:
            del self.inferred[name]

    _superseded: set[str] = field(default_factory=set)

    def _rank(self, name: str) -> tuple[str, str]:
        return self.topology.components[name].priority, name


def _all_dependencies(component: Component) -> set[str]:
    hard = {member for group in component.depends_on for member in group}
    return hard | set(component.optional_depends_on) | set(component.covers)


def _same_class(reasons: list[Reason]) -> bool:
    return any(all(reason in one for reason in reasons) for one in CLASSES.values())
