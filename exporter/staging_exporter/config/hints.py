"""Which keys belong where: many unknown ones are right, but beside `check` instead of inside it, or in a section."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from staging_exporter.config.keys import known_keys
from staging_exporter.config.problems import TreePath, clip
from staging_exporter.config.schema import CheckExtras, ComponentOptions, File
from staging_exporter.core.words import nearest
from staging_exporter.options.check import Check
from staging_exporter.probes import kinds, load

_BESIDE = tuple(sorted(set(ComponentOptions.model_fields) - {"check"}))


def option_names(kind: str) -> tuple[str, ...]:
    """The keys that a check of this kind accepts."""
    own = {field.alias or name for name, field in load(kind).model_fields.items() if not field.exclude}
    return tuple(sorted(own | set(CheckExtras.model_fields)))


def startup_options(model: type[Check], given: Collection[str]) -> set[str]:
    """The keys among `given` that only the loader may set. The other kinds are loaded only for a key of theirs."""
    known = (
        {model.startup_option} if model.model_fields.keys() >= set(given) else {load(k).startup_option for k in kinds()}
    )
    return {key for key in known if key is not None and key in given}


def section_defaults(file: File, model: type[Check]) -> dict[str, Any]:
    """Defaults of options of this kind, from the top-level section that it names."""
    if model.environment_section is None:
        return {}
    section = getattr(file, model.environment_section).model_dump(mode="json", exclude_unset=True)
    return {key: value for key, value in section.items() if key in model.model_fields and value is not None}


def misplaced(tree: Any, place: TreePath) -> str | None:
    """What to write instead of the unknown key at `place`, when it belongs elsewhere."""
    match place:
        case ("components", str(name), "check", str(key)):
            return _beside(key, option_names(kind) if (kind := _kind(tree, name)) else ())
        case ("vantage", int(), str(key)) if key in _BESIDE:
            return f"unknown key `{clip(key)}`; checks under `vantage` have the timing of `defaults`, and no other keys"
        case ("components", str(name), "check", *path, str(around), str(key)) if kind := _kind(tree, name):
            return _one_level_up(key, around, known_keys(load(kind), tuple(path)))
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


def _one_level_up(key: str, around: str, beside: tuple[str, ...]) -> str | None:
    if key not in beside or (around, key) == ("websocket", "capture"):  # which its steps have
        return None
    return f"unknown key `{key}`; `{key}` belongs beside `{around}`, not inside it"


def _inside(key: str, kind: str) -> str | None:
    own = option_names(kind)
    if key in own:
        return f"unknown key `{key}`; `{key}` of kind {kind} belongs inside `check`"
    if nearest(key, _BESIDE) is None and (near := nearest(key, own)):
        return f"unknown key `{clip(key)}`, did you mean `{near}`, which belongs inside `check`?"
    return None
