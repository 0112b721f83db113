"""A root cause as an alert of Alertmanager's API v2, with the labels and texts of the generated rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from staging_exporter.core.model import Certainty, Priority
from staging_exporter.core.snapshot import JourneyState, RootCause, Snapshot
from staging_exporter.core.words import rfc3339, span
from staging_exporter.generate.alerts import COMPONENT_LINKS, SEVERITY, Role
from staging_exporter.generate.environment import ROOT_CAUSE
from staging_exporter.generate.options import AlertingOptions

_NAMED = 20  # names in a list, at most
_DETAIL = 200  # characters, as in staging_component_root_cause_info
_RECENT = 86400.0  # seconds before a root cause in which a deploy is named


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `starts` and `ends` are Unix seconds, `ends` is None while it fires."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float
    ends: float | None = None
    page: str = ""

    def body(self, until: float) -> dict[str, object]:
        """As Alertmanager reads it; while it fires it is valid `until` then."""
        ends = until if self.ends is None else self.ends
        moments = {"startsAt": rfc3339(self.starts), "endsAt": rfc3339(ends)}
        return {"labels": self.labels, "annotations": self.annotations, **moments, "generatorURL": self.page}


def labels_of(snapshot: Snapshot, root: RootCause, priority: Priority, more: Mapping[str, str]) -> dict[str, str]:
    """Those of the generated rule, so that the alerts of both senders are one; `more` are external labels."""
    return {
        **more,
        "alertname": f"{ROOT_CAUSE}{priority}",
        "environment": snapshot.environment,
        "component": root.component,
        "layer": str(root.layer),
        "severity": SEVERITY[priority],
        "priority": str(priority),
        "role": str(Role.ROOT_CAUSE),
    }


def texts(
    snapshot: Snapshot, root: RootCause, priority: Priority, options: AlertingOptions, page: str
) -> dict[str, str]:
    """What a notification says; `page` is the URL of the status page."""
    affected = _some(root.affected)
    blocked = [each for each in snapshot.journeys.values() if each.state == JourneyState.BLOCKED]
    journeys = _some([f"{each.name} at {each.blocked_at}" for each in blocked])
    evidence = f"{root.reason}, {detail}" if (detail := (root.announced or root.detail)[:_DETAIL]) else str(root.reason)
    return {
        "summary": f"{root.component} is the root cause of the outage in {snapshot.environment}.",
        "description": " ".join(_sentences(snapshot, root, priority, evidence))
        + f" Affected components: {affected}. Blocked journeys in the environment: {journeys}.",
        "affected": affected,
        "journeys": journeys,
        "evidence": evidence,
        "certainty": str(root.certainty),
        **dict(_links(snapshot, root, priority, options, page)),
    }


def page_of(page: str, component: str) -> str:
    """The page of a component below the status page."""
    return f"{page.rstrip('/')}/components/{component}"


def _sentences(snapshot: Snapshot, root: RootCause, priority: Priority, evidence: str) -> Iterator[str]:
    yield f"{root.component}, layer {root.layer}, is a root cause with effective priority {priority}."
    yield f"Evidence: {evidence}."
    if root.since is not None:
        yield f"Since: {datetime.fromtimestamp(root.since, UTC):%Y-%m-%d %H:%M:%S UTC}."
    deployed = snapshot.components[root.component].deployed
    begin = root.began or root.since
    if deployed and begin is not None and 0 <= begin - deployed.at < _RECENT:
        revision = f" of {deployed.revision}" if deployed.revision else ""
        yield f"A deploy{revision} came {span(begin - deployed.at)} before it."
    likely = root.certainty == Certainty.LIKELY
    if likely:
        yield "It is likely, not certain."
    if root.suspects:
        yield f"{'Alternatives' if likely else 'Suspects'}: {_some(root.suspects)}."
    if root.not_recovered_from:
        yield f"It has not recovered since {_some(root.not_recovered_from)} came back."
    if root.coincides_with:
        others = _some(root.coincides_with)
        yield f"It began to fail at the same time as {others}, to which no dependency is configured."
    if root.contradicted_by:
        yield f"Up although they depend on it: {_some(root.contradicted_by)}. The problem is the network path from the "
        yield "exporter, the dependency is wrong, or the check is shallow."
    if root.through:
        yield f"Not noticed by the checks of: {_some(root.through)}."


def _links(
    snapshot: Snapshot, root: RootCause, priority: Priority, options: AlertingOptions, page: str
) -> Iterator[tuple[str, str]]:
    if options.runbooks:
        yield "runbook_url", f"{options.runbooks.rstrip('/')}/{ROOT_CAUSE}{priority}.md"
    if options.dashboard:
        mark = "&" if "?" in options.dashboard else "?"
        variables = f"var-environment={quote(snapshot.environment)}&var-component={root.component}"
        yield "dashboard_url", f"{options.dashboard}{mark}{variables}"
    yield "status_url", page_of(page, root.component)
    links = snapshot.components[root.component].component.links
    for annotation, name in COMPONENT_LINKS.items():
        if value := links.get(name):
            yield annotation, value


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    rest = f" and others, {len(names)} in all" if len(names) > _NAMED else ""
    return ", ".join(sorted(names)[:_NAMED]) + rest
