"""The options `google_id_token` and `google_access_token` of `auth`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

from pydantic import Field, model_validator

from staging_exporter.net.context import ProbeContext
from staging_exporter.net.google import time_to_wait, tokens_of
from staging_exporter.net.google_credentials import CLOUD_PLATFORM, Wanted, require_google_auth
from staging_exporter.options.model import Listed, Model

Account = Annotated[str, Field(pattern=r"^[^@/\s]+@[^@/\s]+$")]


class _GoogleToken(Model):
    """A token of Application Default Credentials: a file, or the service account that the exporter runs as."""

    service_account: Account | None = Field(None, description="the account to impersonate")

    @model_validator(mode="after")
    def _with_the_extra(self) -> _GoogleToken:
        require_google_auth()
        return self

    @property
    @abstractmethod
    def wanted(self) -> Wanted:
        """Which token that is."""

    async def token(self, context: ProbeContext) -> str:
        """The token, masked from now on; phase `token`. Raises ProbeFailed (`credentials`)."""
        with context.phase("token"):
            token = await tokens_of(context).token(self.wanted, time_to_wait(context))
        context.secrets.add(token)
        return token

    def refused(self, context: ProbeContext) -> None:
        """The target answered 401: the next run sends a new token."""
        tokens_of(context).forget(self.wanted)


class GoogleIdToken(_GoogleToken):
    """For Cloud Run and IAP: https://cloud.google.com/run/docs/authenticating/service-to-service."""

    audience: str = Field(min_length=1, description="URL of the Cloud Run service, or client ID of IAP")

    @property
    def wanted(self) -> Wanted:
        """An identity token."""
        return Wanted(audience=self.audience, account=self.service_account or "")


class GoogleAccessToken(_GoogleToken):
    """For the APIs of Google Cloud, such as Cloud Monitoring."""

    scopes: Listed[str] = Field((CLOUD_PLATFORM,), min_length=1)

    def more(self, context: ProbeContext) -> dict[str, str]:
        """Headers that go with the token."""
        return {} if self.service_account else tokens_of(context).quota_headers

    @property
    def wanted(self) -> Wanted:
        """An access token."""
        return Wanted(tuple(self.scopes), account=self.service_account or "")
