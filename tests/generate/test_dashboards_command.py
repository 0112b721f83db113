"""`generate dashboards` as a user runs it, and the provisioning of Grafana."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from tests.generate.boards import COMMITTED, REFERENCE, REPOSITORY
from tests.support.live import EXPORTER

GRAFANA = REPOSITORY / "deploy" / "grafana" / "provisioning"
# Python finds no module whose entry is None: as if the extra were not installed.
WITHOUT_EXTRA = (
    "import sys; sys.modules['grafana_foundation_sdk'] = None; from staging_exporter.cli import main; main()"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)


def test_it_writes_the_committed_files(tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder"
    done = run(*EXPORTER, "generate", "dashboards", "--config.file", REFERENCE, "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    written = {path.name: path.read_bytes() for path in output.iterdir()}
    assert written == {path.name: path.read_bytes() for path in COMMITTED.iterdir()}
    assert sorted(done.stdout.splitlines()) == sorted(f"wrote {output / name}" for name in written)


def test_without_the_extra_the_error_names_the_package_to_install(tmp_path: Path) -> None:
    arguments = ("generate", "dashboards", "--config.file", REFERENCE, "--output", tmp_path)
    done = run(sys.executable, "-c", WITHOUT_EXTRA, *arguments)
    assert done.returncode == 2
    assert "pip install 'staging-exporter[dashboards]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_everything_else_is_written(tmp_path: Path) -> None:
    arguments = ("generate", "all", "--config.file", REFERENCE, "--output", tmp_path)
    done = run(sys.executable, "-c", WITHOUT_EXTRA, *arguments)
    assert done.returncode == 0
    assert "skipped the dashboards" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("alertmanager", "ci", "grafana", "kubernetes", "prometheus", "runbooks", "systemd")
    ]


def test_the_error_names_the_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(*EXPORTER, "generate", "dashboards", "--config.file", REFERENCE, "--output", tmp_path / "file")
    assert done.returncode == 2
    assert done.stderr.startswith(f"cannot write {tmp_path / 'file'}")


def test_grafana_has_the_scrape_interval_and_the_path_of_the_dashboards() -> None:
    scraped = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (source,) = yaml.safe_load((GRAFANA / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["jsonData"]["timeInterval"]) == ("prometheus", scraped["global"]["scrape_interval"])
    (provider,) = yaml.safe_load((GRAFANA / "dashboards" / "staging-exporter.yml").read_text())["providers"]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert provider["options"]["path"] in readme
