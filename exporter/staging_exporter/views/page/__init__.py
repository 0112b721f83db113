"""Status document -> HTML: the status page, the page of one component, their script and style sheet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from staging_exporter.core.model import LATENT, Layer
from staging_exporter.core.words import span
from staging_exporter.views.document_types import (
    ComponentDetailDocument,
    ComponentDocument,
    StatusDocument,
    SuggestionsDocument,
)
from staging_exporter.views.page.bars import HEIGHT, phases, sparkline
from staging_exporter.views.page.graph import graph
from staging_exporter.views.page.texts import ago, banners, clock, iso, linked, precise
from staging_exporter.views.queries import counts, dependencies, root_cause_of
from staging_exporter.views.suggestions import sections

# Only our own files, nothing inline, no framing: a text that escapes escaping still cannot run.
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STATIC = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

# Marks that change the direction of text, and other invisible characters, are shown as their code points.
_INVISIBLE = {code: f"\N{LEFT CEILING}U+{code:04X}\N{RIGHT CEILING}" for code in
              (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x200B, 0xFEFF)}  # fmt: skip


def status_page(document: StatusDocument, suggestions: SuggestionsDocument, problem: str = "") -> Iterator[str]:
    """The status page, in pieces; `problem` is what is wrong with the exporter itself."""
    return _template("status.html").generate(
        document=document,
        now=document["generated_at"],
        banners=[*([("exporter", problem)] if problem else []), *banners(document)],
        counts=counts(document),
        graph=graph(document),
        suggestions=sections(suggestions),
        layers={layer: _of_layer(document, layer) for layer in map(str, Layer)},
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
        dependents=[
            other for other, each in document["components"].items() if name in {*dependencies(each), *each["covers"]}
        ],
        certificate={fact: value for fact, value in component["facts"].items() if fact.startswith("tls_")},
        facts={fact: value for fact, value in component["facts"].items() if not fact.startswith("tls_")},
        base="../",
    )


@cache
def static(name: str) -> bytes:
    """A file of `STATIC`. Raises KeyError for any other."""
    if name not in STATIC:
        raise KeyError(name)
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


def _of_layer(document: StatusDocument, layer: str) -> dict[str, ComponentDocument]:
    return {name: each for name, each in document["components"].items() if each["layer"] == layer}
