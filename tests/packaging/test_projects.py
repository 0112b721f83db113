"""The two projects agree, and each imports only what it declares."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import staging_exporter

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "exporter" / "pytest-staging"


def project(directory: Path) -> dict[str, Any]:
    with (directory / "pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


def imported(path: Path) -> Iterator[str]:
    """The top-level names that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module).split(".")[0]


def test_both_have_one_version() -> None:
    server, plugin = project(ROOT), project(PLUGIN)
    assert server["version"] == plugin["version"]
    assert version("staging-exporter") == version("pytest-staging") == staging_exporter.__version__


@pytest.mark.parametrize("key", ["requires-python", "license"])
def test_both_agree_on(key: str) -> None:
    assert project(ROOT)[key] == project(PLUGIN)[key]


def test_both_have_one_license() -> None:
    assert (ROOT / "LICENSE").read_bytes() == (PLUGIN / "LICENSE").read_bytes()


def test_the_version_is_written_in_the_two_projects_only() -> None:
    number = f'"{project(ROOT)["version"]}"'
    sources = [path for path in (ROOT / "exporter").rglob("*.py") if number in path.read_text(encoding="utf-8")]
    assert sources == []


def test_the_plugin_needs_pytest_and_the_standard_library_only() -> None:
    used = {name for path in PLUGIN.rglob("*.py") for name in imported(path)}
    assert used - sys.stdlib_module_names == {"pytest", "pytest_staging"}
    assert [dependency.split(">")[0] for dependency in project(PLUGIN)["dependencies"]] == ["pytest"]


def test_the_server_does_not_import_the_plugin() -> None:
    used = {name for path in (ROOT / "exporter" / "staging_exporter").rglob("*.py") for name in imported(path)}
    assert used & {"pytest", "pytest_staging", "exporter"} == set()


def test_nothing_is_imported_from_the_source_folder() -> None:
    tests = {name for path in (ROOT / "tests").rglob("*.py") for name in imported(path)}
    assert "exporter" not in tests
    assert [name for name in sys.modules if name.split(".")[0] == "exporter"] == []
