"""What a reason means and where to look first: for the status page and the runbooks of root causes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from staging_exporter.core.model import Reason


class Advice(NamedTuple):
    """What was seen, and where to look first."""

    meaning: str
    look: str


ADVICE: Mapping[Reason, Advice] = {
    Reason.OK: Advice("The check passed.", "Nothing is to be done."),
    Reason.DNS: Advice(
        "The name does not exist, or has no address.",
        "Look at the record, at spelling variants with a dash or a dot, and at what removes records: an operator, "
        "a service without ready pods, an expired domain.",
    ),
    Reason.REFUSED: Advice(
        "Nothing listens at the address.",
        "Is the process running? Did its port or address change? Look at its last lines of log before it ended.",
    ),
    Reason.UNREACHABLE: Advice(
        "There is no route to the address.",
        "Look at routes, peering, VPN and connectors between the exporter and the component, then at firewalls.",
    ),
    Reason.TIMEOUT: Advice(
        "No answer came in time.",
        "A firewall that drops packets shows no connection at all; a process that hangs or is overloaded accepts the "
        "connection and says nothing. The phases of the last run tell the two apart.",
    ),
    Reason.CLOSED: Advice(
        "The peer accepted the connection and hung up.",
        "It, or the load balancer before it, crashed or refuses this client: look at restarts, its log and its limits.",
    ),
    Reason.TLS_EXPIRED: Advice(
        "The certificate has expired.", "Renew it, and look at what should have renewed it: the certificate manager."
    ),
    Reason.TLS_NAME: Advice(
        "The certificate is for other names.",
        "Which server answers here? Look at the certificate that the load balancer serves for this name.",
    ),
    Reason.TLS_UNTRUSTED: Advice(
        "The issuer of the certificate is not trusted.",
        "An intermediate certificate is missing from the chain, or the authority is private: then set tls.ca_file.",
    ),
    Reason.TLS: Advice(
        "The TLS handshake failed.",
        "Look at protocol versions and ciphers of both sides, and whether TLS is spoken at this port at all.",
    ),
    Reason.SERVER_ERROR: Advice(
        "The server answers that it failed (5xx, or close codes 1011 to 1013).",
        "A 502 or 503 of a load balancer means that no backend is ready: look at the start and the health of it. "
        "A 500 is an error of the application: look at its log, by the trace id in the evidence.",
    ),
    Reason.DENIED: Advice(
        "The server refuses our credentials (401, 403, 28P01, NOAUTH).",
        "Were a password, key or role rotated? If dependents are denied as well, it is the account, not the exporter.",
    ),
    Reason.STATUS: Advice(
        "An unexpected status or close code.",
        "A 404 or a redirect often means that another route or another service answers: look at the load balancer.",
    ),
    Reason.CONTENT: Advice(
        "The answer is not what was expected.",
        "Read the evidence: what was seen is beside what was expected. A health body names the part that is unhealthy.",
    ),
    Reason.IDENTITY: Advice(
        "A different service answered.",
        "The route, the name or the load balancer leads to the wrong service: look at the last change of routing.",
    ),
    Reason.PROTOCOL: Advice(
        "What answers does not speak the protocol.",
        "A proxy, a login page or another service is at this address; compare with what answered before.",
    ),
    Reason.SATURATED: Advice(
        "It says that it is full.",
        "Find who holds its connections or instances; end idle ones before you raise the limit.",
    ),
    Reason.SLOW: Advice(
        "The right answer, too late.",
        "Compare the phases of the last run: connect is the network, processing is the server. Then look at its load, "
        "and at what it waits for.",
    ),
    Reason.UNSTABLE: Advice(
        "Too many of the last runs failed, though never several in a row.",
        "One of several instances, addresses or backends is broken: compare the failed runs with those that passed.",
    ),
    Reason.STARTING: Advice(
        "It says that it is starting.", "Wait for its startup budget; look at the log when it restarts again and again."
    ),
    Reason.FAILED: Advice("The test suite or command ran and failed.", "Read which tests failed, or its last output."),
    Reason.INFERRED: Advice(
        "It has no check, or cannot be seen: its dependents began to fail together.",
        "Look at the console of the platform that runs it, and at what its dependents have in common.",
    ),
    Reason.NO_EVIDENCE: Advice(
        "There is nothing to judge: no run, no report, or one that is too old or empty.",
        "Is the suite still running and pushing reports? Look whether its tests skipped themselves.",
    ),
    Reason.RATE_LIMITED: Advice(
        "The host answers 429: the exporter is rate limited, which says nothing about the component.",
        "It is asked again when Retry-After has passed. Lower limits.requests_per_minute, use longer intervals, or "
        "have the exporter admitted.",
    ),
    Reason.RESOLVER: Advice(
        "The name server of the exporter failed: no answer, or SERVFAIL.",
        "Ask it yourself (dig NAME), and look at resolver.servers and its machine.",
    ),
    Reason.OFFLINE: Advice(
        "All vantage checks fail: the exporter sees nothing.", "Look at the network of the exporter's machine first."
    ),
    Reason.CREDENTIALS: Advice(
        "The exporter got no valid token or key for its own request.",
        "Look at the auth options of the check, its secrets, and the token server that the detail names.",
    ),
    Reason.PROBE_ERROR: Advice(
        "A fault of the exporter or of an option of the check, which says nothing about the component.",
        "The detail names the option, file or stall; the log of the exporter has more.",
    ),
    Reason.DISABLED: Advice(
        "The configuration has `enabled: false` for it.",
        "Nothing is probed or concluded; remove the key to watch it again.",
    ),
}
