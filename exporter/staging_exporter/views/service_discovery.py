"""Snapshot -> the document of http_sd of Prometheus: what can be probed on demand.

https://prometheus.io/docs/prometheus/latest/http_sd/
"""

from __future__ import annotations

from typing import TypedDict

from staging_exporter.core.snapshot import Snapshot


class Targets(TypedDict):
    """Targets with the same labels; those that begin with `__meta_` are for relabelling alone."""

    targets: list[str]
    labels: dict[str, str]


def sd_targets(snapshot: Snapshot) -> list[Targets]:
    """One entry for each component with a check: its name, for `__param_component`."""
    return [
        {
            "targets": [name],
            "labels": {
                "__meta_staging_environment": snapshot.environment,
                "__meta_staging_kind": status.component.kind,
                "__meta_staging_layer": str(status.component.layer),
                "__meta_staging_priority": str(status.component.priority),
                **{f"__meta_staging_label_{label}": value for label, value in status.component.labels.items()},
            },
        }
        for name, status in snapshot.components.items()
        if not status.component.latent
    ]
