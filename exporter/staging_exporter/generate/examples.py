"""Files beside the rules: runbooks, and examples for systemd, Prometheus, Kubernetes, Grafana and CI.

Their sources are in `files/`, in the same folders as they are written to. `{{exporter}}`, `{{environment}}` (quoted, as
in PromQL) and `{{version}}` in them are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from textwrap import fill

from staging_exporter.core.advice import ADVICE, Advice
from staging_exporter.core.model import Reason
from staging_exporter.generate.marker import marked
from staging_exporter.generate.promql import quoted

RUNBOOKS = "runbooks"
_ROOT_CAUSES = "StagingRootCauseP"
_EXAMPLES = ("ci", "grafana", "kubernetes", "prometheus", "systemd")
_EXPORTER = "http://localhost:9877"


def runbook(alert: str, environment: str, exporter: str | None = None) -> str:
    """The runbook of an alert, in Markdown, with the URL of the exporter in its commands. Raises KeyError."""
    source = _source(RUNBOOKS) / f"{alert}.md"
    if not alert.isalnum() or not source.is_file():
        raise KeyError(alert)
    text = _filled(source, environment, exporter)
    return text + _by_reason() if alert.startswith(_ROOT_CAUSES) else text


def _by_reason() -> str:
    """A section for each reason that a root cause can have."""
    sections = [f"### {reason}\n\n{_wrapped(advice)}" for reason, advice in ADVICE.items() if reason != Reason.OK]
    return "\n".join(["", "## By reason", "", "The alert and the status page have the reason.\n", *sections])


def _wrapped(advice: Advice) -> str:
    return fill(f"{advice.meaning} {advice.look}", 120, break_on_hyphens=False) + "\n"


def runbooks(environment: str, exporter: str | None = None) -> dict[str, str]:
    """All runbooks by file name."""
    names = sorted(source.name for source in _source(RUNBOOKS).iterdir())
    return {name: marked(name, runbook(name.removesuffix(".md"), environment, exporter)) for name in names}


def examples(environment: str, exporter: str | None = None) -> dict[str, str]:
    """The other files by their path below the output directory."""
    found = (item for folder in _EXAMPLES for item in _walk(_source(folder), folder))
    return {path: marked(path, _filled(source, environment, exporter)) for path, source in found}


def template(path: str) -> str:
    """A file of `files/` as it is, with its marker."""
    return marked(path, _source(path).read_text(encoding="utf-8"))


def _source(path: str) -> Traversable:
    return files(__package__).joinpath("files", *path.split("/"))


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        below = f"{path}/{item.name}"
        if item.is_dir():
            yield from _walk(item, below)
        else:
            yield below, item


def _filled(source: Traversable, environment: str, exporter: str | None) -> str:
    values = {
        "exporter": (exporter or _EXPORTER).rstrip("/"),
        "environment": quoted(environment),
        "version": version("staging-exporter"),
    }
    return re.sub(r"{{(\w+)}}", lambda match: values[match[1]], source.read_text(encoding="utf-8"))
