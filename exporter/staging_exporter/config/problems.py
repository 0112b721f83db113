"""The errors of a configuration file: what is wrong, where, and the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from staging_exporter.core.words import Names, joined, nearest

MAX_PROBLEMS = 200  # a hostile file of 1 MiB can have 50,000

TreePath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """`str()` is `FILE:LINE: path: what is wrong`; a problem of the whole file has no path."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: " + (f"{self.path}: " if self.path else "") + self.message


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` are its errors by file and line, at most `MAX_PROBLEMS`."""

    def __init__(self, problems: Iterable[Problem], files: Iterable[str] = ()) -> None:
        """`files` are the files in order; by default in that of the problems."""
        found = list(problems)
        names = dict.fromkeys([*files, *(problem.file for problem in found)])
        order = {file: number for number, file in enumerate(names)}
        found.sort(key=lambda problem: (order[problem.file], problem.line))
        kept = found[:MAX_PROBLEMS]
        if len(found) > MAX_PROBLEMS:
            kept.append(Problem(kept[-1].file, kept[-1].line, "", "there are more errors; correct these first"))
        self.problems = tuple(kept)
        super().__init__("\n".join(map(str, kept)))


def clip(text: str, limit: int = 80) -> str:
    """`text` on one line of a terminal: shortened, control characters escaped."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def format_path(path: TreePath) -> str:
    """`components.backend.depends_on[0]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{clip(step)}" for step in path)
    return text.removeprefix(".")


def did_you_mean(word: str, names: Names) -> str:
    """`, did you mean ...?` when one of `names` is similar to `word`, else nothing."""
    near = nearest(word, names)
    return f", did you mean `{near}`?" if near else ""


def unknown_choice(value: object, what: str, names: tuple[str, ...]) -> str:
    """The error of a value that is not one of `names`, each of which is a `what`."""
    choices = joined(names, "or")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return f"expected a {what}; choose {choices}"
    text = str(value)
    return f"`{clip(text)}` is not a {what}{did_you_mean(text, names) or f'; choose {choices}'}"
