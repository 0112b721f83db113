"""The status of one component in a snapshot, from its health and its verdict; pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from staging_exporter.core.diagnosis import Verdict
from staging_exporter.core.facts import Fact
from staging_exporter.core.health import Health, startup_ends
from staging_exporter.core.inference import Inference
from staging_exporter.core.instability import has_subsided
from staging_exporter.core.journal import Journal
from staging_exporter.core.model import Component, Reason, State
from staging_exporter.core.records import Record
from staging_exporter.core.rules import FAILS
from staging_exporter.core.snapshot import ComponentStatus, ProbeStats
from staging_exporter.core.verdict_lifecycle import RecoveryGrace
from staging_exporter.core.words import joined, verb

_DISABLED = "enabled: false in the configuration"


def checked_status(
    component: Component,
    record: Record,
    verdict: Verdict,
    at_risk_from: Collection[str],
    grace: RecoveryGrace | None,
    roots: Collection[str],
    journal: Journal,
    stats: ProbeStats | None,
) -> ComponentStatus:
    """The status of a component with a check; `roots` are all published root causes.

    `at_risk_from` are those that take down what it needs, `grace` is its time to recover.
    """
    health, last = record.shown, record.last
    state, reason, detail, since = _judged(health, verdict)
    failing = state in FAILS
    inferred = verdict.inference is not None and state != health.state
    return ComponentStatus(
        component=component,
        state=state,
        reason=reason,
        detail=detail,
        since=since,
        last_probe=last.started if last else None,
        last_outcome=last.outcome if last else None,
        root=verdict.root,
        stale=verdict.root and state == State.UNKNOWN,
        root_causes=tuple(root for root in verdict.roots if root in roots) if failing else (),
        explained_by=verdict.explained_by if failing else (),
        through=verdict.through if failing else (),
        recovering_from=grace.roots if grace and failing and not grace.over else (),
        recovers_until=grace.until if grace and failing and not grace.over else None,
        subsided=failing and not verdict.root and has_subsided(record.condition),
        not_recovered_from=verdict.not_recovered_from,
        suspects=verdict.suspects if failing or verdict.root else (),
        contradicted_by=verdict.contradicted_by if failing else (),
        conflicts=verdict.conflicts if state == State.UP else (),
        facts=last.facts if last else {},
        phases=last.phases if last else {},
        stats=stats,
        deployed=journal.deploys.get(component.name),
        startup_ends=startup_ends(health, component),
        failed_since=health.first_failure,
        inferred=inferred,
        certainty=verdict.certainty,
        began=verdict.inference.began if inferred and verdict.inference else health.recent.began_anew[0],
        at_risk_from=tuple(root for root in at_risk_from if root in roots),
        failure_ratio=health.window.ratio,
        unnoticed=journal.shallow.get(component.name, 0),
    )


def _judged(health: Health, verdict: Verdict) -> tuple[State, Reason, str, float | None]:
    """What is published of a component: as its runs say, unless the verdict knows more of it."""
    if (judged := verdict.judged) and health.state == State.UP:
        return judged.state, judged.reason, judged.detail, judged.since
    if verdict.inference is not None and verdict.state in FAILS and health.state == State.UNKNOWN:
        detail = f"{_evidence(verdict.inference, verdict.state)}; its own probe: {health.reason}"
        return verdict.state, Reason.INFERRED, detail + (f", {health.detail}" if health.detail else ""), health.since
    return health.state, health.reason, health.detail, health.since


def latent_status(
    component: Component, verdict: Verdict, since: float | None, roots: Collection[str]
) -> ComponentStatus:
    """The status of a component without a check."""
    if not component.enabled:
        return ComponentStatus(component, State.UNKNOWN, Reason.DISABLED, _DISABLED, None, None)
    inference = verdict.inference or Inference()
    seen = Reason.OK if verdict.state == State.UP else Reason.NO_EVIDENCE
    return ComponentStatus(
        component=component,
        state=verdict.state,
        reason=Reason.INFERRED if verdict.state in FAILS else seen,
        detail=_evidence(inference, verdict.state),
        since=since,
        last_probe=None,
        root=verdict.root,
        stale=verdict.root and inference.stale,
        root_causes=tuple(root for root in verdict.roots if root in roots),
        explained_by=verdict.explained_by if verdict.state in FAILS else (),
        suspects=verdict.suspects,
        contradicted_by=verdict.contradicted_by,
        failed_since=since if verdict.state in FAILS else None,
        inferred=bool(inference.evidence),
        certainty=verdict.certainty,
        began=inference.began if inference.evidence else None,
    )


def timely(components: Mapping[str, ComponentStatus]) -> dict[str, ComponentStatus]:
    """The same, without the conflicts of a suite with what went down only after its tests ran.

    Where the tests that cover a component are known, it is in conflict only with those of them that passed.
    """
    return {name: _timely(status, components) if status.conflicts else status for name, status in components.items()}


def _timely(suite: ComponentStatus, components: Mapping[str, ComponentStatus]) -> ComponentStatus:
    ran, covered = suite.facts.get(Fact.RUN_TIMESTAMP, float("inf")), suite.facts.get(Fact.COVERED)
    before = [name for name in suite.conflicts if (components[name].failed_since or 0.0) <= ran]
    return replace(suite, conflicts=tuple(c for c in before if covered is None or covered.get(c, {}).get("passed")))


def _evidence(inference: Inference, state: State) -> str:
    if inference.stale:
        return f"inferred from the failures of {joined(inference.evidence)}; no dependent has been seen up since"
    if inference.evidence:
        failures = f"inferred from the failures of {joined(inference.evidence)}"
        return f"{failures}, which began together and have no other explanation"
    if state == State.UP:
        return "a dependent is up"
    if failing := inference.suspected_by:
        return f"only {joined(failing)} {verb(failing)} failing; not enough evidence"
    return "no evidence from its dependents"
