"""What of a verdict counts for a pipeline: the document -> exit code, and whether waiting could change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from staging_exporter.core.model import LATENT, Outcome, Priority, State
from staging_exporter.core.rules import IS_DOWN
from staging_exporter.core.words import joined, verb
from staging_exporter.views.questions import UNTOLD, Document, few, unblamed, with_needs

PASSED, FAILED, UNDECIDED = 0, 1, 3
_UNWELL = {Outcome.FAIL: "its last probe failed", Outcome.UNKNOWN: "its last probe came to no conclusion"}


@dataclass(frozen=True, slots=True)
class Gate:
    """Root causes of effective priority `fail_on` or more urgent count, within `scope` (None: everywhere).

    For what is `named` a maintenance is no excuse: it must be well. `since` asks for evidence that is no older (Unix
    seconds of the exporter's clock).
    """

    fail_on: Priority = Priority.P2
    scope: frozenset[str] | None = None
    named: frozenset[str] = frozenset()
    since: float | None = None

    def requiring(self, document: Document, names: frozenset[str]) -> Gate:
        """The same, but only these components and all that they depend on count. Raises KeyError."""
        return replace(self, scope=with_needs(document, names), named=names)

    def covers(self, name: str) -> bool:
        """True when the component counts."""
        return self.scope is None or name in self.scope

    def roots(self, document: Document) -> list[Document]:
        """The root causes that count."""
        return [r for r in document["root_causes"] if r["priority"] <= self.fail_on and self.covers(r["component"])]

    def untold(self, document: Document) -> dict[str, str]:
        """Checked components that count and on which there is no verdict, and why."""
        return {
            name: why
            for name, component in document["components"].items()
            if component["kind"] != LATENT and component["priority"] <= self.fail_on and self.covers(name)
            if (why := self._untold(document, name))
        }

    def _untold(self, document: Document, name: str) -> str | None:
        """Why there is no verdict on a component, None when there is one."""
        component = document["components"][name]
        state = component["state"]
        if state in UNTOLD:
            return f"{name} is {state}"
        if state in IS_DOWN and unblamed(document, name, ()) and (why := self._unexcused(document, name)):
            return f"{name} is {state}{why}"
        if state == State.MAINTENANCE and name in self.named and (why := _unwell(component)):
            return f"{name} is in maintenance, and {why}"
        if self.since is not None and (component["last_probe"] or 0) < self.since:
            return f"{name} was not probed yet since the check began"
        return None

    def _unexcused(self, document: Document, name: str) -> str | None:
        """How to go on about a component that is down without blame, None when a maintenance is excuse enough."""
        resting = _resting(document, name)
        if not resting:
            return ", and nothing is blamed for it"
        return f" while {joined(resting)} {verb(resting)} in maintenance" if name in self.named else None

    def exit_code(self, document: Document) -> int:
        """1 for a root cause that counts; else 3 when something that counts cannot be told; else 0."""
        if self.roots(document):
            return FAILED
        return UNDECIDED if document["pending"] or self.untold(document) else PASSED

    def decided(self, document: Document) -> bool:
        """True when waiting is of no use: all is well, or a root cause is down.

        Down by evidence that is not too old: what may still start is `starting` as long as its startup budget lasts.
        """
        if document["pending"]:
            return False
        if self.exit_code(document) == PASSED:
            return True
        return any(self._incurable(root, document) for root in self.roots(document))

    def _incurable(self, root: Document, document: Document) -> bool:
        seen = document["components"][root["component"]]["last_probe"]
        fresh = self.since is None or seen is None or seen >= self.since
        return fresh and root["state"] in IS_DOWN and not root["stale"]

    def sentence(self, document: Document) -> str:
        """The outcome in one line."""
        match self.exit_code(document):
            case 0:
                return "passed"
            case 1:
                names = [root["component"] for root in self.roots(document)]
                return f"failed: {few(names)} {verb(names, 'is a root cause', 'are root causes')}"
        open_still = ["the verdict is still open"] if document["pending"] else []
        return f"undecided: {few([*open_still, *self.untold(document).values()])}"


def named(document: Document, journeys: Iterable[str], components: Iterable[str]) -> frozenset[str]:
    """These components, and those that the steps of these journeys use.

    Raises ValueError, in plain words, for a name that is unknown.
    """
    found = set()
    for journey in journeys:
        _must_be_in(document["journeys"], journey, "journey")
        found |= {step["component"] for step in document["journeys"][journey]["steps"]}
    for name in components:
        _must_be_in(document["components"], name, "component")
        found.add(name)
    return frozenset(found)


def _resting(document: Document, name: str) -> list[str]:
    """What is in maintenance of all that a component needs."""
    components = document["components"]
    return sorted(other for other in with_needs(document, [name]) if components[other]["state"] == State.MAINTENANCE)


def _unwell(component: Document) -> str | None:
    """What the last run says against a component whose state a maintenance hides."""
    outcomes = component["recent"]["outcomes"]
    return _UNWELL.get(outcomes[-1]) if outcomes else "was not probed yet"


def _must_be_in(known: Mapping[str, Any], name: str, what: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f", did you mean {near[0]!r}?" if near else f"; there are {', '.join(known) or 'none'}"
        raise ValueError(f"there is no {what} {name!r}{hint}")
