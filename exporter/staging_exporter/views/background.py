"""Status document -> what an up component depends on, since when it is up, and when a probe last failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from staging_exporter.core.model import State
from staging_exporter.core.words import joined, span
from staging_exporter.views.document_types import RunDocument, StatusDocument


def background(document: StatusDocument, name: str, failures: Sequence[RunDocument] | None) -> str:
    """Sentences about a component that is up; empty for another one, whose explanation says more.

    `failures` are its last runs that did not pass, newest last; None where they are not known. Raises KeyError.
    """
    return " ".join(_sentences(document, name, failures)) if document["components"][name]["state"] == State.UP else ""


def _sentences(document: StatusDocument, name: str, failures: Sequence[RunDocument] | None) -> Iterator[str]:
    component, now = document["components"][name], document["generated_at"]
    if component["since"] is not None:
        yield f"It has been up since {_moment(component['since'], now)}."
    groups = [[group] if isinstance(group, str) else group for group in component["depends_on"]]
    hard = [joined([_with_state(document, other) for other in group], "or") for group in groups]
    optional = [_with_state(document, other) for other in component["optional_depends_on"]]
    if hard:
        yield f"It depends on {joined(hard)}."
    if optional:
        yield f"It optionally depends on {joined(optional)}."
    if not hard and not optional:
        yield "It has no dependencies."
    if failures:
        last = failures[-1]
        why = f"{last['reason']}, {last['detail']}" if last["detail"] else last["reason"]
        yield f"The last probe that did not pass was at {_moment(last['started'], now)}: {why}."
    elif failures is not None:
        yield "No probe has failed since the exporter started."


def _with_state(document: StatusDocument, name: str) -> str:
    return f"{name} ({document['components'][name]['state']})"


def _moment(at: float, now: float) -> str:
    """The time of day, with the date when it was another day, and how long ago."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC).date()
    form = "%H:%M:%S UTC" if moment.date() == today else "%Y-%m-%d %H:%M:%S UTC"
    return f"{moment:{form}} ({span(max(0.0, now - at))} ago)"
