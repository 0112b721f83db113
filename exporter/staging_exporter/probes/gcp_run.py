"""Kind `gcp_run`: a Cloud Run service, as deployed and, when it fails, as its logs say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.answers import short_name, whole_number
from staging_exporter.evidence.google.check import Finding, RegionalCheck, fields
from staging_exporter.evidence.google.errors import ApiFailed
from staging_exporter.evidence.google.logs import Crash, RevisionLogs
from staging_exporter.evidence.google.reader import reader_of
from staging_exporter.evidence.google.reads import run_revision, run_services
from staging_exporter.net.context import ProbeContext

Resource = Mapping[str, Any]

_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_MAX_INSTANCES = 100  # when the template does not say: https://cloud.google.com/run/docs/configuring/max-instances
_TCP_PROBE = 240  # seconds of the default probe of the port
# Whose fault a reason of the API is. What is not here is named as it is.
OWNERS = {
    "SECRETS_ACCESS_CHECK_FAILED": "a secret, or the permission to read it",
    "ENCRYPTION_KEY_PERMISSION_DENIED": "the encryption key",
    "ENCRYPTION_KEY_CHECK_FAILED": "the encryption key",
    "VPC_NETWORK_NOT_FOUND": "the VPC network or connector",
    "CONTAINER_MISSING": "the image",
    "CONTAINER_PERMISSION_DENIED": "the image",
    "CONTAINER_IMAGE_UNAUTHORIZED": "the image",
    "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED": "the image",
    "HEALTH_CHECK_CONTAINER_ERROR": "the application",
    "PROGRESS_DEADLINE_EXCEEDED": "the platform, or a slow start",
    "INTERNAL": "the platform",
    "POSTPONED_RETRY": "the platform",
}
STARTING = frozenset({"PENDING", "MIN_INSTANCES_WARMING", "CUSTOMIZED_PATH_RESPONSE_PENDING"})
_STATES = {
    "CONDITION_SUCCEEDED": State.UP,
    "CONDITION_FAILED": State.DOWN,
    "CONDITION_PENDING": State.STARTING,
    "CONDITION_RECONCILING": State.STARTING,
    "STATE_UNSPECIFIED": State.UNKNOWN,
}


class GcpRun(RegionalCheck):
    """A service of Cloud Run. What the API says judges its deployment; whether its containers live, its logs say."""

    kind: Literal["gcp_run"]
    service: str = Field(min_length=1, max_length=63)
    logs: bool = Field(True, description="read from Cloud Logging why a failing revision dies")

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        return self.gcloud("run", "services", "describe", self.service, f"--region={self.in_region}")

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        answer = await self.read(context, run_services(self.in_project, self.in_region))
        found = self.pick(answer, "services", self.service, "Cloud Run service", self.place)
        context.facts.update(facts_of(found))
        finding = judge(found)
        if finding.health in (State.DOWN, State.DEGRADED):
            finding = with_conditions(finding, await self._revision(context, found))
        if self.logs:
            failing = finding.health in (State.DOWN, State.DEGRADED) or context.investigating
            logs = RevisionLogs(context, reader_of(context, self.endpoint), *self._place, self.cache)
            crash = await logs.crash(self.service, looked_at(found), failing=failing)
            context.facts.update(facts_of_crash(crash))
            finding = with_crash(finding, crash)
        finding.conclude()

    @property
    def _place(self) -> tuple[str, str]:
        return self.in_project, self.in_region

    async def _revision(self, context: ProbeContext, service: Resource) -> Resource:
        """The newest revision; without it, the condition of the service says less."""
        name = short_name(service.get("latestCreatedRevision"))
        try:
            wanted = run_revision(self.in_project, self.in_region, self.service, name)
            return (await self.read(context, wanted)).document
        except ApiFailed as error:
            context.log(f"revision {name} cannot be read: {error.detail}")
            return {}


def looked_at(service: Resource) -> str:
    """The revision whose logs say why: the newest one after a failed deployment, else the one that serves."""
    created = short_name(service.get("latestCreatedRevision"))
    if created != short_name(service.get("latestReadyRevision")):
        return created
    traffic = traffic_of(service)
    return max(traffic, key=lambda name: traffic[name]) if traffic else created


def traffic_of(service: Resource) -> dict[str, int]:
    """The percentage of each revision that serves; LATEST is the latest *ready* one."""
    shares: dict[str, int] = {}
    for target in service.get("trafficStatuses") or ():
        latest = target.get("type") == _LATEST
        name = short_name(service.get("latestReadyRevision") if latest else target.get("revision"))
        if (percent := target.get("percent", 0)) and name:
            shares[name] = shares.get(name, 0) + percent
    return shares


def startup_budget(service: Resource) -> float:
    """Seconds that its startup probe allows; the two parts add up, as one reading of the documentation says."""
    containers = fields(service, "template", "containers") or [{}]
    ingress = next((one for one in containers if one.get("ports")), containers[0])
    probe = ingress.get("startupProbe")
    if probe is None:
        return float(_TCP_PROBE)
    periods = probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
    return float(probe.get("initialDelaySeconds", 0) + periods)


def facts_of(service: Resource) -> dict[str, Any]:
    """What is shown of a service, whatever its state."""
    created, ready = (short_name(service.get(f"latest{which}Revision")) for which in ("Created", "Ready"))
    scaling = [fields(service, *path, "scaling", "maxInstanceCount") for path in ((), ("template",))]
    traffic = traffic_of(service)
    return {
        "revision": created,
        "ready": bool(created) and created == ready,
        "traffic": traffic,
        "old_traffic": bool(traffic) and created == ready and ready not in traffic,
        "generation": whole_number(service.get("generation")),
        "reconciling": bool(service.get("reconciling")),
        Fact.CLOUD_STARTUP_BUDGET: startup_budget(service),
        Fact.CLOUD_MAX_INSTANCES: min((limit for limit in scaling if limit), default=_MAX_INSTANCES),
    }


def judge(service: Resource) -> Finding:
    """The finding from the fields of a service alone."""
    if service.get("ingress") == "INGRESS_TRAFFIC_NONE":
        return Finding(State.DOWN, "ingress is INGRESS_TRAFFIC_NONE: no request reaches it")
    created, ready = (short_name(service.get(f"latest{which}Revision")) for which in ("Created", "Ready"))
    condition = service.get("terminalCondition") or {}
    health = _STATES.get(str(condition.get("state")), State.UNKNOWN)
    if health == State.UNKNOWN:
        return Finding(health, f"terminalCondition.state is {condition.get('state', 'absent')}")
    if health == State.UP and created == ready and not service.get("reconciling"):
        return Finding(State.UP)
    why = _why(condition)
    if health == State.DOWN:
        if ready and ready != created:
            return Finding(State.DEGRADED, f"revision {created} is not ready: {why}; {ready} still serves")
        if ready:
            return Finding(State.DEGRADED, f"revision {ready} is ready, the service is not: {why}")
        return Finding(State.DOWN, f"revision {created or 'none'} is not ready, and no other serves: {why}")
    if ready:
        return Finding(State.UP)  # the ready one serves while another is rolled out
    return Finding(State.STARTING, f"revision {created or 'none'} is being deployed: {why}")


def with_conditions(finding: Finding, revision: Resource) -> Finding:
    """The finding with what the newest revision says of itself, and whose fault that is."""
    conditions: Sequence[Resource] = revision.get("conditions") or ()
    ready: Resource = next((one for one in conditions if one.get("type") == "Ready"), {})
    reason = str(ready.get("reason") or ready.get("revisionReason") or "")
    if finding.health == State.DOWN and ready.get("revisionReason") in STARTING:
        return Finding(State.STARTING, f"{finding.detail}; {_why(ready)}")
    if ready.get("state") != "CONDITION_FAILED" or not reason:
        return finding
    fault = f"; at fault: {OWNERS[reason]}" if reason in OWNERS else ""
    return Finding(finding.health, f"{finding.detail}; {_why(ready)}{fault}", finding.reason)


def with_crash(finding: Finding, crash: Crash) -> Finding:
    """The finding with the crash line first. A crash loop is down, also where the API says that it was deployed."""
    if crash.lost and finding.health == State.UP:
        return Finding(State.UNKNOWN, f"it crash-looped when its logs could be read; {crash.text}")
    if crash.exits is None:
        return Finding(finding.health, f"{finding.detail}; {crash.text}", finding.reason) if crash.text else finding
    if finding.health == State.DOWN:
        return Finding(State.DOWN, f"{crash.text}; {finding.detail}", crash.exits.reason)
    if finding.health == State.DEGRADED:
        return Finding(State.DEGRADED, f"{crash.text}; {finding.detail}", finding.reason)
    if crash.looping:
        return Finding(State.DOWN, f"{crash.text}; the API says that it is deployed", crash.exits.reason)
    return finding


def facts_of_crash(crash: Crash) -> dict[str, Any]:
    """Where the crash line is from."""
    if crash.exits is None:
        return {"logs": crash.unread} if crash.unread else {}
    return {"exits": crash.exits.count, "crash": crash.text, **(crash.cause.facts if crash.cause else {})}


def _why(condition: Resource) -> str:
    words = [condition.get("reason") or condition.get("revisionReason"), condition.get("message")]
    return ": ".join(str(word)[:200] for word in words if word) or str(condition.get("state", "no condition"))
