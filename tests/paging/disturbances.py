"""Disturbances between a fault and its page: restarts, a lost network, root causes that move or recover early."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.paging.rig import Rig
from tests.paging.stories import Act, Story
from tests.support.live import fetch

_POSTGRES = "P0 StagingRootCauseP0 postgres"
_WEBSOCKET = "P0 StagingRootCauseP0 websocket"
_BACKEND = "P0 StagingRootCauseP0 backend"


def _break(*faults: str) -> Act:
    def act(rig: Rig) -> None:
        for name in faults:
            rig.fault(name)

    return act


def _restart_exporter(rig: Rig) -> None:
    _stays(rig, rig.exporter.restart)


def _restart_prometheus(rig: Rig) -> None:
    _stays(rig, rig.prometheus.restart)


def _restart_alertmanager(rig: Rig) -> None:
    _stays(rig, rig.alertmanager.restart)


def _stays(rig: Rig, happens: Callable[[], object]) -> None:
    """No resolved notification is sent, whatever happens; an alert without series fires for five minutes more."""
    since = time.time()
    happens()
    rig.watch(400)
    ended = rig.inbox.resolved(since)
    assert _POSTGRES not in ended, f"resolved: {ended}"


def _cause_recovers_first(rig: Rig) -> None:
    """The backend still answers 503 for a moment after its database is up."""
    rig.switch("backend", mode="status", status=503)
    rig.environment.ask("DELETE", "/faults/F01")
    rig.wait(lambda: rig.status()["components"]["postgres"]["state"] == "up", "the cause is up")
    rig.environment.ask("DELETE", "/switches/backend")


def _lose_vantage(rig: Rig) -> None:
    def happens() -> None:
        rig.switch("vantage-proxy", mode="refuse")
        rig.wait(lambda: rig.status()["online"] is False, "the exporter is offline")

    _stays(rig, happens)
    rig.environment.ask("DELETE", "/switches/vantage-proxy")
    rig.wait(lambda: rig.status()["online"], "the exporter is online again")


def _move(rig: Rig) -> None:
    """The edge refuses WebSockets; then the backend behind it breaks, and the WebSocket becomes its symptom."""
    since = time.time()
    rig.fault("F14")
    rig.wait(lambda: _WEBSOCKET in rig.inbox.pages(since), "the first root cause is paged")
    rig.fault("F08")


def _kill_exporter(rig: Rig) -> None:
    rig.exporter.stop()


def _revive_exporter(rig: Rig) -> None:
    rig.exporter.start()


def _kill_exporter_in_outage(rig: Rig) -> None:
    _stays(rig, rig.exporter.stop)
    rig.exporter.start()


def _blip(rig: Rig) -> None:
    """A fault that lasts until one probe has failed."""
    metric = 'staging_probe_failures_total{component="ws-health",environment="netra-demo"'
    before = _total(rig, metric)
    rig.switch("ws-health", mode="unhealthy")
    rig.wait(lambda: _total(rig, metric) > before, "a probe failed")
    rig.reset()


def _total(rig: Rig, begin: str) -> float:
    lines = fetch(f"{rig.urls['exporter']}/metrics").splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(begin))


STORIES: Sequence[Story] = (
    Story("exporter restarted", _break("F01"), (_POSTGRES,), _restart_exporter),
    Story("the root moves", _move, (_WEBSOCKET, _BACKEND)),
    Story("Prometheus restarted", _break("F01"), (_POSTGRES,), _restart_prometheus),
    Story("one probe fails once", _blip, ()),
    Story("Alertmanager restarted", _break("F01"), (_POSTGRES,), _restart_alertmanager),
    Story("exporter killed", _kill_exporter, ("P0 StagingExporterDown",), _revive_exporter),
    Story("cause recovers before its symptom", _break("F01"), (_POSTGRES,), _cause_recovers_first),
    Story(
        "exporter killed in mid-outage",
        _break("F01"),
        (_POSTGRES,),
        _kill_exporter_in_outage,
        ("P0 StagingExporterDown",),
    ),
    Story("vantage lost in mid-outage", _break("F01"), (_POSTGRES,), _lose_vantage, ("P1 StagingExporterOffline",)),
)
