"""Servers that give out tokens of Google Cloud, and files with credentials for them."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.web import Answer, Seen, Web, response

ACCOUNT = "prober@netra-staging.iam.gserviceaccount.com"
IMPERSONATION = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
FLAVOR = {"Metadata-Flavor": "Google"}
_SERVICE = "/computeMetadata/v1/instance/service-accounts/default"


def jwt(lifetime: float = 3600.0, **claims: object) -> str:
    """An unsigned JSON Web Token."""
    parts = ({"alg": "none"}, {"exp": int(time.time() + lifetime), **claims})
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, "c2ln"])


def document(value: object, status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    """A response of JSON."""
    return response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


class Metadata(Web):
    """A metadata server; each token differs, and ends after `lifetime` seconds."""

    def __init__(self, lifetime: float = 3600.0, **routes: Answer) -> None:
        super().__init__({"*": self._answer, **routes})
        self.lifetime = lifetime
        self.given = 0

    def asked(self, what: str) -> list[Seen]:
        """The requests for `token` or `identity`."""
        return [seen for seen in self.seen if urlsplit(seen.target).path == f"{_SERVICE}/{what}"]

    def _answer(self, request: Seen) -> bytes:
        if request.headers.get("metadata-flavor") != "Google":
            return response(403)
        parts = urlsplit(request.target)
        self.given += 1
        match parts.path.rstrip("/").removeprefix(_SERVICE):
            case "":
                return document({"email": ACCOUNT, "scopes": [], "aliases": ["default"]}, headers=FLAVOR)
            case "/token":
                token = {
                    "access_token": f"access-{self.given}",
                    "expires_in": int(self.lifetime),
                    "token_type": "Bearer",
                }
                return document(token, headers=FLAVOR)
            case "/identity":
                token = jwt(self.lifetime, aud=parse_qs(parts.query)["audience"][0], email=ACCOUNT, n=self.given)
                return response(200, token.encode(), {"Content-Type": "text/html", **FLAVOR})
        return response(404, headers=FLAVOR)


class TokenApis(Web):
    """oauth2, sts and iamcredentials under one address, told apart by their Host header."""

    def __init__(self, **routes: Answer) -> None:
        super().__init__({"*": self._answer, **routes})

    def _answer(self, request: Seen) -> bytes:
        method = request.target.rpartition(":")[2] if ":" in request.target else request.target
        match request.headers["host"], method:
            case "oauth2.googleapis.com", "/token":
                form = parse_qs(request.body.decode())
                if refresh := form.get("refresh_token"):
                    return document({"access_token": f"refreshed {refresh[0]}", "expires_in": 3600})
                grant = form["assertion"][0]
                claims = json.loads(base64.urlsafe_b64decode(grant.split(".")[1] + "=="))
                if audience := claims.get("target_audience"):
                    return document({"id_token": jwt(aud=audience, email=claims["iss"])})
                return document({"access_token": f"of-key {claims['scope']}", "expires_in": 3600})
            case "sts.googleapis.com", "/v1/token":
                subject = parse_qs(request.body.decode())["subject_token"][0]
                return document(
                    {
                        "access_token": f"federated-{subject}",
                        "expires_in": 3600,
                        "token_type": "Bearer",
                        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                    }
                )
            case "iamcredentials.googleapis.com", "generateAccessToken":
                end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                return document(
                    {"accessToken": f"impersonated by {request.headers['authorization']}", "expireTime": end}
                )
            case "iamcredentials.googleapis.com", "generateIdToken":
                asked = json.loads(request.body)
                return document(
                    {"token": jwt(aud=asked["audience"], email=ACCOUNT, by=request.headers["authorization"])}
                )
        return document({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}, 404)


@cache
def private_key() -> str:
    """A key of a service account, PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def key_file() -> dict[str, object]:
    """The file of a service account."""
    return {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key_id": "1",
        "private_key": private_key(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def federation_file(source: dict[str, object], *, impersonated: bool = True) -> dict[str, object]:
    """The file of workload identity federation that GitHub's action writes."""
    pool = "projects/123/locations/global/workloadIdentityPools/ci/providers/github"
    found = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{pool}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
    }
    return found | ({"service_account_impersonation_url": IMPERSONATION} if impersonated else {})


def write(folder: Path, value: object) -> str:
    """The path of a file with credentials."""
    path = folder / "credentials.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def claims(token: str) -> dict[str, object]:
    """What a JSON Web Token says."""
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found
