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
