"""What the page says in words: times, durations, banners. Functions of the document alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from staging_exporter.core.explain import span
from staging_exporter.views.questions import Document, conflicts

_OLD = 3  # intervals without a result after which the data of a component is old


def clock(at: float | None, now: float) -> str:
    """`09:41:07 UTC`, with the date when it is not today's; `never` for None."""
    if at is None:
        return "never"
    moment = datetime.fromtimestamp(at, UTC)
    today = moment.date() == datetime.fromtimestamp(now, UTC).date()
    return f"{moment:%H:%M:%S} UTC" if today else f"{moment:%Y-%m-%d %H:%M} UTC"


def iso(at: float) -> str:
    """For machines: `2026-01-31T09:41:07Z`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def ago(at: float, now: float) -> str:
    """`12 s ago`, or `in 3 days` for what is to come."""
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def precise(seconds: float) -> str:
    """How long a run or one of its phases took: `1.5 ms`, `230 ms`, `2.10 s`."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f} ms"


def linked(text: str) -> bool:
    """Whether a configured link may become one: http and https only."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def banners(document: Document) -> Iterator[tuple[str, str]]:
    """What a reader must know before the verdict is believed: (a word for its sort, a sentence)."""
    if conflicting := conflicts(document):
        yield "conflict", f"Conflicting evidence: {'; '.join(conflicting)}."
    if not document["online"]:
        yield (
            "offline",
            "The exporter itself is offline: all of its vantage checks fail. What it last knew still stands.",
        )
    if document["pending"]:
        yield "pending", "A round is open: everything around a change is probed at once, the verdict may still move."
    elif not document["settled"]:
        yield "unsettled", "Some checks stayed silent: the verdict was published without them."
    if oldest := _oldest(document):
        yield "old", f"The data is old: the last probe began {oldest} ago."


def _oldest(document: Document) -> str | None:
    """How long ago the last probe of all began, when every component is overdue."""
    now = document["generated_at"]
    checked = [each for each in document["components"].values() if each["last_probe"] is not None]
    if not checked or any(now - each["last_probe"] < _OLD * each["interval"] for each in checked):
        return None
    return span(now - max(each["last_probe"] for each in checked))
