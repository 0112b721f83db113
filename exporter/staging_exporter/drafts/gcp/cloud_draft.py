"""The draft of a project of Google Cloud."""

from __future__ import annotations

from dataclasses import dataclass, field

from staging_exporter.drafts.parts import Draft


@dataclass
class CloudDraft(Draft):
    """What is drafted for one project and region. `shared` are hosts behind one load balancer."""

    project: str = ""
    region: str = ""
    shared: list[list[str]] = field(default_factory=list)
