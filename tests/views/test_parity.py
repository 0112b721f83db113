"""Where two status documents differ: one planted difference of each aspect at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from staging_exporter.views.document import document
from staging_exporter.views.parity import ASPECTS, parity_document

from tests.views.fleet import board

NAME = "backend"
FACTS = {"status": 200, "redirects": 0, "tls_version": "TLSv1.3", "tls_issuer": "Ours", "revision": 41, "uptime": 9.0}
RECENT = {"outcomes": ["pass", "pass", "pass", "fail"], "durations": [0.05, 0.06, 0.07, 5.0]}


@pytest.fixture
def staging() -> Any:
    status = document(board().snapshot(26.0))
    status["components"][NAME].update(state="up", reason="ok", facts=dict(FACTS), recent=copy.deepcopy(RECENT))  # type: ignore[typeddict-item]
    return status


def planted(status: Any, **changes: Any) -> Any:
    changed = copy.deepcopy(status)
    changed["components"][NAME].update(changes)
    return changed


def without(status: Any) -> Any:
    changed = copy.deepcopy(status)
    del changed["components"][NAME]
    return changed


def facts(**changes: Any) -> Callable[[Any], Any]:
    return lambda status: planted(status, facts=FACTS | changes)


def durations(*seconds: float) -> Callable[[Any], Any]:
    return lambda status: planted(status, recent={"outcomes": ["pass"] * len(seconds), "durations": list(seconds)})


DIFFERENT = [
    (without, "missing", "present", "missing"),
    (lambda s: planted(s, state="down", reason="timeout"), "state", "up", "down (timeout)"),
    (facts(revision=42), "version", "revision 41", "revision 42"),
    (facts(status=204), "status", "200", "204"),
    (facts(redirects=1), "redirects", "0", "1"),
    (facts(tls_version="TLSv1.2"), "tls_version", "TLSv1.3", "TLSv1.2"),
    (facts(tls_issuer="Theirs"), "issuer", "Ours", "Theirs"),
    (durations(0.17, 0.2, 0.21), "latency", "60 ms", "200 ms"),
]


@pytest.mark.parametrize(("change", "aspect", "a", "b"), DIFFERENT, ids=[row[1] for row in DIFFERENT])
def test_one_difference_is_found_and_nothing_else(staging: Any, change: Any, aspect: str, a: str, b: str) -> None:
    seen = {"component": NAME, "aspect": aspect, "a": a, "b": b}
    assert parity_document(staging, change(staging))["differences"] == [seen]
    assert parity_document(change(staging), staging)["differences"] == [seen | {"a": b, "b": a}]


def test_every_aspect_is_planted() -> None:
    assert {row[1] for row in DIFFERENT} == set(ASPECTS)


SAME = {
    "nothing": copy.deepcopy,
    "a fact that only one has seen": lambda s: planted(s, facts={"status": 200}),
    "a number that is no version": facts(uptime=1e6),
    "another reason for the same state": lambda s: planted(s, reason="slow"),
    "a latency that differs by a factor but not by 100 ms": durations(0.15),
    "a latency that differs by 100 ms but not by the factor": durations(0.17),
    "no run that passed": lambda s: planted(s, recent={"outcomes": ["fail"], "durations": [9.0]}),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_it_is_no_difference(staging: Any, change: Any) -> None:
    assert parity_document(staging, change(staging))["differences"] == []


def test_the_revision_of_a_deploy_is_a_version(staging: Any) -> None:
    first, second = (planted(staging, deployed={"at": 1.0, "revision": revision}) for revision in ("a1", "b2"))
    seen = {"component": NAME, "aspect": "version", "a": "deployed a1", "b": "deployed b2"}
    assert parity_document(first, second)["differences"] == [seen]
    assert parity_document(first, planted(staging, deployed={"at": 1.0, "revision": ""}))["differences"] == []


@pytest.mark.parametrize("word", ["status", NAME, f"{NAME}:status"])
def test_what_is_ignored_is_no_difference(staging: Any, word: str) -> None:
    assert parity_document(staging, facts(status=204)(staging), ignored=[word])["differences"] == []


def test_what_is_ignored_hides_nothing_else(staging: Any) -> None:
    other = facts(status=204, revision=42)(staging)
    found = parity_document(staging, other, ignored=[f"{NAME}:version"])["differences"]
    assert [each["aspect"] for each in found] == ["status"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("backnd", "nothing is called 'backnd', did you mean 'backend'?"),
        ("statsu", "nothing is called 'statsu', did you mean 'status'?"),
        (f"{NAME}:isuer", "there is no aspect 'isuer', did you mean 'issuer'?"),
    ],
)
def test_what_cannot_be_ignored_is_an_error(staging: Any, word: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says.replace('?', '[?]')}$"):
        parity_document(staging, staging, ignored=[word])
