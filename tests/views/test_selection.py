"""Which components the status page shows, draws and folds, for every selection."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason, Startup
from staging_exporter.views.document import document
from staging_exporter.views.page.icons import icon
from staging_exporter.views.page.panels import layers, starting, undetermined
from staging_exporter.views.page.selection import Selection, all_labels, drawn, owners
from staging_exporter.views.verdict import verdict

from tests.support.fleets import fleet
from tests.support.stage import SURE, Stage

CHAT = {"team": "chat", "tier": "edge"}
COMPONENTS = (
    Component("network", Layer.INFRASTRUCTURE, Priority.P0),
    Component("database", Layer.INFRASTRUCTURE, Priority.P0, "postgres", (("network",),), links={"owner": "data team"}),
    Component("cache", Layer.INFRASTRUCTURE, Priority.P2, "redis", (("network",),)),
    Component("backend", Layer.APPLICATION, Priority.P0, "http", (("database",),), startup=Startup(600, 30)),
    Component("chat", Layer.SERVICE, Priority.P1, "websocket", (("backend",),), labels=CHAT),
)


def stage(**failing: Reason) -> Stage:
    made = Stage(*COMPONENTS)
    made.play(5)
    made.play(SURE, **failing)
    return made


def broken() -> Any:
    failing = {"database": Reason.CLOSED, "backend": Reason.SERVER_ERROR, "chat": Reason.CLOSED}
    return document(stage(**failing).snapshot)


ALL = ["network", "database", "cache", "backend", "chat"]
SELECTIONS = {
    "nothing asked for": ({}, ALL),
    "other keys and empty values": ({"x": "1", "q": " ", "layer": ""}, ALL),
    "a part of a name, in any case": ({"q": "DATA"}, ["database"]),
    "every word must occur": ({"q": "down http"}, ["backend"]),
    "a reason": ({"q": "server_error"}, ["backend"]),
    "a layer": ({"layer": "infrastructure"}, ["network", "database", "cache"]),
    "an owner": ({"owner": "data team"}, ["database"]),
    "a label": ({"label": "team=chat"}, ["chat"]),
    "a label with another value": ({"label": "team=data"}, []),
    "only failing": ({"failing": "1"}, ["database", "backend", "chat"]),
    "all at once": ({"failing": "1", "layer": "service", "q": "chat"}, ["chat"]),
}  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection(query: dict[str, str], expected: list[str]) -> None:
    seen = broken()
    selection = Selection.of(query)
    assert [name for name, each in seen["components"].items() if selection.admits(name, each)] == expected


def test_a_selection_is_the_query_string_of_its_link() -> None:
    asked = {"q": "a b&c", "layer": "service", "failing": "1"}
    assert Selection.of(asked).href(graph=True) == "./?q=a+b%26c&layer=service&failing=1&graph=1"
    assert Selection.of({}).href(graph=False) == "./"
    assert len(Selection.of({"q": "x" * 5000}).q) == 200


def test_owners_and_labels_to_choose_from() -> None:
    assert owners(broken()) == ["data team"]
    assert all_labels(broken()) == ["team=chat", "tier=edge"]


def test_symptoms_and_what_is_up_are_apart_from_the_root_cause() -> None:
    shown = layers(broken(), Selection())
    by_layer = {panel.layer: [list(panel.urgent), list(panel.affected), list(panel.quiet)] for panel in shown.panels}
    assert by_layer == {
        "infrastructure": [["database"], [], ["network", "cache"]],
        "service": [[], ["chat"], []],
        "application": [[], ["backend"], []],
    }
    assert shown.panels[0].summary == "2 up"
    assert (shown.affected_open, shown.quiet_open, shown.selected) == (True, False, 5)


FOLDED = {
    "everything is up: nothing is folded": (lambda: document(stage().snapshot), {}, (True, True)),
    "a failure folds what is up": (broken, {}, (True, False)),
    "on request nothing is folded": (broken, {"unfold": "1"}, (True, True)),
    "what was searched for is shown": (broken, {"q": "cache"}, (True, True)),
    "200 components: what is up is folded": (lambda: document(fleet(200)), {}, (True, False)),
}


@pytest.mark.parametrize(("made", "query", "expected"), FOLDED.values(), ids=FOLDED)
def test_what_is_folded(made: Any, query: dict[str, str], expected: tuple[bool, bool]) -> None:
    shown = layers(made(), Selection.of(query))
    assert (shown.affected_open, shown.quiet_open) == expected


def test_many_symptoms_are_folded() -> None:
    users = [Component(f"user-{n}", Layer.SERVICE, Priority.P1, "http", (("database",),)) for n in range(4)]
    made = Stage(*COMPONENTS[:2], *users)
    made.play(5)
    made.play(SURE, database=Reason.CLOSED, **{each.name: Reason.SERVER_ERROR for each in users})
    assert layers(document(made.snapshot), Selection()).affected_open is False


def test_a_large_graph_shows_what_fails_and_a_selection_its_neighbours() -> None:
    seen = document(fleet(200))
    root = seen["root_causes"][0]
    assert set(drawn(seen, [], Selection())) == {root["component"], *root["affected"]}
    assert len(drawn(seen, [], Selection(graph=True))) == 200
    small = broken()
    assert drawn(small, [], Selection()) == list(small["components"])
    assert drawn(small, ["chat"], Selection(q="chat")) == ["backend", "chat"]
    assert drawn(small, [], Selection(q="nothing")) == []


def test_what_is_starting_with_its_budget_and_who_waits_for_it() -> None:
    made = stage(backend=Reason.STARTING, chat=Reason.CLOSED)
    (found,) = starting(document(made.snapshot))
    assert (found.name, found.waiting, found.journeys) == ("backend", ["chat"], ["login"])
    assert found.ends == pytest.approx(606.0)  # the first failure began at 6.0
    assert found.spent == pytest.approx(7.5 / 600, abs=0.002)


def test_the_ban_is_named_in_the_headline_and_has_a_panel() -> None:
    made = stage()
    made.now += 1
    for name in ("backend", "chat"):
        made.run(name, Reason.RATE_LIMITED, Outcome.UNKNOWN)
    assert verdict(made.snapshot) == "test is unknown: backend and chat are unknown (rate limited, 429)"
    made.run("cache", Reason.CREDENTIALS, Outcome.UNKNOWN)
    assert verdict(made.snapshot) == (
        "test is unknown: backend and chat are unknown (rate limited, 429), "
        "cache is unknown (the exporter's own credentials fail)"
    )
    found = undetermined(document(made.snapshot))
    assert [(each.phrase, each.names) for each in found] == [
        ("the exporter's own credentials fail", ["cache"]),
        ("rate limited, 429", ["backend", "chat"]),
    ]
    assert all(each.remedy and each.detail for each in found)


def test_what_is_not_seen_is_named_beside_root_causes_and_beside_passes() -> None:
    made = stage(database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    made.run("cache", Reason.RATE_LIMITED, Outcome.UNKNOWN)
    assert verdict(made.snapshot) == ("test is down: database is the root cause; cache is unknown (rate limited, 429)")
    calm = stage()
    calm.run("cache", Reason.RESOLVER, Outcome.UNKNOWN)
    assert verdict(calm.snapshot) == "test is up: 3 checks pass, cache is unknown (the name server fails)"


def test_every_state_has_an_icon_of_its_own() -> None:
    states = ("up", "degraded", "flapping", "starting", "down", "unknown", "maintenance")
    assert len({icon(state) for state in states}) == 7


def test_a_disabled_component_is_folded_away_and_not_unknown_to_anybody() -> None:
    made = Stage(*COMPONENTS[:2], Component("old", Layer.SERVICE, Priority.P0, enabled=False))
    made.play(5)
    seen = document(made.snapshot)
    (service,) = (panel for panel in layers(seen, Selection()).panels if panel.layer == "service")
    assert (list(service.quiet), service.summary, undetermined(seen)) == (["old"], "1 disabled", [])
