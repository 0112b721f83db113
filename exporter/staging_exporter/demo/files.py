"""Files that checks read: secrets, one of which a fault removes, and the state of the newest backend revision."""

from __future__ import annotations

import secrets
from pathlib import Path

from staging_exporter.demo.switches import Switch

_SCRIPT = """\
#!/bin/sh
# In place of `gcloud run services describe`: is the newest revision ready? 0 up, 1 down, 2 degraded.
read -r status message <"$1" || exit 3
echo "newest revision of netra-backend-staging: $status $message"
[ "$status" = Ready ]
"""
_CONTENTS = {
    "ok": "Ready",
    "failed": "Failed the container exited: ModuleNotFoundError: No module named 'langchain_openai'",
}


class SecretFiles:
    """Random secrets, each in a private file; the switch `postgres-check` removes one of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.postgres, self.redis, self.token, self.user = (
            self._make(name) for name in ("postgres-password", "redis-password", "token", "user-password")
        )
        modes = {"ok": "the Postgres check can read its password", "broken": "its password file is missing"}
        self.switch = Switch("postgres-check", modes, changed=self._changed)

    def path(self, name: str) -> Path:
        """Where the secret of that name is."""
        return self._directory / name

    def _make(self, name: str) -> str:
        value = secrets.token_hex(16)
        self._write(name, value)
        return value

    def _write(self, name: str, value: str) -> None:
        path = self.path(name)
        path.touch(mode=0o600)
        path.write_text(value + "\n", encoding="utf-8")

    async def _changed(self) -> None:
        if self.switch.mode == "broken":
            self.path("postgres-password").unlink(missing_ok=True)
        else:
            self._write("postgres-password", self.postgres)


class Revision:
    """Writes the file from the switch `revision`."""

    def __init__(self, directory: Path) -> None:
        self.script = directory / "newest-revision.sh"
        self.file = directory / "newest-revision.txt"
        self.switch = Switch("revision", {"ok": "ready", "failed": "does not start"}, changed=self.write)

    async def write(self) -> None:
        """Bring script and file up to date."""
        self.script.write_text(_SCRIPT, encoding="utf-8")
        temporary = self.file.with_suffix(".new")
        temporary.write_text(_CONTENTS[self.switch.mode] + "\n", encoding="utf-8")
        temporary.replace(self.file)
