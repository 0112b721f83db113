"""How an API of the fake misbehaves: each trouble is an answer that is not about the resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_TYPE = "type.googleapis.com/google.rpc."


def error(status: int, name: str, message: str, *details: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    """An error as Google's APIs answer it: https://cloud.google.com/apis/design/errors."""
    body: dict[str, Any] = {"code": status, "message": message, "status": name, **more}
    if details:
        body["details"] = list(details)
    return status, {"error": body}


def info(reason: str, **metadata: str) -> dict[str, Any]:
    """google.rpc.ErrorInfo."""
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": metadata}


def unauthorized(_host: str, _project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """401: the token has expired or is none."""
    text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
    return error(401, "UNAUTHENTICATED", text, info("ACCESS_TOKEN_EXPIRED"))


def forbidden(_host: str, project: str, permission: str) -> tuple[int, dict[str, Any]]:
    """403: a permission was taken away."""
    resource = f"projects/{project}"
    text = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    return error(
        403, "PERMISSION_DENIED", text, info("IAM_PERMISSION_DENIED", permission=permission, resource=resource)
    )


def disabled(host: str, project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """403: the API is not enabled in the project."""
    text = f"{host} has not been used in project {project} before or it is disabled."
    consumer = f"projects/{project}"
    return error(403, "PERMISSION_DENIED", text, info("SERVICE_DISABLED", service=host, consumer=consumer))


def scopes(_host: str, _project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """403: the VM has other scopes."""
    text = "Request had insufficient authentication scopes."
    return error(403, "PERMISSION_DENIED", text, info("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))


def compute_quota(_host: str, _project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """403: how Compute Engine says that its quota is used up."""
    text = "Quota exceeded for quota group 'ReadGroup'"
    listed = [{"message": text, "domain": "usageLimits", "reason": "rateLimitExceeded"}]
    return 403, {"error": {"code": 403, "message": text, "errors": listed}}


def throttled(host: str, project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """429 with RetryInfo."""
    text = f"Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of service '{host}'"
    quota = info("RATE_LIMIT_EXCEEDED", quota_limit="ReadRequestsPerMinutePerProject", consumer=f"projects/{project}")
    return error(429, "RESOURCE_EXHAUSTED", text, quota, {"@type": f"{_TYPE}RetryInfo", "retryDelay": "23s"})


def throttled_plainly(host: str, _project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """429 without a word on how long."""
    return error(429, "RESOURCE_EXHAUSTED", f"Quota exceeded for {host}", info("RATE_LIMIT_EXCEEDED"))


def absent(_host: str, project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """404: the project or the region."""
    return error(404, "NOT_FOUND", f"Project '{project}' not found or permission denied.")


def broken(_host: str, _project: str, _permission: str) -> tuple[int, dict[str, Any]]:
    """500."""
    return error(500, "INTERNAL", "Internal error encountered.")


ANSWERS: Mapping[str, Callable[[str, str, str], tuple[int, dict[str, Any]]]] = {
    "unauthorized": unauthorized,
    "forbidden": forbidden,
    "disabled": disabled,
    "scopes": scopes,
    "compute-quota": compute_quota,
    "throttled": throttled,
    "throttled-plainly": throttled_plainly,
    "absent": absent,
    "broken": broken,
}
# Troubles of the connection, and an answer that says that something is missing in it.
OTHERS = ("silent", "html", "half", "partial", "hangs-up")
TROUBLES = (*ANSWERS, *OTHERS)
