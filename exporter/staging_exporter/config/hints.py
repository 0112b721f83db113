"""Where an unknown key belongs: many are right, but beside `check` instead of inside it, or the other way round."""

from __future__ import annotations

from typing import Any

from staging_exporter.config.problems import TreePath, clip
from staging_exporter.config.schema import CheckExtras, ComponentOptions
from staging_exporter.core.words import nearest
from staging_exporter.probes import kinds, load

_BESIDE = tuple(sorted(set(ComponentOptions.model_fields) - {"check"}))


def option_names(kind: str) -> tuple[str, ...]:
    """The keys that a check of this kind accepts."""
    own = {field.alias or name for name, field in load(kind).model_fields.items() if not field.exclude}
    return tuple(sorted(own | set(CheckExtras.model_fields)))


def misplaced(tree: Any, place: TreePath) -> str | None:
    """What to write instead of the unknown key at `place`, when it belongs elsewhere."""
    match place:
        case ("components", str(name), "check", str(key)):
            return _beside(key, option_names(kind) if (kind := _kind(tree, name)) else ())
        case ("vantage", int(), str(key)) if key in _BESIDE:
            return f"unknown key `{clip(key)}`; checks under `vantage` have the timing of `defaults`, and no other keys"
        case ("components", str(name), str(key)) if kind := _kind(tree, name):
            return _inside(key, kind)
    return None


def _kind(tree: Any, name: str) -> str | None:
    try:
        kind = tree["components"][name]["check"]["kind"]
    except (KeyError, TypeError):
        return None
    return kind if kind in kinds() else None


def _beside(key: str, own: tuple[str, ...]) -> str | None:
    if key in _BESIDE:
        return f"unknown key `{key}`; `{key}` belongs beside `check`, not inside it"
    if nearest(key, own) is None and (near := nearest(key, _BESIDE)):
        return f"unknown key `{clip(key)}`, did you mean `{near}`, which belongs beside `check`?"
    return None


def _inside(key: str, kind: str) -> str | None:
    own = option_names(kind)
    if key in own:
        return f"unknown key `{key}`; `{key}` of kind {kind} belongs inside `check`"
    if nearest(key, _BESIDE) is None and (near := nearest(key, own)):
        return f"unknown key `{clip(key)}`, did you mean `{near}`, which belongs inside `check`?"
    return None
