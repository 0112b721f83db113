"""The shape of the configuration file, as pydantic models; the same models give the JSON Schema for editors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic.config import JsonDict
from pydantic.json_schema import models_json_schema

from staging_exporter.config.problems import clip, unknown_choice
from staging_exporter.core.failure_window import LEAST
from staging_exporter.core.maintenance import Once, Weekly
from staging_exporter.core.model import BUCKETS, INCONCLUSIVE, FailureRatio, Layer, Priority, Reason
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.net.names import ascii_name
from staging_exporter.options.access import Api
from staging_exporter.options.addresses import WebLink
from staging_exporter.options.google import GoogleOptions
from staging_exporter.options.model import Duration, Listed, Model, Name, PositiveDuration
from staging_exporter.options.resolver import ResolverOptions
from staging_exporter.options.times import DAYS, Clock, Zone
from staging_exporter.probes import kinds, load

_NOT_OF_RUNS = {Reason.OK, Reason.STARTING, Reason.INFERRED, Reason.UNSTABLE, Reason.DISABLED}
_FAILURES = tuple(str(reason) for reason in Reason if reason not in INCONCLUSIVE | _NOT_OF_RUNS)


def _one_of(what: str, names: tuple[str, ...], make: Callable[[str], Any]) -> BeforeValidator:
    def parse(value: object) -> object:
        if isinstance(value, str) and value in names:
            return make(value)
        raise ValueError(unknown_choice(value, what, names))

    return BeforeValidator(parse, json_schema_input_type=Literal[names])


def _choice(what: str, enum: type[StrEnum]) -> BeforeValidator:
    return _one_of(what, tuple(str(member) for member in enum), enum)


def _parse_moment(value: object) -> float:
    """Unix seconds of an ISO 8601 text with its offset from UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError("not a point in time; write it like 2026-12-01T22:00:00+01:00")
    if moment.tzinfo is None:
        raise ValueError("a point in time needs its offset from UTC: 2026-12-01T22:00:00+01:00, or Z at its end")
    return moment.timestamp()


LayerOption = Annotated[Layer, _choice("layer", Layer)]
PriorityOption = Annotated[Priority, _choice("priority", Priority)]
Moment = Annotated[float, BeforeValidator(_parse_moment, json_schema_input_type=datetime)]
T = TypeVar("T")
Some = Annotated[
    tuple[T, ...],
    Field(min_length=1),
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
]
FOR_ANCHORS = "x-"  # how top-level keys begin that are ignored
_NAMED: JsonDict = {"additionalProperties": False}  # but for what matches the pattern of names
Count = Annotated[int, Field(ge=1, le=1000)]


def _increasing(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if list(bounds) != sorted(set(bounds)):
        raise ValueError("the bounds of the buckets are not in increasing order")
    return bounds


Buckets = Annotated[Listed[PositiveDuration], Field(min_length=1, max_length=30), AfterValidator(_increasing)]
Objective = Annotated[float, Field(gt=0, lt=1, description="share of the time that it is up, such as 0.99")]
RawCheck = Annotated[dict[str, Any], Field(json_schema_extra={"x-check": True})]


class FailureRatioOptions(Model):
    """Which share of scheduled runs may fail; `above: 1` turns this off."""

    above: Annotated[float, Field(gt=0, le=1)] = Field(0.2, description="the share from which it is unstable")
    of: Annotated[int, Field(ge=LEAST, le=1000)] = Field(30, description="scheduled runs that are looked at")

    def limit(self, defaults: FailureRatioOptions | None = None) -> FailureRatio:
        """What is configured here, and by `defaults` where it is not."""
        own = self.model_dump(exclude_unset=True)
        return FailureRatio(**{**dict(defaults or self), **own})


class Defaults(Model):
    """Defaults for every component that does not set its own value."""

    interval: PositiveDuration = Field(10.0, description="from the start of a run to the start of the next")
    timeout: PositiveDuration = Field(5.0, description="deadline of a whole run, connecting and reading")
    fall: Count = Field(3, description="non-passes in a row that leave `up`")
    rise: Count = Field(2, description="passes in a row that return to `up`")
    retry_interval: PositiveDuration = Field(1.0, description="instead of the interval, while confirming")
    failure_ratio: FailureRatioOptions = Field(
        FailureRatioOptions(), description="the share of failures from which a component is degraded, as `unstable`"
    )
    buckets: Buckets = Field(BUCKETS, description="bounds of the histogram of durations, each a series")


class Limits(Model):
    """The rate limit: how many requests the environment accepts from one address.

    None is without limit; the hosts of a `shared` group count together.
    """

    requests_per_minute: Annotated[int, Field(ge=1)] | None = Field(None, description="for each host")
    shared: Listed[Listed[Annotated[str, AfterValidator(ascii_name)]]] = Field(
        (), description="groups of hosts that count as one"
    )

    @model_validator(mode="after")
    def _hosts(self) -> Limits:
        for host in (host for group in self.shared for host in group):
            if "/" in host or re.search(r"^[^:]*:\d*$", host):
                raise ValueError(f"`{clip(host)}` is not a host; write it without scheme, port and path")
        return self

    @model_validator(mode="after")
    def _in_one_group(self) -> Limits:
        counts = Counter(host.lower() for group in self.shared for host in group)
        host, count = next(iter(counts.most_common(1)), ("", 0))
        if count > 1:
            raise ValueError(
                f"`{clip(host)}` is listed twice in `shared`; hosts that count together belong in one group"
            )
        return self


class StartupOptions(Model):
    """How long a start may take, and by what the peer shows that it is starting."""

    budget: PositiveDuration = Field(description="when it is exceeded, the component is down")
    cold: Duration = Field(0.0, description="for how long timeout and refused count as starting")
    when: dict[str, Any] | None = Field(None, description="matchers of the kind: a response of a peer that is starting")


class Links(Model):
    """Links and owner, shown in alerts and on the status page."""

    runbook: WebLink | None = None
    issue: WebLink | None = None
    dashboard: WebLink | None = None
    logs: WebLink | None = Field(None, description="of its logs; $from, $to, $from_ms, $to_ms are the time range")
    owner: str | None = None


def _label_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}", name):
        raise ValueError("the name of a label has letters, digits and underscores, such as `team`")
    return name


