"""The read-only role: every permission that drafting, comparing and the kinds `gcp_*` use; none reads a secret."""

from __future__ import annotations

ROLE = "stagingExporter"
PERMISSIONS = (
    "certificatemanager.certmapentries.list",
    "certificatemanager.certs.list",
    "cloudsql.instances.get",
    "cloudsql.instances.list",
    "compute.backendServices.get",
    "compute.backendServices.list",
    "compute.forwardingRules.list",
    "compute.globalForwardingRules.list",
    "compute.networkEndpointGroups.list",
    "compute.regionBackendServices.get",
    "compute.regionBackendServices.list",
    "compute.regionNetworkEndpointGroups.list",
    "compute.routers.list",
    "compute.sslCertificates.list",
    "compute.targetHttpProxies.list",
    "compute.targetHttpsProxies.list",
    "compute.urlMaps.list",
    "logging.logEntries.list",
    "monitoring.timeSeries.list",
    "monitoring.uptimeCheckConfigs.list",
    "redis.clusters.list",
    "redis.instances.list",
    "run.revisions.get",
    "run.revisions.list",
    "run.services.list",
    "vpcaccess.connectors.list",
)


def grant_command(project: str, member: str = "serviceAccount:ACCOUNT") -> str:
    """One line for a shell: makes the role in the project and gives it to the account of the exporter."""
    return (
        f"gcloud iam roles create {ROLE} --project {project} --permissions {','.join(PERMISSIONS)} && "
        f"gcloud projects add-iam-policy-binding {project} --member {member} "
        f"--role projects/{project}/roles/{ROLE} --condition None"
    )


def role_file() -> str:
    """The role as the file that `gcloud iam roles create --file` takes."""
    lines = [
        "# The role of staging-exporter: reads of metadata alone. It reads no secret and changes nothing.",
        f"# gcloud iam roles create {ROLE} --project PROJECT --file role.yaml",
        "title: staging-exporter",
        "description: Reads Cloud Run, Cloud SQL, Redis, connectors, load balancers, certificates, logs and metrics",
        "stage: GA",
        "includedPermissions:",
    ]
    return "\n".join([*lines, *(f"- {name}" for name in PERMISSIONS), ""])
