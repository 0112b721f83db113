"""Which part of the verdict counts for a pipeline: status document -> exit code, and whether waiting can change it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from staging_exporter.core.model import LATENT, Outcome, Priority, State
from staging_exporter.core.rules import IS_DOWN
from staging_exporter.core.words import hint, joined, verb
from staging_exporter.views.document_types import ComponentDocument, RootCauseDocument, StatusDocument
from staging_exporter.views.queries import UNDETERMINED, dependencies_in, few, with_dependencies, without_root_cause

PASSED, FAILED, NO_VERDICT = 0, 1, 3
_NOT_UP: dict[str, str] = {Outcome.FAIL: "its last probe failed", Outcome.UNKNOWN: "its last probe was inconclusive"}


@dataclass(frozen=True, slots=True)
class Gate:
    """Counts root causes of effective priority `fail_on` or more urgent, within `scope` (None: everywhere).

    The `required` components must be up even in maintenance. Evidence older than `since` (Unix seconds of the
    exporter's clock) does not count.
    """

    fail_on: Priority = Priority.P2
    scope: frozenset[str] | None = None
    required: frozenset[str] = frozenset()
    since: float | None = None

    def requiring(self, document: StatusDocument, names: frozenset[str]) -> Gate:
        """The same gate, limited to these components and all that they depend on. Raises KeyError."""
        return replace(self, scope=with_dependencies(document, names), required=names)

    def covers(self, name: str) -> bool:
        """True when the component counts."""
        return self.scope is None or name in self.scope

    def root_causes(self, document: StatusDocument) -> list[RootCauseDocument]:
        """The root causes that count."""
        return [r for r in document["root_causes"] if r["priority"] <= self.fail_on and self.covers(r["component"])]

    def undetermined(self, document: StatusDocument) -> dict[str, str]:
        """Checked components that count and have no verdict, and why."""
        return {
            name: why
            for name, component in document["components"].items()
            if component["kind"] != LATENT and component["priority"] <= self.fail_on and self.covers(name)
            if (why := self._why_undetermined(document, name))
        }

    def _why_undetermined(self, document: StatusDocument, name: str) -> str | None:
        """Why a component has no verdict, None when it has one."""
        component = document["components"][name]
        state = component["state"]
        if state in UNDETERMINED:
            return f"{name} is {state}"
        if state in IS_DOWN and without_root_cause(document, name, ()):
            if starting := dependencies_in(document, name, State.STARTING):
                return f"{name} is waiting for {joined(starting)}, still starting"
            in_maintenance = dependencies_in(document, name, State.MAINTENANCE)
            if not in_maintenance:
                return f"{name} is {state}, no root cause identified"
            if name in self.required:
                return f"{name} is {state} while {joined(in_maintenance)} {verb(in_maintenance)} in maintenance"
        if state == State.MAINTENANCE and name in self.required and (why := _last_probe_problem(component)):
            return f"{name} is in maintenance, and {why}"
        if self.since is not None and (component["last_probe"] or 0) < self.since:
            return f"{name} has not been probed since the check started"
        return None

    def exit_code(self, document: StatusDocument) -> int:
        """1 for a root cause that counts, else 3 when a component that counts is undetermined, else 0."""
        if self.root_causes(document):
            return FAILED
        return NO_VERDICT if document["pending"] or self.undetermined(document) else PASSED

    def decided(self, document: StatusDocument) -> bool:
        """True when waiting can change nothing: all passes, or a root cause was seen down since the check started.

        A component that may still start is `starting`, not down, until its startup budget is spent.
        """
        if document["pending"]:
            return False
        if self.exit_code(document) == PASSED:
            return True
        return any(self._is_final(root, document) for root in self.root_causes(document))

    def _is_final(self, root: RootCauseDocument, document: StatusDocument) -> bool:
        last_probe = document["components"][root["component"]]["last_probe"]
        fresh = self.since is None or last_probe is None or last_probe >= self.since
        return fresh and root["state"] in IS_DOWN and not root["stale"]

    def sentence(self, document: StatusDocument) -> str:
        """The outcome in one line."""
        match self.exit_code(document):
            case 0:
                return "passed"
            case 1:
                names = [root["component"] for root in self.root_causes(document)]
                return f"failed: {few(names)} {verb(names, 'is a root cause', 'are root causes')}"
        pending = ["a change is still being confirmed"] if document["pending"] else []
        return f"undetermined: {few([*pending, *self.undetermined(document).values()])}"


def required_components(document: StatusDocument, journeys: Iterable[str], components: Iterable[str]) -> frozenset[str]:
    """These components, and those of the steps of these journeys.

    Raises ValueError, whose text is for users, for an unknown name.
    """
    found = set()
    for journey in journeys:
        _check_name(document["journeys"], journey, "journey")
        found |= {step["component"] for step in document["journeys"][journey]["steps"]}
    for name in components:
        _check_name(document["components"], name, "component")
        found.add(name)
    return frozenset(found)


def _last_probe_problem(component: ComponentDocument) -> str | None:
    """What is wrong with the last run of a component whose state is hidden by maintenance."""
    outcomes = component["recent"]["outcomes"]
    return _NOT_UP.get(outcomes[-1]) if outcomes else "has not been probed yet"


def _check_name(known: Collection[str], name: str, what: str) -> None:
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}{hint(name, known)}")
