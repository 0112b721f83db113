"""Error answers of Google's APIs: which Reason each has, in words, and how long to stay away.

None of them says anything about the component: https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.exchange import Response
from staging_exporter.net.http import retry_after

_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")
_LONGEST = 3600.0  # seconds that an API can keep us away
_SHOWN = 160  # characters of a message
# The project of gcloud's own OAuth client: a user's login without a quota project.
_GCLOUD = "projects/764086051850"


class ApiFailed(ProbeFailed):
    """A read that failed. `wait` are seconds in which the API must not be asked; `status` is 0 without an answer."""

    def __init__(self, reason: Reason, detail: str, wait: float = 0.0, status: int = 0) -> None:
        super().__init__(reason, detail)
        self.wait = wait
        self.status = status


def refusal(host: str, response: Response) -> ApiFailed:
    """What an answer other than 200 means; `host` is the API."""
    error = _error(response)
    info = next(_details(error, "ErrorInfo"), {})
    why, metadata = str(info.get("reason", "")), info.get("metadata") or {}
    message = str(error.get("message") or response.text)[:_SHOWN].strip()
    status = response.status
    text = f"{host}: {status}{f' {why}' if why else ''}: {message}"
    if status == 429 or _is_compute_quota(error):
        wait = _wait(error, response)
        text = f"{host}: {status}: too many requests, next one in {wait:.0f} s: {message}"
        return ApiFailed(Reason.RATE_LIMITED, text, wait, status)
    if status == 403:
        return ApiFailed(*_forbidden(host, why, metadata, text), status=status)
    if status == 401:
        return ApiFailed(Reason.CREDENTIALS, f"{host}: 401: the access token is not accepted: {message}", status=status)
    if status == 400:
        return ApiFailed(Reason.PROBE_ERROR, text, status=status)
    return ApiFailed(Reason.NO_EVIDENCE, text, status=status)


def _forbidden(host: str, why: str, metadata: dict[str, Any], text: str) -> tuple[Reason, str]:
    """The four meanings of 403 but the quota of Compute Engine."""
    consumer = str(metadata.get("consumer", ""))
    if why == "SERVICE_DISABLED" and consumer == _GCLOUD:
        cure = "gcloud auth application-default set-quota-project PROJECT"
        return Reason.CREDENTIALS, f"{host}: 403: the user's login has no quota project; run: {cure}"
    if why == "SERVICE_DISABLED":
        project = consumer.removeprefix("projects/") or "PROJECT"
        cure = f"gcloud services enable {metadata.get('service', host)} --project {project}"
        return Reason.NO_EVIDENCE, f"{host}: 403: the API is not enabled; to enable it: {cure}"
    if why == "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
        return Reason.CREDENTIALS, f"{host}: 403: the token lacks the scope cloud-platform: check the scopes of the VM"
    if permission := metadata.get("permission"):
        at = f" on {metadata['resource']}" if "resource" in metadata else ""
        return Reason.CREDENTIALS, f"{host}: 403: permission {permission} is missing{at}"
    return Reason.CREDENTIALS, text


def _is_compute_quota(error: dict[str, Any]) -> bool:
    """Compute Engine answers 403 when its quota is used up: https://cloud.google.com/compute/api-quota."""
    listed = error.get("errors")
    reasons = [one.get("reason") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return bool({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"} & set(reasons))


def _wait(error: dict[str, Any], response: Response) -> float:
    """RetryInfo, else Retry-After, else until the next full minute, when quotas of a minute begin anew."""
    for info in _details(error, "RetryInfo"):
        if match := _DURATION.fullmatch(str(info.get("retryDelay", ""))):
            return min(_LONGEST, float(match[1]))
    asked = retry_after(response)
    return min(_LONGEST, asked) if asked is not None else 60.0 - time.time() % 60.0


def _error(response: Response) -> dict[str, Any]:
    try:
        found = response.document["error"]
    except (ValueError, TypeError, LookupError):
        return {}
    return found if isinstance(found, dict) else {}


def _details(error: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """The details of this type of google.rpc."""
    listed = error.get("details")
    for detail in listed if isinstance(listed, list) else []:
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith(f"google.rpc.{kind}"):
            yield detail
