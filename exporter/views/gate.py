"""What of a verdict counts for a pipeline: the document -> exit code, and whether waiting could change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from exporter.core.law import IS_DOWN
from exporter.core.model import LATENT, Priority, State
from exporter.core.words import verb
from exporter.views.questions import UNTOLD, Document, few, unblamed, with_needs

PASSED, FAILED, UNDECIDED = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Gate:
    """Root causes of effective priority `fail_on` or more urgent count, within `scope` (None: everywhere).

    `since` asks for evidence that is no older (Unix seconds of the exporter's clock).
    """

    fail_on: Priority = Priority.P2
    scope: frozenset[str] | None = None
    since: float | None = None

    def covers(self, name: str) -> bool:
        """True when the component counts."""
        return self.scope is None or name in self.scope

    def roots(self, document: Document) -> list[Document]:
        """The root causes that count."""
        return [r for r in document["root_causes"] if r["priority"] <= self.fail_on and self.covers(r["component"])]

    def untold(self, document: Document) -> dict[str, str]:
        """Checked components that count and on which there is no verdict, and why."""
        found = {}
        for name, component in document["components"].items():
            if component["kind"] != LATENT and component["priority"] <= self.fail_on and self.covers(name):
                if component["state"] in UNTOLD:
                    found[name] = f"{name} is {component['state']}"
                elif component["state"] in IS_DOWN and unblamed(document, name, {State.MAINTENANCE}):
                    found[name] = f"{name} is {component['state']}, and nothing is blamed for it"
                elif self.since is not None and (component["last_probe"] or 0) < self.since:
                    found[name] = f"{name} was not probed yet since the check began"
        return found

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


def scope_of(document: Document, journeys: Iterable[str], components: Iterable[str]) -> frozenset[str]:
    """These components, those that the steps of these journeys use, and all that they depend on.

    Raises ValueError, in plain words, for a name that is unknown.
    """
    wanted = []
    for journey in journeys:
        _must_be_in(document["journeys"], journey, "journey")
        wanted += [step["component"] for step in document["journeys"][journey]["steps"]]
    for name in components:
        _must_be_in(document["components"], name, "component")
        wanted.append(name)
    return with_needs(document, wanted)


def _must_be_in(known: Mapping[str, Any], name: str, what: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f", did you mean {near[0]!r}?" if near else f"; there are {', '.join(known) or 'none'}"
        raise ValueError(f"there is no {what} {name!r}{hint}")
