"""Both wheels in an environment of their own, without the source tree: what users get."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import staging_exporter

from tests.generate.committed import committed, kept
from tests.packaging.dists import PLUGIN, SERVER, Environment, built, required
from tests.support.live import Demo, demo, fetch
from tests.support.ports import free_port

EXTRAS = ("dashboards", "demo", "gcp")
# Another repository, with a package `exporter` of its own.
FOREIGN = {
    "exporter/__init__.py": 'NAME = "theirs"\n',
    "exporter/rows.py": "def rows(): return [1, 2]\n",
    "exporter/pytest_plugin.py": "raise RuntimeError('not for pytest')\n",
    "conftest.py": "import exporter\n\ndef pytest_report_header(): return f'exporter is {exporter.NAME}'\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--strict-markers"\nfilterwarnings = ["error"]\n',
    "tests/test_rows.py": "import exporter.rows as e\ndef test_one(): assert e.rows()\ndef test_two(): assert not 1\n",
}
LOOKS = {
    "pytest": ["pytest", "-v"],
    "python -m pytest": ["python", "-m", "pytest", "-v"],
    "pytest with importlib": ["pytest", "-v", "--import-mode=importlib"],
    "markers": ["pytest", "--strict-markers", "--co", "-q"],
    "import": ["python", "-c", "import exporter.rows; print(exporter.__file__, exporter.NAME, exporter.__path__)"],
    "no package of that name elsewhere": [
        "python",
        "-I",
        "-c",
        "import importlib.util as u; print(u.find_spec('exporter'))",
    ],
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[Environment, list[Path]]:
    """An environment with all that the two wheels require and without them, and the wheels."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = [built(project, folder / name) for name, project in {"server": SERVER, "plugin": PLUGIN}.items()]
    needed = [text for wheel in wheels for text in wheel.metadata().get_all("Requires-Dist") or ()]
    return Environment.make(folder / "venv", required(needed, EXTRAS)), [wheel.wheel for wheel in wheels]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The other repository."""
    folder = tmp_path_factory.mktemp("foreign")
    for name, text in FOREIGN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def look(environment: Environment, folder: Path) -> dict[str, tuple[int, str]]:
    """What each command of LOOKS answers there, without durations and the list of plugins."""
    answers = {}
    for name, command in LOOKS.items():
        done = environment.run(*command, cwd=folder)
        text = re.sub(r"in \d+\.\d+s|=+|^plugins: .*\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
        answers[name] = (done.returncode, text)
    return answers


@pytest.fixture(scope="module")
def before(bare: tuple[Environment, list[Path]], foreign: Path) -> dict[str, tuple[int, str]]:
    """What the other repository's owner sees before installing anything of ours."""
    return look(bare[0], foreign)


@pytest.fixture(scope="module")
def installed(bare: tuple[Environment, list[Path]], before: object) -> Environment:
    """The environment with both wheels."""
    environment, wheels = bare
    environment.install(*wheels)
    return environment


@pytest.fixture(scope="module")
def running(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo of the wheel, healthy."""
    folder = tmp_path_factory.mktemp("demo")
    exporter = [str(installed.folder / "bin" / "staging-exporter")]
    options = {"cwd": folder, "env": installed.variables()}
    with demo(folder, "--scale", "0.4", exporter=exporter, **options) as environment:
        environment.wait_healthy()
        yield environment


def test_nothing_that_it_requires_is_missing(installed: Environment, tmp_path: Path) -> None:
    done = installed.run("python", "-m", "pip", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "No broken requirements found.\n")


def test_both_are_loaded_from_there(installed: Environment, tmp_path: Path) -> None:
    program = "import staging_exporter, pytest_staging; print(staging_exporter.__file__, pytest_staging.__file__)"
    files = installed.run("python", "-c", program, cwd=tmp_path).stdout.split()
    assert [Path(file).is_relative_to(installed.folder) for file in files] == [True, True]


COMMANDS = {
    "the version": (["--version"], f"staging-exporter, version {staging_exporter.__version__}"),
    "the kinds": (["kinds"], "websocket"),
    "the documentation of a kind": (["kinds", "http"], "identity"),
    "the schema": (["schema"], "components"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_prints(installed: Environment, tmp_path: Path, case: str) -> None:
    command, expected = COMMANDS[case]
    done = installed.run("staging-exporter", *command, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


def test_everything_is_generated(installed: Environment, tmp_path: Path) -> None:
    config = shutil.copy(SERVER / "deploy" / "netra-staging.yml", tmp_path / "staging.yml")
    done = installed.run(
        "staging-exporter", "generate", "all", "--config.file", config, "--output", "out", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {kept(path): (tmp_path / "out" / path).read_bytes() for path in written} == {
        path: path.read_bytes() for path in committed()
    }


def test_the_demo_reaches_a_verdict_and_shows_its_page(running: Demo) -> None:
    assert running.roots() == []
    for page in ("/", "/components/postgres"):
        html = fetch(running.url + page)
        for link in set(re.findall(r'(?:src|href)="(/static/[^"#]+)"', html)):
            assert fetch(running.url + link)
    assert "/static/" in html
    assert "staging_component_up{" in fetch(f"{running.url}/metrics")


def test_the_plugin_asks_the_demo(installed: Environment, running: Demo, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\npytestmark = pytest.mark.staging(requires='postgres')\n"
        "@pytest.mark.staging(journey='golden-path')\ndef test_journey(): pass\n"
    )
    url = f"--staging-url={running.url}"
    done = installed.run("pytest", url, "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "netra-demo was up when the run began" in done.stdout
    away = installed.run("pytest", f"--staging-url=http://127.0.0.1:{free_port()}", cwd=tmp_path)
    assert away.returncode == 1
    assert "Staging environment is not available: no exporter answers at " in away.stdout


def test_a_repository_with_its_own_exporter_notices_nothing(
    installed: Environment, before: dict[str, tuple[int, str]], foreign: Path
) -> None:
    assert before["pytest"][0] == 1
    assert "exporter is theirs" in before["pytest"][1]
    assert "1 failed, 1 passed" in before["pytest"][1]
    assert before["import"][1].startswith(f"{foreign}/exporter/__init__.py theirs ")
    assert before["no package of that name elsewhere"] == (0, "None\n")
    assert look(installed, foreign) == before
    assert "plugins: staging-" in installed.run("pytest", cwd=foreign).stdout
