"""The journal: what an incident says of a root cause, and the incidents that a check did not notice."""

from __future__ import annotations

import json

from staging_exporter.core.incidents import KEPT, with_announced
from staging_exporter.core.journal import Journal
from staging_exporter.core.memory import Memory, dump, parse
from staging_exporter.core.model import Layer, Priority, Reason, State
from staging_exporter.core.snapshot import RootCause


def root(detail: str = "", reason: Reason = Reason.CLOSED, through: tuple[str, ...] = ()) -> RootCause:
    return RootCause("db", Layer.SERVICE, Priority.P0, State.DOWN, reason, detail, 1.0, through=through)


def test_an_incident_keeps_the_detail_of_when_a_reason_was_published() -> None:
    journal = Journal().with_verdict([root("first")], 1.0).with_verdict([root("second")], 2.0)
    assert [cause.detail for cause in journal.incidents[-1].roots] == ["first"]
    (announced,) = with_announced(journal.incidents, [root("third")])
    assert (announced.detail, announced.announced) == ("third", "first")
    journal = journal.with_verdict([root("fourth", Reason.TIMEOUT)], 3.0)
    assert [cause.detail for cause in journal.incidents[-1].roots] == ["fourth"]


def test_what_no_incident_says_is_announced_as_it_is() -> None:
    assert with_announced((), [root("now")])[0].announced == "now"
    over = Journal().with_verdict([root("before")], 1.0).with_verdict([], 2.0)
    assert with_announced(over.incidents, [root("now")])[0].announced == "now"


def test_an_incident_that_a_check_did_not_notice_counts_once() -> None:
    journal = Journal()
    for at, through in enumerate([(), ("frontend",), ("frontend",), (), ("frontend", "edge")]):
        journal = journal.with_verdict([root(through=through)], float(at))
    assert journal.shallow == {"frontend": 1, "edge": 1}
    journal = journal.with_verdict([], 9.0)
    assert journal.shallow == {"frontend": 1, "edge": 1}
    assert journal.with_verdict([root(through=("frontend",))], 10.0).shallow == {"frontend": 2, "edge": 1}


def test_the_count_never_decreases_and_survives_a_restart() -> None:
    journal = Journal()
    for number in range(KEPT + 5):
        journal = journal.with_verdict([root(through=("frontend",))], 2.0 * number)
        assert journal.shallow == {"frontend": number + 1}
        journal = journal.with_verdict([], 2.0 * number + 1)
    assert len(journal.incidents) == KEPT
    kept = parse(json.loads(json.dumps(dump(Memory("test", journal=journal)))))
    assert kept.journal == journal


def test_a_memory_without_counts_is_read() -> None:
    document = dump(Memory("test"))
    del document["shallow"]
    assert parse(document) == Memory("test")
