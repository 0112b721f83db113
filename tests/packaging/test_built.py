"""The archives that `python -m build` makes: complete, reproducible, and fit for a package index."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.packaging.dists import PLUGIN, SERVER, Built, build, built, contents, files

PROJECTS = {"staging-exporter": SERVER, "pytest-staging": PLUGIN}
PACKAGES = {"staging-exporter": SERVER / "exporter" / "staging_exporter", "pytest-staging": PLUGIN / "pytest_staging"}
both = pytest.mark.parametrize("name", PROJECTS)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Both projects, by name."""
    return {name: built(folder, tmp_path_factory.mktemp(name)) for name, folder in PROJECTS.items()}


@both
def test_the_source_archive_has_every_file(projects: dict[str, Built], name: str) -> None:
    assert set(projects[name].sources()) - {"PKG-INFO", ".gitignore"} == files(PROJECTS[name]) - {".gitignore"}


@both
def test_the_source_archive_builds_the_wheel_of_the_checkout(
    projects: dict[str, Built], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("direct")
    build(PROJECTS[name], directory, "--wheel")
    (wheel,) = directory.glob("*.whl")
    assert wheel.name == projects[name].wheel.name
    assert contents(wheel) == projects[name].installed()


@both
def test_the_wheel_has_its_package_and_no_other(projects: dict[str, Built], name: str) -> None:
    package, wheel = PACKAGES[name], projects[name].installed()
    assert {path for path in wheel if ".dist-info/" not in path} == {
        f"{package.name}/{path}" for path in files(package)
    }
    assert f"{package.name}/py.typed" in wheel
    assert [path for path in wheel if path.endswith("/licenses/LICENSE")]


@both
def test_an_index_takes_it(projects: dict[str, Built], name: str) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", projects[name].sdist, projects[name].wheel]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@both
def test_its_description_has_links_that_work_anywhere(projects: dict[str, Built], name: str) -> None:
    text = projects[name].metadata().get_payload()
    assert isinstance(text, str)
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]*)|\]:\s*(\S+)|(?:href|src)\s*=\s*[\"']?([^\"'\s>]*)", prose)
    assert [link for found in links for link in found if link and not link.startswith("https://")] == []
    assert len(text) > 500
