"""A draft of Google Cloud as the text of a configuration: each edge with the field that it came from."""

from __future__ import annotations

from staging_exporter.drafts.gcp.cloud_draft import CloudDraft
from staging_exporter.drafts.gcp.role import grant_command
from staging_exporter.drafts.text import DEFAULTS, VANTAGE, components, flow, remarks

_HEAD = """\
# Drafted by `staging-exporter init --from gcp {project}` from what is deployed.
# Each edge names the field that it came from; "a hint" is a plain environment variable. What only a person knows is
# missing: journeys, owners, credentials, what a right answer contains. To see later what changed in the cloud:
# staging-exporter validate --against gcp FILE
# It is meant for an exporter behind the VPC connector (deploy/cloud-run): elsewhere, private addresses do not answer.
# The account of the exporter needs this role:
# {grant}
environment: {project}
google: {{project: {project}{region}}}
{defaults}
"""


def render(draft: CloudDraft) -> str:
    """The text of the file; it ends in a line end."""
    region = f", region: {draft.region}" if draft.region else ""
    project, grant = flow(draft.project), grant_command(draft.project)
    lines = [_HEAD.format(project=project, region=region, grant=grant, defaults=DEFAULTS)]
    if shared := [hosts for hosts in draft.shared if len(hosts) > 1]:
        lines.append("# Hosts behind one load balancer share the limits of its security policy.")
        lines.append(f"limits: {flow({'shared': shared})}\n")
    lines += [VANTAGE, *components(draft.parts.values())]
    lines += remarks("To look at", draft.notes)
    lines += remarks("Could not be seen, so what is missing above may exist", draft.unseen)
    return "\n".join(lines)
