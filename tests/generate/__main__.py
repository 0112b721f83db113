"""`make generate`: renew the generated files under `deploy/` and `dashboards/`, from the configurations beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from click.testing import CliRunner
from staging_exporter.cli import main as staging_exporter

from tests.generate.committed import REPOSITORY, committed, generated

_COMPOSE = REPOSITORY / "deploy" / "compose"


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        files = generated(Path(directory))
    for path in committed() - files.keys():
        path.unlink()
        print(f"removed {path}")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for what, folder in (("rules", "prometheus"), ("alertmanager", "alertmanager")):
        options = ["--config.file", str(_COMPOSE / "staging" / "staging.yml"), "--output", str(_COMPOSE / folder)]
        CliRunner().invoke(staging_exporter, ["generate", what, *options], catch_exceptions=False)
    print(f"{len(files)} files and those of {_COMPOSE} are up to date")


if __name__ == "__main__":
    main()
