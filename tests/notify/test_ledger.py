"""Which alerts fire and which ended, over lives of root causes; what an alert says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from staging_exporter.core.model import Certainty, Component, Layer, Priority, Reason, State
from staging_exporter.core.snapshot import (
    ComponentStatus,
    Deploy,
    Histogram,
    JourneyState,
    JourneyStatus,
    RootCause,
    Snapshot,
)
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.notify.alert import Alert
from staging_exporter.notify.ledger import Ledger

P0, P1, P2 = Priority
HOLD = 60.0
PAGE = "https://e.com/staging"
LINKS = {"owner": "team", "runbook": "https://r.com/db", "issue": "https://i.com"}


def root(name: str, priority: Priority = P0, **more: object) -> RootCause:
    fields = {"since": 1000.0, "announced": "nothing listens", "affected": ("api",), **more}
    return RootCause(name, Layer.PLATFORM, priority, State.DOWN, Reason.REFUSED, "now", **fields)  # type: ignore[arg-type]


def snapshot(at: float, *roots: RootCause) -> Snapshot:
    status = {
        name: ComponentStatus(
            Component(name, Layer.PLATFORM, P2, "tcp", links=LINKS),
            State.DOWN,
            Reason.REFUSED,
            "now",
            1000.0,
            at,
            deployed=Deploy(700.0, "r7") if name == "db" else None,
        )
        for name in ("db", "cache")
    }
    journey = JourneyStatus("login", P0, JourneyState.BLOCKED, (), "open")
    lag = Histogram((), (0,))
    return Snapshot("e", at, State.DOWN, False, True, True, True, status, roots, {"login": journey}, lag)


def played(steps: Sequence[tuple[float, Sequence[RootCause]]], ledger: Ledger | None = None) -> list[str]:
    """What happens: `+P0 db 1000` fires since then, `-P0 db 1060` ended then."""
    ledger, story = ledger or Ledger(), list[str]()
    for at, roots in steps:
        before = {line("+", alert, alert.starts) for alert in ledger.firing}
        ended = ledger.update(snapshot(at, *roots), AlertingOptions(), PAGE, HOLD)
        story += sorted(line("-", alert, alert.ends) for alert in ended)
        story += sorted({line("+", alert, alert.starts) for alert in ledger.firing} - before)
    return story


def line(sign: str, alert: Alert, at: float | None) -> str:
    return f"{sign}{alert.labels['priority']} {alert.labels['component']} {at:g}"


LIVES: dict[str, tuple[list[tuple[float, list[RootCause]]], list[str]]] = {
    "it fires once and ends when it was gone for a minute, at the moment it was gone": (
        [(1001, [root("db")]), (1100, [root("db")]), (1200, []), (1200 + HOLD, []), (1300, [])],
        ["+P0 db 1000", "-P0 db 1200"],
    ),
    "one that comes back within a minute never ended": (
        [(1001, [root("db")]), (1100, []), (1130, [root("db")]), (1131 + HOLD, [root("db")])],
        ["+P0 db 1000"],
    ),
    "one that becomes more urgent is another alert": (
        [(1001, [root("db", P2)]), (1050, [root("db", P0)])],
        ["+P2 db 1000", "-P2 db 1050", "+P0 db 1050"],
    ),
    "one that becomes less urgent stays": (
        [(1001, [root("db", P0)]), (1050, [root("db", P2)]), (1060, []), (1060 + HOLD, [])],
        ["+P0 db 1000", "-P0 db 1060"],
    ),
    "several live apart": (
        [(1001, [root("db"), root("cache", P1, since=None)]), (1010, [root("db")]), (1010 + HOLD, [root("db")])],
        ["+P0 db 1000", "+P1 cache 1001", "-P1 cache 1010"],
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_the_life_of_an_alert(name: str) -> None:
    steps, story = LIVES[name]
    assert played(steps) == story


def sent(component: str, priority: str, starts: float) -> tuple[dict[str, str], dict[str, str], float]:
    return {"alertname": f"StagingRootCause{priority}", "component": component, "priority": priority}, {}, starts


RESTARTS: dict[str, tuple[list[tuple[dict[str, str], dict[str, str], float]], list[RootCause], list[str]]] = {
    "what ended meanwhile is resolved": ([sent("db", "P0", 500)], [], ["-P0 db 2000"]),
    "what still fires keeps its beginning": ([sent("db", "P0", 500)], [root("db")], []),
    "what became more urgent meanwhile is another alert": (
        [sent("db", "P1", 500)],
        [root("db", P0)],
        ["-P1 db 2000", "+P0 db 2000"],
    ),
}


@pytest.mark.parametrize("name", RESTARTS)
def test_after_a_restart(name: str) -> None:
    found, roots, story = RESTARTS[name]
    ledger = Ledger()
    assert ledger.adopt(found) == []
    assert played([(2000, roots), (2000 + HOLD, roots)], ledger) == story


def test_of_two_alerts_of_one_component_the_more_urgent_is_kept_and_the_other_ends() -> None:
    ledger = Ledger()
    [ended] = ledger.adopt([sent("db", "P1", 500), sent("db", "P0", 600)])
    assert (line("-", ended, ended.ends), [line("+", each, each.starts) for each in ledger.firing]) == (
        "-P1 db 600",
        ["+P0 db 600"],
    )


def test_an_alert_that_fires_already_takes_over_the_earlier_beginning() -> None:
    ledger = Ledger()
    played([(1001, [root("db")])], ledger)
    assert ledger.adopt([sent("db", "P0", 500)]) == []
    assert [each.starts for each in ledger.firing] == [500]


OPTIONS = AlertingOptions(runbooks="https://r.com", dashboard="https://g.com/d/x", external_labels={"cluster": "a"})


def test_what_an_alert_says() -> None:
    ledger = Ledger()
    likely = root("db", certainty=Certainty.LIKELY, suspects=("cache",), not_recovered_from=("net",), began=990.0)
    ledger.update(snapshot(1001.5, likely), OPTIONS, PAGE, HOLD)
    [alert] = ledger.firing
    assert alert.body(5000.25) == {
        "labels": {
            "cluster": "a",
            "alertname": "StagingRootCauseP0",
            "environment": "e",
            "component": "db",
            "layer": "platform",
            "severity": "critical",
            "priority": "P0",
            "role": "root_cause",
        },
        "annotations": {
            "summary": "db is the root cause of the outage in e.",
            "description": "db, layer platform, is a root cause with effective priority P0. Evidence: refused, nothing "
            "listens. Since: 1970-01-01 00:16:40 UTC. A deploy of r7 came 4 min before it. It is likely, not certain. "
            "Alternatives: cache. It has not recovered since net came back. Affected components: api. Blocked journeys "
            "in the environment: login at open.",
            "affected": "api",
            "journeys": "login at open",
            "evidence": "refused, nothing listens",
            "certainty": "likely",
            "runbook_url": "https://r.com/StagingRootCauseP0.md",
            "dashboard_url": "https://g.com/d/x?var-environment=e&var-component=db",
            "status_url": "https://e.com/staging/components/db",
            "owner": "team",
            "issue_url": "https://i.com",
            "component_runbook_url": "https://r.com/db",
        },
        "startsAt": "1970-01-01T00:16:40.000Z",
        "endsAt": "1970-01-01T01:23:20.250Z",
        "generatorURL": "https://e.com/staging/components/db",
    }


def test_hundreds_of_affected_components_are_counted() -> None:
    ledger = Ledger()
    ledger.update(snapshot(1001, root("db", affected=tuple(f"c{n:03}" for n in range(300)))), OPTIONS, PAGE, HOLD)
    affected = ledger.firing[0].annotations["affected"]
    assert affected.endswith("c018, c019 and others, 300 in all")


def test_labels_of_prometheus_cannot_replace_those_of_every_alert() -> None:
    with pytest.raises(ValueError, match="external_labels: component are labels of every alert already"):
        AlertingOptions(external_labels={"component": "x", "cluster": "a"})
    with pytest.raises(ValueError, match="alongside_prometheus goes with alertmanagers"):
        AlertingOptions(alongside_prometheus=True)
