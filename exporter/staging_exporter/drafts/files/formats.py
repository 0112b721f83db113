"""The formats that `init --from` reads, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from staging_exporter.drafts.files import blackbox, compose, gatus, kubernetes, openapi, prometheus, uptime_kuma
from staging_exporter.drafts.files.drafting import Drafting, render
from staging_exporter.drafts.files.reading import Source, read
from staging_exporter.drafts.text import one_line

FORMATS: Mapping[str, Callable[[list[Source], Drafting], None]] = {
    "compose": compose.draft,
    "blackbox": blackbox.draft,
    "gatus": gatus.draft,
    "uptime-kuma": uptime_kuma.draft,
    "kubernetes": kubernetes.draft,
    "openapi": openapi.draft,
    "prometheus": prometheus.draft,
}


def draft_files(name: str, paths: Sequence[Path], answers: Sequence[Source] = ()) -> tuple[str, list[str]]:
    """The text of a configuration from files of this format, and what could not be translated. Raises DraftError.

    `answers` are what was read elsewhere than in files.
    """
    drafting = Drafting()
    sources = [*map(read, paths), *answers]
    FORMATS[name](sources, drafting)
    draft = drafting.finish()
    command = [name, *(source.url or source.name for source in sources)]
    return render(draft, command, drafting.environment), list(dict.fromkeys(map(one_line, draft.unseen)))
