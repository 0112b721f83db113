"""Configuration -> Alertmanager's configuration: routes, receivers, inhibition rules and templates.

For Alertmanager 0.25 and later, but for receivers that only later ones have, with matchers that its old and its new
parser read alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from staging_exporter.core.durations import parse_duration
from staging_exporter.core.model import Priority
from staging_exporter.generate.alerts import Role
from staging_exporter.generate.examples import template
from staging_exporter.generate.integrations import integrations
from staging_exporter.generate.marker import marked
from staging_exporter.generate.monitoring import EXPORTER_DOWN, LOOP_HUNG, RESULTS_STALE, WATCHDOG
from staging_exporter.generate.options import AlertingOptions, WorkingHours
from staging_exporter.generate.promql import dump
from staging_exporter.generate.receiver_options import Receivers
from staging_exporter.options.times import DAYS

CONFIG_FILE = "alertmanager.yml"
TEMPLATE_FILE = "staging.tmpl"
_HOURS = "working-hours"
# group_wait, group_interval, repeat_interval. A verdict is settled before it is published, so that an urgent alert
# need not wait for others to join it. Prometheus sends a resolved alert again for 15 minutes, at the first evaluation
# after rules.alert.resend-delay: every 65 s by default. A group_interval that is shorter sees those of a group in turn,
# and Alertmanager then repeats the notification each time (prometheus/alertmanager#1755).
_PACE = {Priority.P0: ("5s", "75s", "1h"), Priority.P1: ("30s", "5m", "4h"), Priority.P2: ("5m", "10m", "1d")}
_DIRECT = "10s"  # group_interval of urgent root causes that the exporter sends, which sends a resolved one once
_NIGHT = "12h"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})  # what the matcher parsers of 0.25 and 0.27 share


class NoReceivers(Exception):
    """`alerting.receivers` is not configured."""


def config_file(environment: str, options: AlertingOptions) -> str:
    """The text of alertmanager.yml. Raises NoReceivers."""
    if options.receivers is None:
        raise NoReceivers("alerting.receivers: no receivers are configured; add at least one for P0")
    tree: dict[str, Any] = {"templates": [TEMPLATE_FILE]}
    tree["route"] = _route(environment, options)
    if options.working_hours:
        tree["time_intervals"] = [_interval(options.working_hours)]
    tree["inhibit_rules"] = [*_inhibitions()]
    tree["receivers"] = [*_receivers(options.receivers)]
    return marked(CONFIG_FILE, dump(tree))


def template_file() -> str:
    """The text of the notification templates."""
    return template(f"alertmanager/{TEMPLATE_FILE}")


def _match(label: str, value: str) -> str:
    return f'{label}="{value.translate(_ESCAPES)}"'


def _route(environment: str, options: AlertingOptions) -> dict[str, Any]:
    here = _match("environment", environment)
    watchdog = {
        "matchers": [here, _match("alertname", WATCHDOG)],
        "receiver": "watchdog",
        "group_wait": "0s",
        # Sent every 30 to 60 s: repeat_interval counts from the delivery, so that not every group_interval sends it.
        "group_interval": "30s",
        "repeat_interval": "30s",
    }
    routes = [route for priority in Priority for route in _by_priority(priority, here, options)]
    return {
        "receiver": Priority.P1.value,  # alerts that no route matches still reach someone
        "group_by": ["environment", "alertname"],
        "routes": [watchdog, *routes],
    }


def _by_priority(priority: Priority, here: str, options: AlertingOptions) -> Iterator[dict[str, Any]]:
    """One notification for the root causes of an environment, since those that began together are one event.

    A root cause that joins them updates it after `group_interval`. Other alerts are grouped by their name.
    """
    wait, interval, repeat = _PACE[priority]
    muted = options.working_hours is not None and priority != Priority.P0
    common = {
        "receiver": priority.value,
        "group_wait": wait,
        "group_interval": interval,
        # An alert that resolved during a muted night and fires again in the morning must be sent again.
        "repeat_interval": min(repeat, _NIGHT, key=parse_duration) if muted else repeat,
    } | ({"active_time_intervals": [_HOURS]} if muted else {})
    urgent = [here, _match("priority", priority)]
    root_causes = common if options.sent_by_rules or priority != Priority.P0 else common | {"group_interval": _DIRECT}
    yield {"matchers": [*urgent, _match("role", Role.ROOT_CAUSE)], "group_by": ["environment"], **root_causes}
    yield {"matchers": urgent, "group_by": ["environment", "alertname"], **common}


def _interval(hours: WorkingHours) -> dict[str, Any]:
    times = [{"start_time": hours.begin, "end_time": hours.end}]
    days = [DAYS[day] for day in hours.days]
    return {"name": _HOURS, "time_intervals": [{"weekdays": days, "times": times, "location": hours.timezone.key}]}


def _inhibitions() -> Iterator[dict[str, Any]]:
    """A safety net: the rules decide what fires. Labels in `equal` are set on both sides, since missing equals missing.

    Root causes are never muted: of an alert that resolves while it is muted Alertmanager sends no notification, and the
    next alert of the same component within `repeat_interval` then counts as sent already.
    """
    muted = "|".join([Role.SYMPTOM, Role.EVIDENCE, Role.RISK, Role.SLO])
    meta, root = _match("role", Role.META), _match("role", Role.ROOT_CAUSE)
    for source, target in (
        ([_match("alertname", EXPORTER_DOWN), meta], [f'role=~"{muted}"']),
        ([root], [_match("role", Role.SLO)]),
        ([_match("alertname", LOOP_HUNG), meta], [_match("alertname", RESULTS_STALE), meta]),
    ):
        yield {"source_matchers": source, "target_matchers": target, "equal": ["environment"]}


def _receivers(slots: Receivers) -> Iterator[dict[str, Any]]:
    for priority, receivers in slots.by_priority.items():
        yield {"name": priority.value, **integrations(receivers)}
    silent = {"send_resolved": False}  # a dead man's switch would count a resolved notification as a heartbeat
    by_kind = integrations(slots.watchdog)
    yield {"name": "watchdog", **{kind: [one | silent for one in ways] for kind, ways in by_kind.items()}}
