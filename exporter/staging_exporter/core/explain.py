"""The reasons of a verdict in words: from a snapshot, for the API, the report and the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Certainty, Reason, State
from staging_exporter.core.rules import FAILS, INTRINSIC, IS_DOWN
from staging_exporter.core.snapshot import ComponentStatus, RootCause, Snapshot
from staging_exporter.core.words import joined, span, verb


def explain(snapshot: Snapshot, name: str) -> str:
    """One short paragraph about the component. Raises KeyError when there is none of that name."""
    status = snapshot.components[name]
    root = next((root for root in snapshot.root_causes if root.component == name), None)
    return " ".join(_sentences(status, root, snapshot.components))


def remarks(root: RootCause) -> dict[str, str]:
    """What makes a root cause less certain or is to be looked at with it: phrases by what they are about."""
    return {
        about: phrase
        for about, phrase in (
            ("certainty", _certainty(root)),
            ("not recovered", root.not_recovered_from and f"since {joined(root.not_recovered_from)} came back"),
            ("coincides", root.coincides_with and f"with {_coincidence(root.coincides_with)}"),
            ("contradicted", root.contradicted_by and _contradiction(root.contradicted_by)),
            ("unnoticed", root.through and f"by {_unnoticed(root.through)}"),
        )
        if phrase
    }


def _certainty(root: RootCause) -> str:
    if root.certainty == Certainty.OBSERVED:
        return ""
    if root.certainty == Certainty.INFERRED:
        return "inferred from the failures of its dependents"
    if root.reason == Reason.UNSTABLE:
        return "likely: concluded from the rate of its failures; more probes will decide"
    if root.suspects:
        alternatives = f"the {verb(root.suspects, 'alternative is', 'alternatives are')} {joined(root.suspects, 'or')}"
    else:
        alternatives = "a probe of it would decide"
    return f"likely: concluded from the time or the number of the failures; {alternatives}"


def _coincidence(names: tuple[str, ...]) -> str:
    return f"{joined(names)}, to which no dependency is configured"


def _contradiction(up: tuple[str, ...]) -> str:
    depends = f"{joined(up)} {verb(up, 'depends', 'depend')} on it and {verb(up)} up"
    check = verb(up, "that check is", "those checks are")
    problem = f"the problem is the network path from the exporter, the dependency is wrong, or {check} shallow"
    return f"{depends}, so {problem}"


def _unnoticed(names: tuple[str, ...]) -> str:
    return f"the {verb(names, 'check', 'checks')} of {joined(names)}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"


def _sentences(
    status: ComponentStatus, root: RootCause | None, components: Mapping[str, ComponentStatus]
) -> Iterable[str]:
    name = status.component.name
    if status.state == State.MAINTENANCE:
        yield f"{name} is {status.detail}."
    else:
        yield f"{name} is {status.state} ({status.reason})" + (f": {status.detail}." if status.detail else ".")
    if status.deployed and status.since and status.state in FAILS and status.since >= status.deployed.at:
        after = status.since - status.deployed.at
        yield f"This began {span(after)} after deploy {status.deployed.revision or 'without a name'}."
    if root is not None:
        yield from _of_a_root(status, root, components)
    elif status.state in FAILS:
        yield from _of_a_symptom(status)
    if status.contradicted_by:
        yield f"{_contradiction(status.contradicted_by)}."
    if status.conflicts:
        down = f"{joined(status.conflicts)} {verb(status.conflicts)} down"
        yield f"It passes although {down}: it does not test what it claims to."
    if status.suspects and not (root and root.certainty == Certainty.LIKELY):
        yield f"Possibly involved, without proof: {joined(status.suspects)}."


def _of_a_root(status: ComponentStatus, root: RootCause, components: Mapping[str, ComponentStatus]) -> Iterable[str]:
    if root.stale:
        yield f"It was {root.state} ({root.reason}) when last seen, and remains a root cause until it is up."
    if root.inferred:
        unseen = "has no check" if status.component.latent else "cannot be probed"
        yield f"It {unseen}; it is inferred from the failures of its dependents."
    elif status.explained_by and status.reason in INTRINSIC | status.component.intrinsic:
        failing = f"{joined(status.explained_by)} {verb(status.explained_by)} failing too"
        yield f"{failing}, but cannot cause {status.reason}, so this is a root cause of its own."
    else:
        yield _why_root(status, components)
    if root.certainty == Certainty.LIKELY:
        yield f"This is {_certainty(root)}."
    if status.component.covers:
        covering = "its failing tests cover" if Fact.COVERED in status.facts else "it covers"
        yield f"Nothing that {covering} is failing, so check the application, or the tests themselves."
    yield from _in_context(root)
    if root.affected:
        yield f"Affected: {joined(root.affected)}."
    if root.journeys:
        yield f"It blocks {joined(root.journeys)}."


def _in_context(root: RootCause) -> Iterable[str]:
    if root.not_recovered_from:
        yield f"It has not recovered since {joined(root.not_recovered_from)} came back."
    if root.coincides_with:
        yield f"It began to fail at the same time as {_coincidence(root.coincides_with)}."
    if root.through:
        yield f"It is not noticed by {_unnoticed(root.through)}."


def _why_root(status: ComponentStatus, components: Mapping[str, ComponentStatus]) -> str:
    hard = status.component.hard
    if not hard:
        return "It has no dependencies, so it is the root cause."
    failing = [other for other in hard if components[other].state in FAILS]
    fine = [other for other in hard if components[other].state == State.UP]
    unclear = [other for other in hard if other not in failing and other not in fine]
    parts = []
    if fine:
        parts.append(f"{joined(fine)} {verb(fine)} up")
    if unclear:
        parts.append(f"{joined(unclear)} {verb(unclear)} not known to fail")
    if failing:
        parts.append(f"{joined(failing)} alone {verb(failing, 'does', 'do')} not explain it")
    return f"Of its dependencies, {', '.join(parts)}, so it is the root cause."


def _of_a_symptom(status: ComponentStatus) -> Iterable[str]:
    if status.root_causes:
        through = [name for name in status.explained_by if name not in status.root_causes]
        by_way = f", through {joined(through)}" if through else ""
        if status.through:
            by_way += f", through {joined(status.through)}, whose {verb(status.through, 'check does', 'checks do')}"
            by_way += f" not notice {joined(status.root_causes)}"
        yield f"It is affected by {joined(status.root_causes)}{by_way}."
    elif status.recovering_from:
        gone = status.recovering_from
        yield f"It has not recovered yet from {joined(gone)}, which {verb(gone)} no longer failing."
    elif status.recovers_until is not None:
        yield "It is recovering after its maintenance."
    elif status.explained_by:
        yield f"It is waiting for {joined(status.explained_by)}, which is not a fault."
    elif status.state in IS_DOWN:
        yield "No root cause identified yet."
    if status.recovers_until is not None:
        yield f"It becomes a root cause if it still fails at {_clock(status.recovers_until)}."
    if status.subsided:
        yield "Its last probes passed."
