"""Status document -> HTML: the status page, the page of one component, their script and style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from staging_exporter.core.model import State
from staging_exporter.views.document_types import (
    ComponentDetailDocument,
    StatusDocument,
    SuggestionsDocument,
)
from staging_exporter.views.page.graph import graph
from staging_exporter.views.page.history import Trace
from staging_exporter.views.page.icons import icon
from staging_exporter.views.page.latency import curve, folded
from staging_exporter.views.page.markdown import blocks
from staging_exporter.views.page.panels import layers, starting, undetermined
from staging_exporter.views.page.selection import Selection, all_labels, drawn, layers_of, owners
from staging_exporter.views.page.templating import template
from staging_exporter.views.page.texts import banners
from staging_exporter.views.page.tools import Help, Tools, help_for
from staging_exporter.views.queries import counts, dependents, root_cause_of, starts_behind
from staging_exporter.views.suggestions import sections

# Only our own files, nothing inline, no framing: a text that escapes escaping still cannot run.
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_ICONS = {f"icon-{state}.svg": state for state in State}
_SCRIPTS = ("theme.js", "page.js", "morph.js", "viewer.js", "replay.js")
STATIC = {
    **dict.fromkeys(["page.css", "history.css"], "text/css"),
    **dict.fromkeys(_SCRIPTS, "text/javascript"),
    **dict.fromkeys(["icon.svg", *_ICONS], "image/svg+xml"),
}


def status_page(
    document: StatusDocument,
    suggestions: SuggestionsDocument,
    problem: str = "",
    selection: Selection = Selection(),  # noqa: B008  # frozen
    tools: Tools = Tools(),  # noqa: B008  # frozen
    trace: Trace = Trace(),  # noqa: B008  # frozen
) -> Iterator[str]:
    """The status page, in pieces; `problem` is what is wrong with the exporter itself, `trace` the past."""
    shown = layers(document, selection)
    selected = [name for panel in shown.panels for name in (*panel.urgent, *panel.affected, *panel.quiet)]
    graphed = drawn(document, selected, selection)
    return template("status.html").generate(
        document=document,
        now=document["generated_at"],
        banners=[*([("exporter", problem)] if problem else []), *banners(document)],
        counts=counts(document),
        selection=selection,
        layers=shown,
        graph=graph(document, graphed),
        drawn_layers=layers_of(document, graphed),
        used_layers=layers_of(document, document["components"]),
        owners=owners(document),
        labels=all_labels(document),
        helps=_helps(document, tools),
        starting=starting(document),
        starts_behind=starts_behind,
        undetermined=undetermined(document),
        suggestions=sections(suggestions),
        last_incident=trace.last_incident(document["generated_at"]),
        uptimes=trace.of_journeys(document),
        base="",
    )


def component_page(
    document: StatusDocument,
    component: ComponentDetailDocument,
    tools: Tools = Tools(),  # noqa: B008  # frozen
    trace: Trace = Trace(),  # noqa: B008  # frozen
) -> Iterator[str]:
    """The page of one component, in pieces."""
    name = component["component"]
    return template("component.html").generate(
        document=document,
        now=document["generated_at"],
        banners=list(banners(document)),
        name=name,
        component=component,
        uptimes=trace.of_component(name, document["generated_at"]),
        latency=curve(component["runs"]),
        failures=folded(component["failures"]),
        root=root_cause_of(document, name),
        help=_helps(document, tools).get(name),
        dependents=dependents(document, name),
        certificate={fact: value for fact, value in component["facts"].items() if fact.startswith("tls_")},
        facts={fact: value for fact, value in component["facts"].items() if not fact.startswith("tls_")},
        base="../",
    )


def runbook_page(environment: str, now: float, name: str, text: str) -> str:
    """A runbook, from its Markdown."""
    return _plain("runbook.html", environment, now, base="../", name=name, blocks=blocks(text))


def missing_page(sentence: str, near: Iterable[str] = (), base: str = "") -> str:
    """What is shown for what does not exist; `base` leads to the status page, `near` are similar components."""
    return _plain("missing.html", "", None, base=base, sentence=sentence, near=list(near))


def _plain(name_of_template: str, environment: str, now: float | None, **values: object) -> str:
    return template(name_of_template).render(document={"environment": environment}, now=now, banners=[], **values)


def _helps(document: StatusDocument, tools: Tools) -> dict[str, Help]:
    """By root cause."""
    components, now = document["components"], document["generated_at"]
    return {
        root["component"]: help_for(tools, document["environment"], root, components[root["component"]], now)
        for root in document["root_causes"]
    }


@cache
def static(name: str) -> bytes:
    """A file of `STATIC`. Raises KeyError for any other."""
    if name not in STATIC:
        raise KeyError(name)
    if name in _ICONS:
        return icon(_ICONS[name]).encode()
    return (files(__name__) / "static" / name).read_bytes()
