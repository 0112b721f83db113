"""Status document -> HTML: the status page, the page of one component, their script and style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from staging_exporter.core.model import LATENT, Layer, State
from staging_exporter.core.words import span
from staging_exporter.views.document_types import (
    ComponentDetailDocument,
    StatusDocument,
    SuggestionsDocument,
)
from staging_exporter.views.page.bars import HEIGHT, phases, sparkline
from staging_exporter.views.page.graph import graph
from staging_exporter.views.page.icons import icon
from staging_exporter.views.page.panels import layers, starting, undetermined
from staging_exporter.views.page.selection import Selection, all_labels, drawn, owners
from staging_exporter.views.page.texts import ago, banners, clock, iso, linked, precise
from staging_exporter.views.queries import counts, dependents, root_cause_of
from staging_exporter.views.suggestions import sections

# Only our own files, nothing inline, no framing: a text that escapes escaping still cannot run.
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_ICONS = {f"icon-{state}.svg": state for state in State}
_SCRIPTS = ("theme.js", "page.js", "morph.js", "viewer.js")
STATIC = {
    "page.css": "text/css",
    **dict.fromkeys(_SCRIPTS, "text/javascript"),
    **dict.fromkeys(["icon.svg", *_ICONS], "image/svg+xml"),
}

# Marks that change the direction of text, and other invisible characters, are shown as their code points.
_INVISIBLE = {code: f"\N{LEFT CEILING}U+{code:04X}\N{RIGHT CEILING}" for code in
              (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x200B, 0xFEFF)}  # fmt: skip


def status_page(
    document: StatusDocument,
    suggestions: SuggestionsDocument,
    problem: str = "",
    selection: Selection = Selection(),  # noqa: B008  # frozen
) -> Iterator[str]:
    """The status page, in pieces; `problem` is what is wrong with the exporter itself."""
    shown = layers(document, selection)
    selected = [name for panel in shown.panels for name in (*panel.urgent, *panel.affected, *panel.quiet)]
    graphed = drawn(document, selected, selection)
    return _template("status.html").generate(
        document=document,
        now=document["generated_at"],
        banners=[*([("exporter", problem)] if problem else []), *banners(document)],
        counts=counts(document),
        selection=selection,
        layers=shown,
        graph=graph(document, graphed),
        drawn_layers=_layers_of(document, graphed),
        used_layers=_layers_of(document, document["components"]),
        owners=owners(document),
        labels=all_labels(document),
        starting=starting(document),
        undetermined=undetermined(document),
        suggestions=sections(suggestions),
        base="",
    )


def component_page(document: StatusDocument, component: ComponentDetailDocument) -> Iterator[str]:
    """The page of one component, in pieces."""
    name = component["component"]
    return _template("component.html").generate(
        document=document,
        now=document["generated_at"],
        banners=list(banners(document)),
        name=name,
        component=component,
        root=root_cause_of(document, name),
        dependents=dependents(document, name),
        certificate={fact: value for fact, value in component["facts"].items() if fact.startswith("tls_")},
        facts={fact: value for fact, value in component["facts"].items() if not fact.startswith("tls_")},
        base="../",
    )


@cache
def static(name: str) -> bytes:
    """A file of `STATIC`. Raises KeyError for any other."""
    if name not in STATIC:
        raise KeyError(name)
    if name in _ICONS:
        return icon(_ICONS[name]).encode()
    return (files(__name__) / "static" / name).read_bytes()


def inert(value: object) -> object:
    """The text with invisible characters spelt out; jinja2 escapes it afterwards."""
    return value.translate(_INVISIBLE) if type(value) is str else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__name__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=inert,
    )
    for function in (ago, clock, iso, linked, phases, precise, span, sparkline):
        environment.globals[function.__name__] = function
    environment.globals |= {"LATENT": LATENT, "SPARK_HEIGHT": HEIGHT}
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _layers_of(document: StatusDocument, names: Iterable[str]) -> list[str]:
    """The layers of these components, from below."""
    used = {document["components"][name]["layer"] for name in names}
    return [layer for layer in map(str, Layer) if layer in used]
