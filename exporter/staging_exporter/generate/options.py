"""The section `alerting` of the configuration: receivers of alerts, and the links in them."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.generate.receiver_options import Receivers
from staging_exporter.options.addresses import HttpUrl, WebLink
from staging_exporter.options.auth import Auth
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.proxy import Proxy
from staging_exporter.options.times import ClockText, Day, Zone
from staging_exporter.options.tls import Tls

_OWN = frozenset({"alertname", "environment", "component", "layer", "severity", "priority", "role"})


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


def version_of(text: str) -> tuple[int, ...]:
    """`0.25` -> (0, 25)."""
    return tuple(map(int, text.split(".")))


class AlertingOptions(Model):
    """Base URLs of links, to which the name of an alert or a component is appended; receivers; working hours.

    With `alertmanagers` the exporter sends its root causes itself, instead of the generated rules.
    """

    runbooks: WebLink | None = Field(None, description="where the generated runbooks are published")
    dashboard: WebLink | None = Field(None, description="URL of the component dashboard")
    prometheus: WebLink | None = Field(None, description="URL of Prometheus, linked from root causes")
    logs: WebLink | None = Field(None, description="of a component's logs: $component, $from, $to, $from_ms, $to_ms")
    exporter: WebLink | None = Field(None, description="URL of the status page")
    alertmanagers: Listed[Alertmanager] = Field((), description="where the exporter itself sends root causes")
    alongside_prometheus: bool = Field(False, description="the generated rules send them as well")
    external_labels: dict[LabelName, str] = Field(
        default_factory=dict, description="those of Prometheus, so that the alerts of both are one"
    )
    alertmanager_version: Annotated[str, Field(pattern=r"^\d+\.\d+$")] = Field(
        "0.25", description="of the Alertmanager that reads the generated configuration"
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

    @model_validator(mode="after")
    def _known_receivers(self) -> AlertingOptions:
        for receiver in self.receivers.all if self.receivers else ():
            if version_of(receiver.since) > version_of(self.alertmanager_version):
                need = f"receiver {receiver.kind} needs Alertmanager {receiver.since} or later"
                raise ValueError(f'{need}: say which one reads it, alertmanager_version: "{receiver.since}"')
        return self

    @property
    def sent_by_rules(self) -> bool:
        """Whether the generated rules page root causes."""
        return not self.alertmanagers or self.alongside_prometheus
