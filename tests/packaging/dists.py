"""Both projects built, and virtual environments that hold nothing but what a wheel declares."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from fnmatch import fnmatch
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SERVER, PLUGIN = ROOT, ROOT / "exporter" / "pytest-staging"


@dataclass(frozen=True)
class Built:
    """What `python -m build` made of a project: a source archive, and the wheel built from that archive."""

    sdist: Path
    wheel: Path

    def sources(self) -> dict[str, bytes]:
        """The files of the source archive, without its top folder."""
        with tarfile.open(self.sdist) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]

    def installed(self) -> dict[str, bytes]:
        """The files of the wheel."""
        return contents(self.wheel)

    def metadata(self) -> Message:
        """The metadata of the wheel; its payload is the long description."""
        (text,) = [data for name, data in self.installed().items() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(text.decode())


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def build(project: Path, directory: Path, *options: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, *options, project]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def built(project: Path, directory: Path) -> Built:
    """Build a project in `directory`, the wheel from the source archive."""
    build(project, directory)
    (sdist,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return Built(sdist, wheel)


def files(folder: Path) -> set[str]:
    """The files below a folder that .gitignore does not name, relative to it."""
    ignored = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines())]
    found: set[str] = set()
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        kept = [name for name in names if not any(fnmatch(name, pattern) for pattern in ignored)]
        found |= {Path(parent, name).relative_to(folder).as_posix() for name in kept}
    return found


def required(requirements: Iterable[str], extras: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """The distributions that requirements lead to, each with its extras, as this interpreter has them installed."""
    found: dict[str, tuple[str, ...]] = {}
    waiting = [(text, tuple(extras)) for text in requirements]
    while waiting:
        text, wanted = waiting.pop()
        needed = Requirement(text)
        applies = not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in (*wanted, ""))
        name, more = needed.name.lower().replace("_", "-"), tuple(sorted(needed.extras))
        if applies and found.get(name) != more:
            found[name] = more
            waiting += [(each, more) for each in distribution(name).requires or ()]
    return found


@dataclass(frozen=True)
class Environment:
    """A virtual environment with pip, and nothing of the source tree."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, distributions: Iterable[str]) -> Environment:
        """A new one with these distributions, linked from where they are installed: nothing is fetched."""
        venv.create(folder, with_pip=True, symlinks=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        for name in distributions:
            for file in distribution(name).files or ():
                if ".." not in PurePosixPath(file).parts and file.suffix != ".pyc":
                    (packages / file).parent.mkdir(parents=True, exist_ok=True)
                    (packages / file).symlink_to(file.locate())
            for script in distribution(name).entry_points.select(group="console_scripts"):
                path = folder / "bin" / script.name
                run = f"import sys\nfrom {script.module} import {script.attr}\nsys.exit({script.attr}())\n"
                path.write_text(f"#!{folder / 'bin' / 'python'}\n{run}")
                path.chmod(0o755)
        return cls(folder)

    def run(self, *command: str | Path, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A command in a folder, with no variable of the environment that leads to the source tree."""
        return subprocess.run(
            [self.folder / "bin" / command[0], *command[1:]],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.variables(),
        )

    def variables(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "COV", "PYTEST", "PIP_"))
        }
        return kept | {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.folder),
        }

    def install(self, *wheels: Path) -> None:
        """As a user does, but of these files only."""
        done = self.run("python", "-m", "pip", "install", "--no-index", "--no-deps", *wheels, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
