"""The configuration file of the demo: a template for ports and paths, with durations multiplied by the scale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from staging_exporter.core.durations import format_duration, parse_duration

_PLACE = re.compile(r"<([a-z0-9-]+)>")
_INTERVAL, _TIMEOUT = 5.0, 1.5  # seconds, before the scale
_STEADY = 1.2  # seconds that the parts of a fast demo may need on a busy machine
TOKEN_FILE = "exporter-token"  # beside the configuration, which names it

# What depends on the components of Google Cloud, by its place in the template.
_CLOUD = {
    "connector-needs": ", depends_on: [cloud-connector]",
    "load-balancer-needs": ", depends_on: [cloud-load-balancer, cloud-certificate]",
    "postgres-needs": ", cloud-sql",
    "redis-needs": ", cloud-redis",
    "backend-needs": ", cloud-run-backend",
}
_GOOGLE = """\
# Google Cloud: a fake one on this machine. Each API is read once per interval for all components.
google: {project: netra-staging, region: us-central1, endpoint: "http://127.0.0.1:<cloud>", cache: <5s>}

"""


def render(values: Mapping[str, str], scale: float, *, cloud: bool = False) -> str:
    """The file's text: `<name>` becomes that value, `<5s>` five seconds times `scale`. Raises ValueError.

    `<timeout>` is scaled too, but leaves a busy machine the time to answer. With `cloud`, its components are added.
    """
    parts = {**_CLOUD, "google": _GOOGLE, "google-cloud": _template("googlecloud.yml")}
    known = {**values, "timeout": format_duration(time_allowed(_TIMEOUT, _INTERVAL, scale))}
    whole = _PLACE.sub(
        lambda match: (parts[match[1]] if cloud else "") if match[1] in parts else match[0], _template("config.yml")
    )
    return _PLACE.sub(lambda match: _fill(match[1], known, scale), whole)


def _template(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def time_allowed(seconds: float, interval: float, scale: float) -> float:
    """How long to wait for a part of the demo: `seconds` at that scale, or what a busy machine needs in an interval."""
    return max(seconds * scale, min(_STEADY, interval * scale))


def waits_scale(scale: float) -> float:
    """By how much the parts wait less for one another than at scale 1: still less than the timeout of the checks."""
    return time_allowed(_TIMEOUT, _INTERVAL, scale) / _TIMEOUT


def _fill(place: str, values: Mapping[str, str], scale: float) -> str:
    return values[place] if place in values else format_duration(parse_duration(place) * scale)
