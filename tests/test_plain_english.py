"""Texts that users see are free of riddles: each phrase here was once in one, and the words beside it replace it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from staging_exporter import probes
from staging_exporter.cli import main
from staging_exporter.core import names

from tests.support.commands import subcommands

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter" / "staging_exporter"

# Whole phrases and words that have no plain use in this project, as regular expressions, and what to write instead.
RIDDLES = {
    r"convict\w*|accused|exonerat\w*": "inferred from its dependents; evidence",
    r"culprits?|victims?": "root cause; symptom",
    r"suffer(s|ing|ed)?": "affected by",
    r"blam(e|es|ed|ing)": "root cause; explained by",
    r"speaks? against": "evidence; failing",
    r"untold|(is|are|was|were) told|as told to|whom? to tell|cannot be told|tells? nothing": "send; undetermined",
    r"mend(s|ed|ing)?": "fix, resolve, clear",
    r"(is|are|not|become|becomes|was) well(?! (as|known))|well again|unwell": "up, passing, recovered",
    r"stood still|stands? still": "event loop stalled",
    r"(it|that|what|which|still|verdict|they) stands?": "is; still fires",
    r"stands? (in|here|there|behind|before|below|left)": "is, are listed",
    r"(left|leave|leaves) aside": "ignored",
    r"left alone|leave(s)? (it|them|us) alone": "not probed",
    r"no longer so|how it came about|its sight back": "resolved; timeline; connectivity",
    r"what changes something|whatever else changes": "endpoints that write",
    r"(were|was|is|are) no pass": "did not pass",
    r"the path from here|fault may lie": "the problem may be the network path from the exporter",
    r"which proves? nothing": "not enough evidence",
    r"pages? nobody|makes? one page as well": "suppress alerts; deduplicated",
    r"(begin|begins|began|announced|written|opens?) anew": "again, restart",
    r"of no (use|account|avail)": "useless",
    r"once it is over|is over, and": "resolved",
    r"take(s|n)? up(on)? it|taken up": "accepted",
    r"half-taken|half-written": "partial",
    r"request budget|has room again": "rate limit",
    r"before you believe": "gate",
    r"what fails, and what|the peer told|of trouble|probes nothing": "the dependency that explains it; reported by",
    r"fires may be over|silent may be broken": "firing alerts may be stale; new failures will not alert",
    r"help the start|a net below": "unblock; safety net",
    r"excus(e|es|ed)|accounts? for": "explained by",
    r"announc(e|es|ed|ing)": "mark a deploy; start a maintenance window",
    r"somebody|whoever|goes on|bears?|(its|their|the) word|hand(s|ed)? in": "the actor; continues; accepts; report",
}
_RIDDLE = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in RIDDLES), re.IGNORECASE)
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def pages() -> Iterator[tuple[str, str]]:
    """Markdown, templates and generated files."""
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "exporter/README.md"):
        path = ROOT / name
        yield name, _CODE.sub("", path.read_text())
    for path in sorted([*(ROOT / "deploy").rglob("*.md"), *PACKAGE.rglob("*.md"), *(ROOT / "exporter").glob("*/*.md")]):
        yield str(path.relative_to(ROOT)), _CODE.sub("", path.read_text())
    for suffix in ("html", "tmpl", "js"):
        for path in sorted(PACKAGE.rglob(f"*.{suffix}")):
            yield str(path.relative_to(PACKAGE)), path.read_text()
    for path in sorted([*(ROOT / "deploy").rglob("*.yml"), *(ROOT / "dashboards").glob("*.json")]):
        yield str(path.relative_to(ROOT)), path.read_text()


def metrics() -> Iterator[tuple[str, str]]:
    """HELP texts."""
    for value in vars(names).values():
        if isinstance(value, names.Metric):
            yield value.name, value.help


def commands(command: click.Command = main, name: str = "staging-exporter") -> Iterator[tuple[str, str]]:
    """`--help` of every command."""
    yield f"{name} --help", command.get_help(click.Context(command, info_name=name))
    if isinstance(command, click.Group):
        for each, sub in subcommands(command).items():
            yield from commands(sub, f"{name} {each}")


def strings() -> Iterator[tuple[str, str]]:
    """Literal texts in the code that are not documentation: log lines, errors, verdicts."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value


def riddles(texts: Iterator[tuple[str, str]]) -> list[str]:
    """Each riddle found, with its place and its surroundings."""
    return [
        f"{place}: ...{text[max(0, found.start() - 40) : found.end() + 20]!r}"
        for place, text in texts
        for found in _RIDDLE.finditer(text)
    ]


@pytest.mark.parametrize("texts", [pages, metrics, commands, strings], ids=lambda texts: texts.__name__)
def test_texts_that_users_see_have_no_riddles(texts: object) -> None:
    assert callable(texts)
    assert riddles(texts()) == []


def test_the_documentation_of_every_kind_is_covered() -> None:
    covered = {place for place, _ in pages()}
    assert {f"exporter/staging_exporter/probes/{kind}.md" for kind in probes.kinds()} <= covered
