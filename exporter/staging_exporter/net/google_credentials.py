"""Application Default Credentials of Google Cloud, by google-auth: a token from whatever this machine is given.

Everything here blocks: it runs in a thread. https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.google_transport import GoogleTransport
from staging_exporter.net.tokens import token_end

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_AWS = "urn:ietf:params:aws:token-type:aws4_request"
_LIFETIME = 3600.0  # seconds of a token that does not say when it ends
_NOT_JSON = "is not a JSON object"


class Wanted(NamedTuple):
    """A token: of access when it has `scopes`, else of identity for an `audience`; of `account`, by impersonation."""

    scopes: tuple[str, ...] = ()
    audience: str = ""
    account: str = ""


class Token(NamedTuple):
    """A token, the Unix time at which it ends, and the project whose quota its requests use, empty for its own."""

    text: str
    end: float
    quota_project: str = ""


def require_google_auth() -> None:
    """Raises ValueError when the extra `gcp` is not installed."""
    if any(find_spec(name) is None for name in ("google", "requests")) or find_spec("google.auth") is None:
        raise ValueError("tokens of Google Cloud need the extra gcp: pip install 'staging-exporter[gcp]'")


def mint(wanted: Wanted, transport: GoogleTransport) -> Token:
    """A new token. Raises ProbeFailed, always `credentials`."""
    try:
        require_google_auth()
    except ValueError as error:
        raise ProbeFailed(Reason.CREDENTIALS, str(error)) from None
    try:
        info = _read_file()
        if wanted.account or (wanted.audience and _kind(info) in _MINTED):
            return _impersonated(wanted, info, transport)
        if wanted.audience:
            return _identity(wanted.audience, info, transport)
        return _access(wanted, info, transport)._replace(quota_project=_quota_project(info))
    except ProbeFailed:
        raise
    except Exception as error:  # google-auth raises also TypeError and KeyError for an answer that it does not expect
        raise ProbeFailed(Reason.CREDENTIALS, _in_words(error)) from None


def _in_words(error: Exception) -> str:
    text = str(error.args[0] if error.args else "") or type(error).__name__
    return f"google-auth: {text}" if isinstance(error, ValueError) else f"google-auth: {type(error).__name__}: {text}"


def _file() -> Path | None:
    """The file with credentials, None for the metadata server."""
    if path := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return Path(path)
    folder = os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud"
    login = Path(folder) / "application_default_credentials.json"
    return login if login.is_file() else None


def _read_file() -> Mapping[str, Any] | None:
    if (file := _file()) is None:
        return None
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProbeFailed(Reason.CREDENTIALS, f"credentials file {file}: {error.strerror}") from None
    except ValueError:
        info = None
    if not isinstance(info, dict):
        raise ProbeFailed(Reason.CREDENTIALS, f"credentials file {file} {_NOT_JSON}")
    if "private_key" in info and not _is_private_key(info["private_key"]):
        raise ProbeFailed(Reason.CREDENTIALS, f"credentials file {file}: private_key is not a private key in PEM")
    return info


def _is_private_key(text: object) -> bool:
    """Whether it can be loaded: the words of google-auth for one that cannot change with its version."""
    try:
        load_pem_private_key(str(text).encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        return False
    return True


def _quota_project(info: Mapping[str, Any] | None) -> str:
    """A person's login has no project of its own: `gcloud auth application-default set-quota-project` writes one."""
    return os.environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or str((info or {}).get("quota_project_id") or "")


def _kind(info: Mapping[str, Any] | None) -> str:
    return str(info.get("type")) if info is not None else ""


_MINTED = frozenset({"external_account", "impersonated_service_account"})  # google-auth makes no ID tokens of these


def _access(wanted: Wanted, info: Mapping[str, Any] | None, transport: GoogleTransport) -> Token:
    credentials = _credentials(info, list(wanted.scopes))
    credentials.refresh(transport)
    return _token(credentials)


def _token(credentials: Any) -> Token:
    end = credentials.expiry.replace(tzinfo=UTC).timestamp() if credentials.expiry else time() + _LIFETIME
    if not isinstance(credentials.token, str) or not credentials.token:
        raise ProbeFailed(Reason.CREDENTIALS, "google-auth gave no token")
    return Token(credentials.token.strip(), end)


