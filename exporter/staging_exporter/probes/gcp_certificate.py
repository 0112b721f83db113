"""Kind `gcp_certificate`: a certificate of Compute Engine or Certificate Manager, domain by domain."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.answers import Answer, short_name, unix_time
from staging_exporter.evidence.google.check import Finding, GoogleCheck, absent, fields
from staging_exporter.evidence.google.reads import certificates, compute
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.tokens import date_of
from staging_exporter.options.model import PositiveDuration

Resource = Mapping[str, Any]

_DAY = 86400.0
_MOST = 50  # names in a fact
# Of a managed certificate of Compute Engine, and of Certificate Manager.
STATES = {
    "ACTIVE": State.UP,
    "PROVISIONING": State.STARTING,
    "PROVISIONING_FAILED": State.DOWN,
    "PROVISIONING_FAILED_PERMANENTLY": State.DOWN,
    "RENEWAL_FAILED": State.DEGRADED,  # the old one serves until its end
    "FAILED": State.DOWN,
    "MANAGED_CERTIFICATE_STATUS_UNSPECIFIED": State.UNKNOWN,
    "STATE_UNSPECIFIED": State.UNKNOWN,
}
DOMAINS = {
    "FAILED_NOT_VISIBLE": "its DNS does not point to the load balancer, or no proxy uses the certificate",
    "FAILED_CAA_CHECKING": "its CAA record cannot be read",
    "FAILED_CAA_FORBIDDEN": "its CAA record forbids the authority",
    "FAILED_RATE_LIMITED": "the authority limits new certificates",
    "CONFIG": "its DNS authorization or load balancer is not set up",
    "CAA": "its CAA record forbids the authority",
    "RATE_LIMITED": "the authority limits new certificates",
}


class GcpCertificate(GoogleCheck):
    """A certificate by its name. What a client is shown is what kind `tls` is for."""

    kind: Literal["gcp_certificate"]
    name: str = Field(min_length=1, max_length=63)
    expires_within: PositiveDuration = Field(14 * _DAY, description="degraded when it ends sooner than this")

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        return self.gcloud("certificate-manager", "certificates", "describe", self.name)

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        found, answers = None, []
        for wanted, key in (
            (compute(self.in_project, "sslCertificates"), "sslCertificates"),
            (certificates(self.in_project), "certificates"),
        ):
            answers.append(await self.read(context, wanted))
            found = next((one for one in answers[-1].items(key) if short_name(one.get("name")) == self.name), None)
            if found is not None:
                break
        if found is None:
            incomplete = "; ".join(answer.missing for answer in answers if answer.missing)
            absent(f"certificate {self.name}", f"project {self.in_project}", Answer({}, incomplete)).conclude()
            return
        context.facts.update(facts_of(found))
        judge(found, time.time(), self.expires_within).conclude()


def _status(certificate: Resource) -> str:
    managed = certificate.get("managed") or {}
    return str(managed.get("status") or managed.get("state") or "")


def _failing_domains(certificate: Resource) -> dict[str, str]:
    """Domains that are not active, and why."""
    managed = certificate.get("managed") or {}
    failing = {
        str(domain): str(status)
        for domain, status in (managed.get("domainStatus") or {}).items()
        if status not in ("ACTIVE", "PROVISIONING")
    }
    for attempt in managed.get("authorizationAttemptInfo") or ():
        if attempt.get("state") == "FAILED":
            failing[str(attempt.get("domain"))] = str(attempt.get("failureReason", "FAILED"))
    return failing


def facts_of(certificate: Resource) -> dict[str, Any]:
    """What is shown of a certificate: its end also as that of a certificate that was seen."""
    names = certificate.get("subjectAlternativeNames") or certificate.get("sanDnsnames")
    names = names or fields(certificate, "managed", "domains")
    facts: dict[str, Any] = {
        "managed": bool(certificate.get("managed")),
        "names": list(names or ())[:_MOST],
        "certificate_status": _status(certificate),
        "failing_domains": _failing_domains(certificate),
    }
    if (end := unix_time(certificate.get("expireTime"))) is not None:
        facts |= {Fact.TLS_NOT_AFTER: end, Fact.TLS_CHAIN_NOT_AFTER: end}
    return facts


def judge(certificate: Resource, now: float, expires_within: float = 14 * _DAY) -> Finding:
    """The finding from the fields of a certificate."""
    end, status = unix_time(certificate.get("expireTime")), _status(certificate)
    why = "".join(
        f"; {domain}: {reason}{f', {DOMAINS[reason]}' if reason in DOMAINS else ''}"
        for domain, reason in _failing_domains(certificate).items()
    )
    if end is not None and end <= now:
        return Finding(
            State.DOWN, f"it expired on {date_of(end)}; status is {status or 'absent'}{why}", Reason.TLS_EXPIRED
        )
    health = STATES.get(status, State.UNKNOWN) if certificate.get("managed") else State.UP
    if health == State.STARTING and end is not None:
        return Finding(State.UP)  # Certificate Manager also says so while it renews one that is valid
    if health in (State.DOWN, State.STARTING, State.UNKNOWN):
        return Finding(health, f"status is {status or 'absent'}{why}")
    if health == State.UP and end is None:
        return Finding(State.UNKNOWN, "it does not say when it ends")
    ending = end is not None and end - now < expires_within
    if health == State.DEGRADED or ending or why:
        ends = f", it ends on {date_of(end)}" if end is not None else ""
        return Finding(State.DEGRADED, f"status is {status or 'not managed'}{ends}{why}")
    return Finding(State.UP)