_LabelName = Annotated[str, AfterValidator(_label_name)]
_LabelValue = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Labels = Annotated[dict[_LabelName, _LabelValue], Field(max_length=10)]


class Slo(Model):
    """A service level objective."""

    objective: Objective


class ComponentOptions(Model):
    """One component; without a check it is latent."""

    layer: LayerOption
    priority: PriorityOption
    depends_on: Listed[str | Some[str]] = Field((), description="a name, or a list of which any one is enough")
    optional_depends_on: Listed[str] = Field((), description="when down, this one is at most degraded by it")
    interval: PositiveDuration | None = None
    timeout: PositiveDuration | None = None
    fall: Count | None = None
    rise: Count | None = None
    retry_interval: PositiveDuration | None = None
    failure_ratio: FailureRatioOptions | None = None
    buckets: Buckets | None = None
    startup: StartupOptions | None = None
    links: Links = Links()
    labels: Labels = Field({}, description="free ones, at most ten; the status page filters by them")
    slo: Slo | None = None
    enabled: bool = Field(True, description="false: it is shown, and neither probed nor considered")
    check: RawCheck | None = None


class JourneyOptions(Model):
    """A path that a user takes through the components."""

    priority: PriorityOption
    steps: Annotated[dict[Name, str], Field(min_length=1, json_schema_extra=_NAMED)]


class WeeklyOptions(Model):
    """On some days of each week; an end that is not after the beginning is on the next day."""

    days: Some[Annotated[int, _one_of("day", tuple(DAYS), tuple(DAYS).index)]]
    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    timezone: Zone = Field(ZoneInfo("UTC"))


class WindowOptions(Model):
    """A window either once, from start to end, or weekly."""

    components: Some[str]
    start: Moment | None = None
    end: Moment | None = None
    weekly: WeeklyOptions | None = None
    probe: bool = Field(True, description="false: nothing is sent to these components meanwhile")

    @model_validator(mode="after")
    def _one_sort(self) -> WindowOptions:
        given = (self.start is not None, self.end is not None, self.weekly is not None)
        if given not in ((True, True, False), (False, False, True)):
            raise ValueError("a window has either `start` and `end`, or `weekly`")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("`end` is not after `start`")
        return self

    def window(self) -> Once | Weekly:
        """The times of the window."""
        if self.start is not None and self.end is not None:
            return Once(self.start, self.end)
        assert self.weekly is not None, "validated above"
        return Weekly(frozenset(self.weekly.days), self.weekly.begin, self.weekly.end, self.weekly.timezone)


class File(Model):
    """The configuration of staging-exporter."""

    include: Listed[str] = Field((), description="further files, directories and globs, relative to this file")
    environment: Annotated[str, Field(min_length=1, max_length=200)]
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    vantage: Listed[RawCheck] = Field(
        (), description="checks of our own connectivity: while all fail, failures count as unknown"
    )
    components: Annotated[dict[Name, ComponentOptions], Field(min_length=1, json_schema_extra=_NAMED)]
    journeys: dict[Name, JourneyOptions] = Field(default_factory=dict, json_schema_extra=_NAMED)
    maintenance: Listed[WindowOptions] = ()
    slo: Slo | None = None
    alerting: AlertingOptions = AlertingOptions()
    api: Api = Api()
    resolver: ResolverOptions = ResolverOptions()
    google: GoogleOptions = GoogleOptions()
    recovery: Duration = Field(60.0, description="how long a symptom may take to recover after its root cause")


class CheckExtras(Model):
    """Keys of a check that every kind accepts."""

    intrinsic: Listed[Annotated[Reason, _one_of("reason that can be intrinsic", _FAILURES, Reason)]] = Field(
        (), description="reasons for which this component is a root cause even when a dependency is down"
    )
    resolver: ResolverOptions | None = Field(None, description="name servers of this check alone")


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the whole file; a check is one of the kinds, by its `kind`."""
    names = kinds()
    models: list[type[Model]] = [File, CheckExtras, *map(load, names)]
    refs, schema = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema["$defs"]
    checks = {name: refs[load(name), "validation"] for name in names}
    extras = definitions.pop("CheckExtras")["properties"]
    for name, reference in checks.items():
        properties = definitions[reference["$ref"].rpartition("/")[2]]["properties"]
        properties.pop(load(name).startup_option, None)
        properties.update(extras)
    definitions["Check"] = {
        "oneOf": list(checks.values()),
        "discriminator": {"propertyName": "kind", "mapping": {name: ref["$ref"] for name, ref in checks.items()}},
    }
    root = definitions.pop("File")
    root["patternProperties"] = {f"^{FOR_ANCHORS}": {}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_with_checks(root),
        "$defs": _with_checks(definitions),
    }


def _with_checks(node: Any) -> Any:
    if isinstance(node, dict):
        return {"$ref": "#/$defs/Check"} if "x-check" in node else {k: _with_checks(v) for k, v in node.items()}
    return [_with_checks(item) for item in node] if isinstance(node, list) else node
