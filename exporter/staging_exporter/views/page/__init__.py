"""The document of `/api/v1/status` -> HTML: the status page, the page of one component, their script and style."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from staging_exporter.core.explain import span
from staging_exporter.core.model import LATENT, Layer
from staging_exporter.views.page.bars import HEIGHT, phases, sparkline
from staging_exporter.views.page.picture import picture
from staging_exporter.views.page.words import ago, banners, clock, iso, linked, precise
from staging_exporter.views.questions import Document, counts, needs, root_of

# Only our own files, nothing inline, no frame around it: a text that slips through does nothing.
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STATIC = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

# Marks that turn the direction of text around, and other invisible ones, are shown as what they are.
_INVISIBLE = {code: f"\N{LEFT CEILING}U+{code:04X}\N{RIGHT CEILING}" for code in
              (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x200B, 0xFEFF)}  # fmt: skip


def status_page(document: Document) -> Iterator[str]:
    """The whole page, piece by piece."""
    return _template("status.html").generate(
        document=document,
        now=document["generated_at"],
        banners=list(banners(document)),
        counts=counts(document),
        picture=picture(document),
        layers={layer: _owned(document, layer) for layer in map(str, Layer)},
        base="",
    )


def component_page(document: Document, component: Mapping[str, Any]) -> Iterator[str]:
    """The page of one component: `component` is its document, with its runs and failures."""
    name = component["component"]
    return _template("component.html").generate(
        document=document,
        now=document["generated_at"],
        banners=list(banners(document)),
        name=name,
        component=component,
        root=root_of(document, name),
        dependents=[other for other, each in document["components"].items() if name in {*needs(each), *each["covers"]}],
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
    """Text whose invisible marks are spelt out; it is escaped after this."""
    return value.translate(_INVISIBLE) if type(value) is str else value


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__name__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=inert,
    )
    for function in (ago, clock, iso, linked, phases, precise, span, sparkline):
        made.globals[function.__name__] = function
    made.globals |= {"LATENT": LATENT, "SPARK_HEIGHT": HEIGHT}
    return made


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _owned(document: Document, layer: str) -> dict[str, Any]:
    return {name: each for name, each in document["components"].items() if each["layer"] == layer}
