"""The story of an incident, its documents, its export, its feed, and the environment as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

from staging_exporter.core.history import Change, Observer, Sort, Subject
from staging_exporter.core.incidents import ACKNOWLEDGED, NOTE, Incident, IncidentRootCause, Note
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.core.story import AlertPlan, Story, story
from staging_exporter.views.document import document
from staging_exporter.views.document_types import IncidentDetailDocument, IncidentDocument
from staging_exporter.views.incident import feed, headline, incident_document, markdown, story_document
from staging_exporter.views.page.incidents import incident_page
from staging_exporter.views.page.replay import as_it_was, verdict_of

from tests.views.fleet import board
from tests.views.test_document import mismatches

DIRTY = "the | peer `hung` up <b>"
ROOT = IncidentRootCause("database", "infrastructure", "P0", "closed", DIRTY, 25.0, 60.0, 1.0)
OVER = Incident(25.0, 60.0, (ROOT,))
PLANS = {
    "P0": AlertPlan("StagingRootCauseP0", ("slack #ops",)),
    "P1": AlertPlan("StagingRootCauseP1", ("x",), ("http://am:9093",)),
}
NOTES = (Note(30.0, "ann", ACKNOWLEDGED, ""), Note(90.0, "bob", NOTE, "it was\n# the *disk*"))


def up(snapshot: Any, at: float) -> Any:
    """The same environment when everything is over."""
    healthy = {
        name: replace(status, state=State.UP, since=at, root=False, root_causes=(), explained_by=())
        for name, status in snapshot.components.items()
    }
    free = {name: replace(status, state=JourneyState.UP, blocked_at=None) for name, status in snapshot.journeys.items()}
    return replace(snapshot, generated_at=at, state=State.UP, components=healthy, root_causes=(), journeys=free)


def the_story() -> Story:
    observer, seen = Observer(), board().snapshot(26.0)
    changes = [
        Change(-5.0, Subject(Sort.DEPLOY, "backend"), "", {"revision": "r7"}),
        Change(-5.0, Subject(Sort.DEPLOY, "cache"), "", {"revision": "r7"}),
        *observer.changes(seen),
        *observer.changes(up(seen, 61.0)),
        Change(70.0, Subject(Sort.DEPLOY, "backend"), "", {"revision": "r8"}),
    ]
    return story(OVER, changes, dict.fromkeys(seen.components, "up"), PLANS, NOTES)


def test_a_story_has_everything_in_order() -> None:
    made = the_story()
    assert [(event.at, str(event.sort), event.text) for event in made.events if event.sort != "state"] == [
        (-5.0, "deploy", "backend and cache deployed as r7, 6 s before the first failure"),
        (1.0, "first failure", "first failing probe of database (closed)"),
        (25.0, "verdict", "database is a root cause (P0, down, closed)"),
        (25.0, "alert", "alert for database: StagingRootCauseP0; configured receivers: slack #ops"),
        (26.0, "verdict", "backend is affected by database"),
        (26.0, "journey", "journey login is blocked at sign-in"),
        (30.0, "acknowledged", "acknowledged by ann"),
        (60.0, "recovery", "database is no longer a root cause"),
        (60.0, "end", "incident over after 35 s"),
        (61.0, "journey", "journey login is up"),
        (90.0, "note", "note by bob"),
    ]
    assert (made.affected, made.journeys, made.first_failure) == (("backend",), ("login",), 1.0)
    assert {name for event in made.events if event.sort == "state" for name in event.components} >= {"database"}
    assert made.acknowledged == NOTES[0]


def test_what_the_exporter_sends_itself_is_sent() -> None:
    incident = Incident(25.0, None, (replace(ROOT, priority="P1"),))
    texts = [event.text for event in story(incident, [], {}, PLANS).events]
    sent = "StagingRootCauseP1; sent by the exporter to http://am:9093; configured receivers: x"
    assert f"alert for database: {sent}" in texts


def test_the_documents_have_exactly_the_keys_of_their_types() -> None:
    assert mismatches(incident_document(OVER), IncidentDocument) == []
    assert mismatches(story_document(the_story()), IncidentDetailDocument) == []
    assert incident_document(OVER)["duration"] == 35.0
    assert incident_document(OVER)["began"] == "1970-01-01T00:00:25.000Z"


def test_the_export_quotes_what_peers_and_people_wrote() -> None:
    text = markdown(the_story(), "stag|ing", 99.0)
    assert text.startswith("# Incident 19700101T000025.000Z in stag\\|ing: database, 35 s\n")
    assert "  - seen: `the \u00a6 peer \u02bchung\u02bc up <b>`\n" in text
    assert "bob: it was \\# the \\*disk\\*\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(line.replace("\\|", "").split("|")) for line in rows} == {5}


def test_the_feed_is_well_formed_and_moves_with_what_happens() -> None:
    current = Incident(100.0, None, (replace(ROOT, detail="\x00 <&> \ud800"),))
    text = feed([current, OVER], 'a "b" <c>', 200.0, {"19700101T000025.000Z": NOTES}, "https://example.com/s/")
    parsed = ElementTree.fromstring(text)
    entries = parsed.findall("{*}entry")
    updated = [entry.findtext("{*}updated") for entry in entries]
    assert updated == [
        "1970-01-01T00:01:40.000Z",
        "1970-01-01T00:01:30.000Z",
    ]
    assert [entry.find("{*}link").attrib["href"] for entry in entries][1] == (  # type: ignore[union-attr]
        "https://example.com/s/incidents/19700101T000025.000Z"
    )
    assert parsed.findtext("{*}updated") == "1970-01-01T00:01:40.000Z"


def test_a_headline_names_three_root_causes_and_how_long() -> None:
    many = Incident(0.0, None, tuple(replace(ROOT, component=name) for name in "abcda"))
    assert headline(many, 90.0) == "a, b, c and 1 more, 90 s so far"
    assert headline(OVER, 90.0) == "database, 35 s"


def test_a_step_shows_the_environment_as_it_was() -> None:
    first, last = the_story().steps[0], the_story().steps[-1]
    now = document(up(board().snapshot(26.0), 61.0))
    then = as_it_was(now, first)
    original = document(board().snapshot(26.0))
    assert {n: c["state"] for n, c in then["components"].items()} == {
        n: c["state"] for n, c in original["components"].items()
    }
    assert (then["root_causes"][0]["component"], then["root_causes"][0]["affected"]) == ("database", ["backend"])
    assert (then["journeys"]["login"]["state"], then["journeys"]["login"]["blocked_at"]) == ("blocked", "sign-in")
    assert (verdict_of(first), verdict_of(last)) == (
        "down: database is the root cause, 1 affected",
        "up, no root cause",
    )
    assert as_it_was({**now, "components": {}}, first)["root_causes"] == []


def test_the_page_of_an_incident_has_its_steps_as_links_and_the_scene_of_the_chosen_one() -> None:
    now, made = document(up(board().snapshot(26.0), 61.0)), the_story()
    pages = ["".join(incident_page(now, made, number)) for number in (0, len(made.steps) - 1, 99)]
    assert pages[1] == pages[2]
    for number, page in enumerate(pages[:1]):
        assert f'?step={number}#replay" aria-current="step"' in page
        assert page.count("?step=") == len(made.steps)
    assert "step 1: down: database is the root cause" in pages[0]
    assert "breaks here" in pages[0]
    assert "breaks here" not in pages[1]
    assert "the | peer `hung` up &lt;b&gt;" in pages[0]
