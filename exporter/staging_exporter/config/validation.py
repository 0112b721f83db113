"""A tree against a pydantic model: every error, in plain sentences, with its path in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from staging_exporter.config.keys import known_keys
from staging_exporter.config.problems import (
    MAX_PROBLEMS,
    ConfigError,
    Problem,
    TreePath,
    clip,
    did_you_mean,
    format_path,
)
from staging_exporter.config.sources import Sources
from staging_exporter.config.tree import copied
from staging_exporter.core.words import joined, nearest
from staging_exporter.options.secrets import FOLDER

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "none": "nothing",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}
_SHAPE = re.compile(r"(string|int|float|bool|none|list|tuple|set|frozen_set|dict|model)_(type|required|from_float)")
_BOUNDS = {
    "greater_than": ("greater than {}", "gt"),
    "greater_than_equal": ("at least {}", "ge"),
    "less_than": ("less than {}", "lt"),
    "less_than_equal": ("at most {}", "le"),
}
_USERINFO = re.compile(r"(['\"`]?)[^\s`]*@")  # a message may quote an address with a password


class _Complaint(NamedTuple):
    """An error with its path in the tree; `branch` is (path, tag) of the union whose branch it comes from."""

    path: TreePath
    branch: tuple[TreePath, str] | None
    error: Any

    @property
    def shape(self) -> str | None:
        """The expected type of value, when the error is a wrong type."""
        match = _SHAPE.fullmatch(self.error["type"])
        return _EXPECTED[match[1]] if match else None

    @property
    def misfit(self) -> bool:
        """True when the value does not have the type of this branch."""
        return self.branch is not None and self.branch[0] == self.path and self.shape is not None


class Validation:
    """Collects the problems of one document."""

    def __init__(self, document: Sources, misplaced: Callable[[Any, TreePath], str | None]) -> None:
        """`misplaced` says of the tree and the path of an unknown key where that belongs; None when nowhere."""
        self.problems = list(document.problems)
        self._misplaced = misplaced
        self._document = document
        self._lost: set[TreePath] = set()

    def lost(self, path: TreePath) -> bool:
        """True when the value at `path` was reported: the value that replaces it is not what the file means."""
        return any(path[: end + 1] in self._lost for end in range(len(path)))

    def problem(self, path: TreePath, message: str) -> Problem:
        """A problem at `path`, not reported."""
        file, line = self._document.place(path)
        return Problem(file, line, format_path(path), _USERINFO.sub(r"\1***@", message))

    def report(self, path: TreePath, message: str) -> None:
        """Report an error at `path`. Raises ConfigError when there are too many."""
        if not self._is_lost(path):
            self._add(self.problem(path, message))

    def _is_lost(self, path: TreePath) -> bool:
        """True when a variable there is not set, which was reported."""
        return path in self._document.lost

    def _add(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) > MAX_PROBLEMS:
            raise ConfigError(self.problems, self._document.watched.files)

    def check(self) -> None:
        """Raises ConfigError when an error was reported."""
        if self.problems:
            raise ConfigError(self.problems, self._document.watched.files)

    def validate(
        self,
        model: type[M],
        tree: Any,
        at: TreePath,
        moved: Mapping[str, TreePath] | None = None,
        names: tuple[str, ...] = (),
    ) -> M | None:
        """`tree`, which is at `at` in the file, as a model; None after reporting its errors.

        `moved` has the paths of keys of `tree` that are elsewhere in the file; `names` are the keys that it may have
        there, where these are not those of the model.
        """
        try:
            return model.model_validate(tree, context=self._context(at))
        except ValidationError as error:
            self._report_all(model, tree, at, moved or {}, _complaints(error, tree), names)
            return None

    def salvage(self, model: type[M], tree: Any, fallbacks: Mapping[str, Any]) -> M:
        """The whole file as a model; values with errors are reported and left out, so that the rest is still validated.

        `fallbacks` replace missing keys. Raises ConfigError when nothing is left.
        """
        complaints: list[_Complaint] = []
        rest = copied(tree)
        for attempt in range(8):
            try:
                return model.model_validate(rest, context=self._context(("api",)))  # which alone has secrets
            except ValidationError as error:
                complaints = _complaints(error, rest)
                if attempt == 0:
                    self._report_all(model, tree, (), {}, complaints)
                for complaint in complaints:
                    _repair(rest, complaint, fallbacks)
        raise ConfigError(self.problems, self._document.watched.files)

    def _context(self, at: TreePath) -> dict[str, Path]:
        file, _ = self._document.place(at)
        return {FOLDER: Path(file).parent}

    def _report_all(
        self,
        model: type[BaseModel],
        tree: Any,
        at: TreePath,
        moved: Mapping[str, TreePath],
        complaints: Iterable[_Complaint],
        names: tuple[str, ...] = (),
    ) -> None:
        # A value of the wrong type is one error, however many branches of a union report it.
        together: dict[tuple[TreePath, int], list[_Complaint]] = {}
        for number, complaint in enumerate(complaints):
            together.setdefault((complaint.path, -1 if complaint.shape else number), []).append(complaint)
        for (path, _), group in together.items():
            error = group[0].error
            base = moved.get(str(path[0])) if path else None
            place = (*base, *path[1:]) if base else (*at, *path)
            if self._is_lost(place):
                self._lost.add(place)
                continue
            if group[0].shape:
                text = _shapes(group, _value(tree, path))
            elif error["type"] == "extra_forbidden":
                known = names if names and len(path) == 1 else known_keys(model, path[:-1])
                text = self._misplaced(self._document.tree, place) or _unknown_key(str(path[-1]), known)
            else:
                text = _sentence(error)
            self._lost.add(_meant(model, path, place, error))
            found = self.problem(place, text)
            if error["type"] == "extra_forbidden":  # reported at the line of the key, with the path of its mapping
                found = replace(found, path=format_path(place[:-1]))
            self._add(found)


def _complaints(error: ValidationError, tree: Any) -> list[_Complaint]:
    """The relevant errors, in order: of a union only the branch that is closest to the value."""
    found = [_locate(details, tree) for details in error.errors(include_url=False) if not _consequence(details)]
    unions: dict[TreePath, dict[str, list[_Complaint]]] = {}
    for complaint in found:
        if complaint.branch:
            unions.setdefault(complaint.branch[0], {}).setdefault(complaint.branch[1], []).append(complaint)
    kept = {path: _closest(branches) for path, branches in unions.items()}
    return [c for c in found if c.branch is None or any(c is k for k in kept[c.branch[0]])]


def _meant(model: type[BaseModel], path: TreePath, place: TreePath, error: Any) -> TreePath:
    """The path whose value is lost by an error: for a misspelt key, that of the intended key."""
    if error["type"] == "missing":
        return (*place, error["loc"][-1])
    if error["type"] == "extra_forbidden":
        return (*place[:-1], nearest(str(path[-1]), known_keys(model, path[:-1])) or place[-1])
    return place


def _consequence(error: Any) -> bool:
    """True for a list or mapping that counts as too short only because its items are wrong."""
    return error["type"] == "too_short" and bool(len(error["input"]) >= error["ctx"]["min_length"])


def _closest(branches: Mapping[str, list[_Complaint]]) -> list[_Complaint]:
    fitting = [branch for branch in branches.values() if not any(complaint.misfit for complaint in branch)]
    if fitting:
        return min(fitting, key=len)
    return [complaint for branch in branches.values() for complaint in branch]


def _locate(error: Any, tree: Any) -> _Complaint:
    """Walk the location through the tree; a step that is not a key is the tag of a union branch."""
    path: TreePath = ()
    branch = None
    location = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    for step in location:
        if (isinstance(tree, dict) and step in tree) or (isinstance(tree, list) and isinstance(step, int)):
            tree = tree[step]
            path = (*path, step)
        elif branch is None and step != "[key]":
            branch = (path, str(step))
    return _Complaint(path, branch, error)


def _repair(tree: Any, complaint: _Complaint, fallbacks: Mapping[str, Any]) -> None:
    """Remove the value of an error, or add what is missing."""
    path, error = complaint.path, complaint.error
    around, key = _value(tree, path), error["loc"][-1]
    if error["type"] == "missing" and key in fallbacks:
        if isinstance(around, dict):  # else an earlier error removed it
            around[key] = copied(fallbacks[key])
        return
    # Removing one item would shift the lines of the others, so the whole list is removed.
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if path and isinstance(parent := _value(tree, path[:-1]), dict):
        parent.pop(path[-1], None)


def _value(tree: Any, path: TreePath) -> Any:
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(step)
        else:
            tree = tree[step] if isinstance(tree, list) and isinstance(step, int) and step < len(tree) else None
    return tree


def _shapes(complaints: Iterable[_Complaint], value: Any) -> str:
    expected = joined((dict.fromkeys(complaint.shape for complaint in complaints if complaint.shape)), "or")
    found = _described(value)
    hint = "; put it in quotes" if expected == "text" and isinstance(value, bool | int | float) else ""
    return f"expected {expected}, found {found}{hint}"


def _described(value: Any) -> str:
    """The type of the value; never the value, which may be a misplaced secret."""
    names = {type(None): "nothing", str: "text", dict: "a mapping", list: "a list", float: "a decimal number"}
    return str(value).lower() if isinstance(value, bool) else names.get(type(value), "a number")


def _unknown_key(key: str, known: tuple[str, ...]) -> str:
    choice = f"; choose {joined(known, 'or')}" if known else ""
    return f"unknown key `{clip(key)}`{did_you_mean(key, known) or choice}"


def _sentence(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"missing key `{error['loc'][-1]}`"
        case "value_error":
            return clip(str(context["error"]), 400)
        case "literal_error":
            return f"`{clip(str(error['input']))}` is not valid here; choose {context['expected']}"
        case "union_tag_invalid":
            return f"`{clip(context['tag'])}` is not valid here; choose {context['expected_tags']}"
        case "union_tag_not_found":
            return f"missing key `{context['discriminator'].strip(chr(39))}`"
        case "too_short" | "string_too_short":
            return "must not be empty" if context["min_length"] == 1 else f"needs {context['min_length']} or more"
        case kind if kind in _BOUNDS:
            words, bound = _BOUNDS[kind]
            return f"must be {words.format(f'{context[bound]:g}')}"
    text = clip(error["msg"], 400).replace("Input should", "should")
    return text[:1].lower() + text[1:]
