"""Receivers of alerts, as Alertmanager has them: the option `alerting.receivers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.core.model import Priority
from staging_exporter.options.addresses import WebLink
from staging_exporter.options.model import Listed, Model


def _path(value: object) -> object:
    """`{file: PATH}` -> PATH. Alertmanager reads the file, so that an environment variable of ours would not help."""
    if isinstance(value, dict) and set(value) == {"file"}:
        return value["file"]
    raise ValueError("a secret does not belong in this file: write {file: PATH}, a file that Alertmanager reads")


SecretFile = Annotated[str, BeforeValidator(_path, json_schema_input_type=dict[Literal["file"], str])]


class Service(Model):
    """The base: since which version Alertmanager has it, and what it is called there, if not like its kind."""

    since: ClassVar[str] = "0.25"
    integration: ClassVar[str] = ""

    kind: str


class PagerDuty(Service):
    """PagerDuty's Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: SecretFile


class Slack(Service):
    """An incoming webhook of Slack."""

    kind: Literal["slack"]
    url: SecretFile
    channel: str | None = None


class Opsgenie(Service):
    """Opsgenie's Alert API, whose service ends on 5 April 2027."""

    kind: Literal["opsgenie"]
    key: SecretFile
    api_url: WebLink | None = None


class Webhook(Service):
    """Alertmanager's own JSON, to any URL."""

    kind: Literal["webhook"]
    url: WebLink
    bearer: SecretFile | None = None


class Email(Service):
    """Mail through a server with STARTTLS, or with TLS from the start on port 465."""

    kind: Literal["email"]
    to: str
    sender: str = Field(alias="from")
    server: str = Field(pattern=r"^[^\s:]+:\d+$", description="host:port")
    username: str | None = None
    password: SecretFile | None = None
    starttls: bool = Field(True, description="false for a relay without TLS")

    @model_validator(mode="after")
    def _sealed(self) -> Email:
        if self.password and not self.starttls:
            raise ValueError("a password is not sent in the clear: leave out `password` or `starttls: false`")
        return self


class Teams(Service):
    """A workflow of Microsoft Teams."""

    since = "0.28"
    integration = "msteamsv2"

    kind: Literal["teams"]
    url: SecretFile


class Discord(Service):
    """A webhook of Discord."""

    since = "0.28"  # with the URL in a file

    kind: Literal["discord"]
    url: SecretFile


class Telegram(Service):
    """A bot of Telegram."""

    since = "0.26"  # with the token in a file

    kind: Literal["telegram"]
    token: SecretFile
    chat: int = Field(description="ID of the chat")


class Jira(Service):
    """Issues of Jira."""

    since = "0.28"

    kind: Literal["jira"]
    api_url: WebLink = Field(description="such as https://example.atlassian.net/rest/api/2/")
    project: str
    issue_type: str = "Bug"
    username: str
    token: SecretFile
    resolve_transition: str | None = Field(None, description="name of the transition that closes an issue")
    reopen_transition: str | None = None


class IncidentIo(Service):
    """An alert source of incident.io."""

    since = "0.29"

    kind: Literal["incidentio"]
    url: WebLink
    token: SecretFile


class Mattermost(Service):
    """An incoming webhook of Mattermost."""

    since = "0.30"

    kind: Literal["mattermost"]
    url: SecretFile
    channel: str | None = None


Receiver = PagerDuty | Slack | Opsgenie | Webhook | Email | Teams | Discord | Telegram | Jira | IncidentIo | Mattermost
ReceiverOption = Annotated[Receiver, Field(discriminator="kind")]


class Receivers(Model):
    """Receivers by priority. A priority without receivers uses those of the next more urgent one."""

    P0: Annotated[Listed[ReceiverOption], Field(min_length=1)]
    P1: Listed[ReceiverOption] = ()
    P2: Listed[ReceiverOption] = ()
    watchdog: Listed[ReceiverOption] = Field((), description="a dead man's switch, notified at least every minute")

    @property
    def all(self) -> tuple[Receiver, ...]:
        """Those of every priority, and of the dead man's switch."""
        return (*self.P0, *self.P1, *self.P2, *self.watchdog)

    @property
    def by_priority(self) -> dict[Priority, Sequence[Receiver]]:
        """Who gets the alerts of each priority."""
        p1 = self.P1 or self.P0
        return {Priority.P0: self.P0, Priority.P1: p1, Priority.P2: self.P2 or p1}
