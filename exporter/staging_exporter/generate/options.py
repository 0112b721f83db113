"""The section `alerting` of the configuration: receivers of alerts, and the links in them."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.options.addresses import HttpUrl, WebLink
from staging_exporter.options.auth import Auth
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.proxy import Proxy
from staging_exporter.options.times import ClockText, Day, Zone
from staging_exporter.options.tls import Tls


def _path(value: object) -> object:
    """`{file: PATH}` -> PATH. Alertmanager reads the file, so that an environment variable of ours would not help."""
    if isinstance(value, dict) and set(value) == {"file"}:
        return value["file"]
    raise ValueError("a secret does not belong in this file: write {file: PATH}, a file that Alertmanager reads")


_OWN = frozenset({"alertname", "environment", "component", "layer", "severity", "priority", "role"})
SecretFile = Annotated[str, BeforeValidator(_path, json_schema_input_type=dict[Literal["file"], str])]


class PagerDuty(Model):
    """PagerDuty's Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: SecretFile


class Slack(Model):
    """An incoming webhook of Slack."""

    kind: Literal["slack"]
    url: SecretFile
    channel: str | None = None


class Opsgenie(Model):
    """Opsgenie's Alert API."""

    kind: Literal["opsgenie"]
    key: SecretFile
    api_url: WebLink | None = None


class Webhook(Model):
    """Alertmanager's own JSON, to any URL."""

    kind: Literal["webhook"]
    url: WebLink
    bearer: SecretFile | None = None


class Email(Model):
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


Receiver = PagerDuty | Slack | Opsgenie | Webhook | Email
ReceiverOption = Annotated[Receiver, Field(discriminator="kind")]


class Receivers(Model):
    """Receivers by priority. A priority without receivers uses those of the next more urgent one."""

    P0: Annotated[Listed[ReceiverOption], Field(min_length=1)]
    P1: Listed[ReceiverOption] = ()
    P2: Listed[ReceiverOption] = ()
    watchdog: Listed[ReceiverOption] = Field((), description="a dead man's switch, notified at least every minute")


class WorkingHours(Model):
    """When P1 and P2 are sent; alerts outside these hours wait until they begin."""

    days: Annotated[Listed[Day], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    begin: ClockText = Field(alias="from")
    end: ClockText = Field(alias="to")
    timezone: Zone = ZoneInfo("UTC")

    @model_validator(mode="after")
    def _forwards(self) -> WorkingHours:
        if self.end <= self.begin:
            raise ValueError("`to` is not after `from`; Alertmanager has no time intervals across midnight")
        return self


class AlertmanagerOptions(Model):
    """An Alertmanager that the exporter sends root causes to."""

    url: HttpUrl
    auth: Auth | None = None
    tls: Tls | None = None
    proxy: Proxy | None = None

    @model_validator(mode="after")
    def _plain(self) -> AlertmanagerOptions:
        if "?" in self.url.target:
            raise ValueError("the url of an Alertmanager has no query")
        return self


def _alertmanager(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


Alertmanager = Annotated[
    AlertmanagerOptions, BeforeValidator(_alertmanager, json_schema_input_type=str | AlertmanagerOptions)
]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class AlertingOptions(Model):
    """Base URLs of links, to which the name of an alert or a component is appended; receivers; working hours.

    With `alertmanagers` the exporter sends its root causes itself, instead of the generated rules.
    """

    runbooks: WebLink | None = Field(None, description="where the generated runbooks are published")
    dashboard: WebLink | None = Field(None, description="URL of the component dashboard")
    exporter: WebLink | None = Field(None, description="URL of the status page")
    alertmanagers: Listed[Alertmanager] = Field((), description="where the exporter itself sends root causes")
    alongside_prometheus: bool = Field(False, description="the generated rules send them as well")
    external_labels: dict[LabelName, str] = Field(
        default_factory=dict, description="those of Prometheus, so that the alerts of both are one"
    )
    working_hours: WorkingHours | None = None
    receivers: Receivers | None = Field(None, description="required by `generate alertmanager`")

    @model_validator(mode="after")
    def _own_labels(self) -> AlertingOptions:
        if taken := sorted(_OWN.intersection(self.external_labels)):
            raise ValueError(f"external_labels: {', '.join(taken)} are labels of every alert already")
        if self.alongside_prometheus and not self.alertmanagers:
            raise ValueError("alongside_prometheus goes with alertmanagers")
        return self

    @property
    def sent_by_rules(self) -> bool:
        """Whether the generated rules page root causes."""
        return not self.alertmanagers or self.alongside_prometheus
