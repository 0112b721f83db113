"""The texts of the pages: times, durations, banners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from staging_exporter.core.words import span
from staging_exporter.views.document_types import StatusDocument
from staging_exporter.views.queries import conflicts

_OLD = 3  # intervals without a result after which the data of a component is out of date


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
    """`12 s ago`, or `in 3 days` for the future."""
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def precise(seconds: float) -> str:
    """How long a run or one of its phases took: `1.5 ms`, `230 ms`, `2.10 s`."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f} ms"


def linked(text: str) -> bool:
    """Whether a configured text becomes a link: http and https only."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def banners(document: StatusDocument) -> Iterator[tuple[str, str]]:
    """Warnings above the verdict, as (CSS class, sentence)."""
    if conflicting := conflicts(document):
        yield "conflict", f"Conflicting evidence: {'; '.join(conflicting)}."
    if not document["online"]:
        yield (
            "offline",
            "All vantage checks of the exporter are failing: what fails is unknown, what passes is up. "
            "Root causes shown may be those seen before.",
        )
    if document["pending"]:
        yield (
            "pending",
            "A change is being confirmed: the components around it are probed again, and the verdict may still change.",
        )
    elif not document["settled"]:
        yield "unsettled", "Some checks did not finish in time: the verdict was published without them."
    if oldest := _oldest(document):
        yield "old", f"This data is out of date: the last probe started {oldest} ago."


def _oldest(document: StatusDocument) -> str | None:
    """How long ago the newest probe started, when every component is overdue."""
    now = document["generated_at"]
    components = document["components"].values()
    probed = [(at, each["interval"]) for each in components if (at := each["last_probe"]) is not None]
    if not probed or any(now - at < _OLD * interval for at, interval in probed):
        return None
    return span(now - max(at for at, _ in probed))
