"""`init` without `--from`: a file to begin with, that validates as it is and with its comments taken in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from staging_exporter.config import load_config
from staging_exporter.drafts.starter import starter

from tests.support.live import staging_exporter


def test_the_starter_validates_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    done = staging_exporter("init", "--output", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"{file} is written")
    done = staging_exporter("validate", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert staging_exporter("init").stdout == file.read_text() == starter()


def test_what_the_starter_shows_in_comments_is_valid_too(tmp_path: Path) -> None:
    options = r"^( *)# ((?:check|expect|identity|maintenance|  - \{components).*)$"
    text, count = re.subn(options, r"\1\2", starter(), flags=re.MULTILINE)
    file = tmp_path / "staging.yml"
    file.write_text(text)
    config = load_config(file)
    assert count == 5
    assert config.checks["database"].kind == "postgres"
    assert config.maintenance


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    file.write_text("mine")
    done = staging_exporter("init", "--output", file)
    assert (done.returncode, done.stderr, file.read_text()) == (2, f"{file}: File exists\n", "mine")


@pytest.mark.parametrize("args", [["project"], ["--region", "r"], ["--from", "gcp"]], ids=" ".join)
def test_usage_that_makes_no_sense_is_refused(args: list[str]) -> None:
    assert staging_exporter("init", *args).returncode == 2