def _credentials(info: Mapping[str, Any] | None, scopes: list[str]) -> Any:
    match _kind(info):
        case "":
            from google.auth import compute_engine

            return compute_engine.Credentials(scopes=scopes)
        case "service_account":
            from google.oauth2 import service_account

            return service_account.Credentials.from_service_account_info(info, scopes=scopes)
        case "authorized_user":
            from google.oauth2 import credentials

            return credentials.Credentials.from_authorized_user_info(info)
        case "external_account":
            return _federated(info or {}, scopes)
        case "external_account_authorized_user":
            from google.auth import external_account_authorized_user

            return external_account_authorized_user.Credentials.from_info(info)
        case "impersonated_service_account":
            from google.auth import impersonated_credentials as impersonated

            return impersonated.Credentials.from_impersonated_service_account_info(dict(info or {}), scopes=scopes)
        case other:
            raise ProbeFailed(Reason.CREDENTIALS, f"credentials of type {other!r} are not supported")


def _federated(info: Mapping[str, Any], scopes: list[str]) -> Any:
    if info.get("subject_token_type") == _AWS:
        from google.auth import aws

        return aws.Credentials.from_info(info, scopes=scopes)
    if "executable" in (info.get("credential_source") or {}):
        from google.auth import pluggable

        return pluggable.Credentials.from_info(info, scopes=scopes)
    from google.auth import identity_pool

    return identity_pool.Credentials.from_info(info, scopes=scopes)


def _identity(audience: str, info: Mapping[str, Any] | None, transport: GoogleTransport) -> Token:
    match _kind(info):
        case "":
            from google.auth import compute_engine

            made = compute_engine.IDTokenCredentials(transport, audience, use_metadata_identity_endpoint=True)
        case "service_account":
            from google.oauth2 import service_account

            made = service_account.IDTokenCredentials.from_service_account_info(info, target_audience=audience)
        case "authorized_user":
            hint = "the login of a person has no identity tokens: name a service account to impersonate"
            raise ProbeFailed(Reason.CREDENTIALS, hint)
        case other:
            raise ProbeFailed(Reason.CREDENTIALS, f"credentials of type {other!r} have no identity tokens")
    made.refresh(transport)
    return _token(made)


def _impersonated(wanted: Wanted, info: Mapping[str, Any] | None, transport: GoogleTransport) -> Token:
    """A token of a service account, asked for with the credentials of this machine.

    google-auth has no identity tokens for workload identity federation; it does this with a session of its own.
    https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken
    """
    account, source = wanted.account, dict(info or {})
    delegates: list[str] = []
    if not account:
        account = _target(source)
        delegates = source.get("delegates") or []
        if _kind(info) == "impersonated_service_account":
            source = source.get("source_credentials") or {}
        else:
            source.pop("service_account_impersonation_url", None)
    token = _access(Wanted((CLOUD_PLATFORM,)), source or None, transport).text
    if wanted.audience:
        body: dict[str, Any] = {"audience": wanted.audience, "includeEmail": True}
    else:
        body = {"scope": list(wanted.scopes), "lifetime": f"{_LIFETIME:.0f}s"}
    method, field = ("generateIdToken", "token") if wanted.audience else ("generateAccessToken", "accessToken")
    body |= {"delegates": delegates} if delegates else {}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = json.loads(transport(f"{_IAM}/{account}:{method}", "POST", json.dumps(body).encode(), headers).data)
    made = answer[field]
    if not isinstance(made, str) or not made:
        raise ProbeFailed(Reason.CREDENTIALS, f"{method} gave no token")
    return Token(made, token_end(made) or time() + _LIFETIME)


def _target(info: Mapping[str, Any]) -> str:
    url = str(info.get("service_account_impersonation_url") or "")
    account = url.rpartition("/")[2].partition(":")[0]
    if not account:
        hint = "a federated identity has no identity tokens of its own: name a service account to impersonate"
        raise ProbeFailed(Reason.CREDENTIALS, hint)
    return account
