"""Why components are unknown, in words: for the verdict, and for the status page."""

from __future__ import annotations

from collections.abc import Mapping

from staging_exporter.core.model import Reason

# What keeps the exporter from seeing a component; without a phrase it has simply not been seen yet.
PHRASES: Mapping[str, str] = {
    Reason.RATE_LIMITED: "rate limited, 429",
    Reason.RESOLVER: "the name server fails",
    Reason.OFFLINE: "the exporter is offline",
    Reason.CREDENTIALS: "the exporter's own credentials fail",
    Reason.PROBE_ERROR: "a fault of the exporter or its options",
}
# What to do about it.
REMEDIES: Mapping[str, str] = {
    Reason.RATE_LIMITED: "The host answers 429 and is asked again when Retry-After has passed. Lower "
    "limits.requests_per_minute, use longer intervals, or let the host admit the exporter.",
    Reason.RESOLVER: "The name server of the exporter did not answer, or with SERVFAIL. Ask it yourself: dig NAME.",
    Reason.OFFLINE: "All vantage checks fail. Look at the network of the exporter's machine first.",
    Reason.CREDENTIALS: "The exporter got no valid token or key for its request. Look at its auth options and secrets.",
    Reason.PROBE_ERROR: "The run says nothing about the component. The detail names the option, file or stall.",
    Reason.NO_EVIDENCE: "There is nothing to judge: no run yet, no report, or a report that is too old or empty.",
}
