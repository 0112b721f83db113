"""The kinds of checks: one file each, named like the kind, with its documentation `<kind>.md`. Imported by `config`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from inspect import getfile
from pathlib import Path

from staging_exporter.options.check import Check


@cache
def kinds() -> tuple[str, ...]:
    """Names of all kinds, sorted; the files of this package are the list. Those with `_` before are parts of kinds."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


@cache
def load(kind: str) -> type[Check]:
    """The model of a kind. Raises KeyError when there is none of that name."""
    if kind not in kinds():
        raise KeyError(kind)
    module = import_module(f"{__name__}.{kind}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Check) and value.__module__ == module.__name__
    ]
    (check,) = found
    return check


def documentation(kind: str) -> str:
    """The documentation of a kind, Markdown. Raises KeyError when there is no such kind."""
    return Path(getfile(load(kind))).with_suffix(".md").read_text(encoding="utf-8")
