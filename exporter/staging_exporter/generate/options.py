"""The `alerting` part of the configuration: where alerts go, and what they link to."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.options.addresses import WebLink
from staging_exporter.options.model import Listed, Model

DAYS = {
    "mon": "monday",
    "tue": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _path(value: object) -> object:
    """`{file: PATH}` -> PATH: the file is Alertmanager's to read, so a variable of ours is of no use."""
    if isinstance(value, dict) and set(value) == {"file"}:
        return value["file"]
    raise ValueError("a secret does not belong in this file: write {file: PATH}, a file that Alertmanager reads")


def _clock(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", value):
        return value
    raise ValueError("not a time of day; write it like 08:00, up to 24:00")


def _zone(value: object) -> object:
    try:
        if isinstance(value, str):
            return ZoneInfo(value).key
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        pass
    raise ValueError("not a time zone; write it like Europe/Berlin")


SecretFile = Annotated[str, BeforeValidator(_path, json_schema_input_type=dict[Literal["file"], str])]
Clock = Annotated[str, BeforeValidator(_clock, json_schema_input_type=str)]
Zone = Annotated[str, BeforeValidator(_zone, json_schema_input_type=str)]


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
    """Mail through a server that speaks STARTTLS, or TLS from the start on port 465."""

    kind: Literal["email"]
    to: str
    sender: str = Field(alias="from")
    server: str = Field(pattern=r"^[^\s:]+:\d+$", description="host:port")
    username: str | None = None
    password: SecretFile | None = None
    starttls: bool = Field(True, description="false for a relay that speaks no TLS")

    @model_validator(mode="after")
    def _sealed(self) -> Email:
        if self.password and not self.starttls:
            raise ValueError("a password is not sent in the clear: leave out `password` or `starttls: false`")
        return self


Receiver = PagerDuty | Slack | Opsgenie | Webhook | Email
Told = Annotated[Receiver, Field(discriminator="kind")]


class Receivers(Model):
    """Who is told: a list per priority. An empty one falls back to that of the next more urgent priority."""

    P0: Annotated[Listed[Told], Field(min_length=1)]
    P1: Listed[Told] = ()
    P2: Listed[Told] = ()
    watchdog: Listed[Told] = Field((), description="a dead man's switch, told every minute that all works")


class WorkingHours(Model):
    """When P1 and P2 are delivered; what comes at night waits for the morning."""

    days: Annotated[Listed[Day], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _forwards(self) -> WorkingHours:
        if self.end <= self.begin:
            raise ValueError("`to` is not after `from`; Alertmanager knows no hours across midnight")
        return self


class AlertingOptions(Model):
    """Links are bases: the name of an alert, or of a component, is appended to them."""

    runbooks: WebLink | None = Field(None, description="where deploy/runbooks is published")
    dashboard: WebLink | None = Field(None, description="the component dashboard")
    exporter: WebLink | None = Field(None, description="where people open the status page")
    working_hours: WorkingHours | None = None
    receivers: Receivers | None = Field(None, description="`generate alertmanager` needs them")
