"""The templates of the pages: what they may call, and how texts of peers become harmless in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from staging_exporter.core.model import LATENT
from staging_exporter.core.words import span
from staging_exporter.views.document_types import ComponentDocument
from staging_exporter.views.page.bars import HEIGHT, phases, sparkline
from staging_exporter.views.page.texts import ago, clock, iso, linked, precise
from staging_exporter.views.page.uptime import bar_height, hovered

# Marks that change the direction of text, and other invisible characters, are shown as their code points.
_INVISIBLE = {code: f"\N{LEFT CEILING}U+{code:04X}\N{RIGHT CEILING}" for code in
              (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x200B, 0xFEFF)}  # fmt: skip


def inert(value: object) -> object:
    """The text with invisible characters spelt out; jinja2 escapes it afterwards."""
    return value.translate(_INVISIBLE) if type(value) is str else value


_TILES: dict[tuple[str, str], tuple[ComponentDocument, str, Markup]] = {}
_MOST_TILES = 50_000


def kept(tile: Callable[..., Markup], name: str, document: ComponentDocument, css: str, age: str) -> Markup:
    """The tile of a component, written again only for another document or age."""
    known = _TILES.get((name, css))
    if known is None or known[0] is not document or known[1] != age:
        if len(_TILES) >= _MOST_TILES:
            _TILES.clear()
        known = _TILES[name, css] = document, age, tile(name, document, css, age)
    return known[2]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("staging_exporter.views.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=inert,
    )
    for function in (ago, bar_height, clock, hovered, iso, kept, linked, phases, precise, span, sparkline):
        environment.globals[function.__name__] = function
    environment.globals |= {"LATENT": LATENT, "SPARK_HEIGHT": HEIGHT}
    for name in environment.list_templates():  # now, in the thread of the first page, and not one by one on the loop
        environment.get_template(name)
    return environment


def template(name: str) -> Template:
    """The template of that name."""
    return _environment().get_template(name)
