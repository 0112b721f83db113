"""The generated files in the repository, and what `generate all` writes now."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from staging_exporter.cli import main

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "deploy" / "netra-staging.yml"
# Where each directory that `generate all` writes is kept.
FOLDERS = {
    name: REPOSITORY / ("dashboards" if name == "dashboards" else f"deploy/{name}")
    for name in ("alertmanager", "ci", "dashboards", "grafana", "kubernetes", "prometheus", "runbooks", "systemd")
}


def generated(directory: Path) -> dict[Path, bytes]:
    """The content of every generated file by its path in the repository; `directory` is empty and is written to."""
    done = CliRunner().invoke(main, ["generate", "all", "--config.file", str(REFERENCE), "--output", str(directory)])
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    written = [path.relative_to(directory) for path in directory.rglob("*") if path.is_file()]
    return {kept(path): (directory / path).read_bytes() for path in written}


def kept(path: Path) -> Path:
    """Where the repository keeps a file that `generate all` writes to that path below its output directory."""
    return FOLDERS[path.parts[0]].joinpath(*path.parts[1:])


def committed() -> set[Path]:
    """The paths of all files in the folders of generated files."""
    return {path for folder in FOLDERS.values() for path in folder.rglob("*") if path.is_file()}
