"""Rules 8 and 9: what a root cause costs. Journeys, effective priorities, the state of the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.journeys import journey_status, overall, root_causes
from staging_exporter.core.model import Component, Journey, Layer, Priority, Reason, State
from staging_exporter.core.rules import Condition
from staging_exporter.core.snapshot import ComponentStatus, JourneyState

P0, P1, P2 = Priority.P0, Priority.P1, Priority.P2
JOURNEY = Journey("login", P0, (("page", "web"), ("sign-in", "auth"), ("connect", "socket")))


def statuses(text: str) -> dict[str, ComponentStatus]:
    """`web=down<db` is a symptom of db, `db=down!P2` a root and `db=unknown@P0` no root of that priority.

    What is not named is up, at P2.
    """
    found = {name: _status(name) for name in ("web", "auth", "socket", "db")}
    for part in text.split():
        name, _, rest = part.partition("=")
        state, _, blamed = rest.partition("<")
        state, root, priority = state.partition("!")
        state, _, priority = state.partition("@") if not root else (state, "", priority)
        made = _status(name, State(state), Priority(priority) if priority else P2)
        found[name] = replace(made, root=bool(root), root_causes=tuple(blamed.split("+")) if blamed else ())
    return found


def _status(name: str, state: State = State.UP, priority: Priority = P2) -> ComponentStatus:
    component = Component(name, Layer.SERVICE, priority, "tcp")
    return ComponentStatus(component, state, Reason.OK, f"{name} is {state}", 1.0, 1.0)


@pytest.mark.parametrize(
    ("seen", "state", "blocked_at", "roots"),
    [
        pytest.param("", "up", None, "", id="all steps are up"),
        pytest.param("auth=down!P1", "blocked", "sign-in", "auth", id="a step that is down blocks it"),
        pytest.param("auth=flapping!P1", "blocked", "sign-in", "auth", id="a flapping step blocks it"),
        pytest.param(
            "auth=down<db socket=down!P1", "blocked", "sign-in", "db socket", id="the first down step blocks it"
        ),
        pytest.param("web=degraded!P1 socket=down<db", "blocked", "connect", "db", id="degraded blocks nothing"),
        pytest.param("web=unknown socket=down<db", "blocked", "connect", "db", id="blocked comes before unknown"),
        pytest.param("web=unknown auth=degraded!P1", "unknown", None, "auth", id="unknown comes before degraded"),
        pytest.param("auth=starting", "unknown", None, "", id="a starting step makes it unknown"),
        pytest.param("auth=maintenance", "unknown", None, "", id="a step in maintenance makes it unknown"),
        pytest.param("web=degraded<db", "degraded", None, "db", id="a degraded step makes it degraded"),
        pytest.param("db=down!P0", "up", None, "", id="a component that is no step does not count"),
    ],
)
def test_journeys(seen: str, state: str, blocked_at: str | None, roots: str) -> None:
    status = journey_status(JOURNEY, statuses(seen))
    assert (status.state, status.blocked_at, " ".join(status.root_causes)) == (JourneyState(state), blocked_at, roots)
    assert [step.name for step in status.steps] == ["page", "sign-in", "connect"]


@pytest.mark.parametrize(
    ("seen", "priority"),
    [
        pytest.param("db=down!P2", P2, id="a root has its own priority"),
        pytest.param("db=down!P1", P1, id="a root of P1 has P1"),
        pytest.param("db=down!P2 extra=down!P0", P2, id="other roots do not raise it"),
        pytest.param("db=down!P2 web=down<db", P0, id="a blocked journey raises it"),
        pytest.param("db=down!P2 web=degraded<db", P2, id="a degraded symptom does not raise it"),
        pytest.param("db=degraded!P0", P1, id="a degraded root that blocks nothing is at most P1"),
        pytest.param("db=degraded!P2", P2, id="a degraded root of P2 stays at P2"),
        pytest.param("db=degraded!P2 web=down<db", P0, id="a degraded root that blocks a journey is raised"),
        pytest.param("db=flapping!P0", P0, id="a flapping root counts as down"),
    ],
)
def test_effective_priorities(seen: str, priority: Priority) -> None:
    found = statuses(seen)
    roots = root_causes(found, [journey_status(JOURNEY, found)], {})
    assert next(root for root in roots if root.component == "db").priority == priority


def test_a_symptom_that_is_down_lends_its_priority() -> None:
    found = statuses("db=down!P2") | {"other": replace(_status("other", State.DOWN, P0), root_causes=("db",))}
    (root,) = root_causes(found, [], {})
    assert (root.priority, root.affected) == (P0, ("other",))


def test_a_root_names_its_symptoms_and_the_journeys_that_it_blocks() -> None:
    found = statuses("db=down!P2 web=down<db auth=degraded<db")
    (root,) = root_causes(found, [journey_status(JOURNEY, found)], {})
    assert (root.affected, root.journeys) == (("auth", "web"), ("login",))


def test_roots_come_the_most_urgent_first_then_the_oldest() -> None:
    found = statuses("web=down!P1 auth=down!P0 socket=down!P1 db=down!P1")
    found["web"] = replace(found["web"], since=0.5)
    names = [root.component for root in root_causes(found, [], {})]
    assert names == ["auth", "web", "db", "socket"]


def test_a_stale_root_shows_how_it_was_last_seen() -> None:
    found = statuses("db=unknown!P1")
    found["db"] = replace(found["db"], stale=True)
    last = Condition(State.DOWN, Reason.CLOSED, 7.0, "closed at once", 8.0)
    (root,) = root_causes(found, [], {"db": last})
    assert (root.state, root.reason, root.detail, root.since, root.stale) == (
        State.DOWN,
        Reason.CLOSED,
        "closed at once",
        8.0,
        True,
    )


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param("", State.UP, id="up when nothing fails"),
        pytest.param("db=down!P2", State.DOWN, id="down when a root is down"),
        pytest.param("db=flapping!P2", State.DOWN, id="down when a root flaps"),
        pytest.param("db=degraded!P0", State.DEGRADED, id="degraded when a root is degraded"),
        pytest.param("web=down auth=starting", State.DEGRADED, id="degraded when a component waits for a start"),
        pytest.param("web=starting auth=unknown@P0", State.STARTING, id="starting comes before unknown"),
        pytest.param("auth=unknown@P0", State.UNKNOWN, id="unknown when a component of P0 is unknown"),
        pytest.param("auth=unknown@P1", State.UNKNOWN, id="unknown when a component of P1 is unknown"),
        pytest.param("auth=unknown@P2", State.UP, id="up when a component of P2 is unknown"),
        pytest.param("web=degraded!P2 auth=unknown@P0", State.DEGRADED, id="degraded comes before unknown"),
        pytest.param(
            "web=unknown auth=unknown socket=unknown db=unknown", State.UNKNOWN, id="unknown when nothing is known"
        ),
        pytest.param("auth=maintenance", State.UP, id="up when a component is in maintenance"),
    ],
)
def test_the_state_of_the_whole(seen: str, state: State) -> None:
    found = statuses(seen)
    assert overall(root_causes(found, [], {}), found) == state


def test_a_latent_that_is_unknown_does_not_count() -> None:
    found = {"net": replace(_status("net", State.UNKNOWN), component=Component("net", Layer.SERVICE, P0))}
    assert overall((), found) == State.UP


def test_a_test_suite_that_is_unknown_does_not_count() -> None:
    suite = Component("suite", Layer.TEST, P0, "e2e")
    found = statuses("") | {"suite": replace(_status("suite", State.UNKNOWN), component=suite)}
    assert overall((), found) == State.UP
