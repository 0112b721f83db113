"""`make generate`: renew the generated files under `deploy/` and `dashboards/` from `deploy/netra-staging.yml`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.generate.committed import committed, generated


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        files = generated(Path(directory))
    for path in committed() - files.keys():
        path.unlink()
        print(f"removed {path}")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"{len(files)} files are up to date")


if __name__ == "__main__":
    main()
