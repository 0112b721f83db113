"""The state of the newest backend revision: a file, and the script that an `exec` check runs on it."""

from __future__ import annotations

from pathlib import Path

from staging_exporter.demo.switches import Switch

_SCRIPT = """\
#!/bin/sh
# Stands for `gcloud run services describe`: is the newest revision ready? 0 up, 1 down, 2 degraded.
read -r status message <"$1" || exit 3
echo "newest revision of netra-backend-staging: $status $message"
[ "$status" = Ready ]
"""
_CONTENTS = {
    "ok": "Ready",
    "failed": "Failed the container exited: ModuleNotFoundError: No module named 'langchain_openai'",
}


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
