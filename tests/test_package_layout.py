"""The layout of the package: documented in CONTRIBUTING.md, few loose modules, short files, packages with a purpose."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter" / "staging_exporter"
NO_PART = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(path for path in (ROOT / "exporter").rglob("*.py") if "build" not in path.parts)


def test_the_table_of_contributing_lists_every_part() -> None:
    rows = [
        line
        for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
        if line.startswith("| `exporter/staging_exporter/")
    ]
    listed = [
        name.removeprefix("exporter/staging_exporter/").rstrip("/")
        for row in rows
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    assert sorted(listed) == sorted(path.name for path in PACKAGE.iterdir() if path.name not in NO_PART)


def test_at_most_eight_loose_modules() -> None:
    assert len([path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]) <= 8


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_owns_and_who_imports_it(package: str) -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / package / "__init__.py").read_text())) or ""
    first_paragraph = text.split("\n\n")[0]
    assert re.search(r"[Ii]mported by ", first_paragraph), first_paragraph


def test_modules_have_at_most_300_lines() -> None:
    assert [str(path) for path in MODULES if len(path.read_text().splitlines()) > 300] == []
