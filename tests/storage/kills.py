"""`python -m tests.storage.kills 200`: kill an exporter at random moments after it acknowledged, and ask the next one.

Each round starts `run` on the same storage, announces maintenance windows and deploys and pushes a report, kills it
with SIGKILL between 0 and 20 ms after the last acknowledgement, and reads what the next one knows.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staging_exporter.storage.store import stored

from tests.support.live import EXPORTER
from tests.support.ports import free_port

_COMPONENTS = 30
_MOST = 8  # announcements in a round
_LONGEST = 0.02  # seconds between the last acknowledgement and the kill
_REPORT = b'<testsuite tests="1" time="9"><testcase name="a" time="9"/></testsuite>'
_TOKEN = "sesame"


def configuration(directory: Path) -> Path:
    """Components that are probed once, and a suite that takes reports."""
    checked = "\n".join(
        f"  c{n}: {{layer: service, priority: P2, check: {{kind: exec, command: ['true']}}}}"
        for n in range(_COMPONENTS)
    )
    file = directory / "config.yml"
    file.write_text(
        "environment: kills\ndefaults: {interval: 1h}\napi: {token: {env: KILLS_TOKEN}}\ncomponents:\n"
        f"{checked}\n  suite: {{layer: test, priority: P2, check: {{kind: e2e, covers: [c0]}}}}\n"
    )
    return file


@contextmanager
def killed(directory: Path, config: Path) -> Iterator[str]:
    """An exporter that answers; yields its URL, then kills it with SIGKILL."""
    with started(directory, config) as (url, _):
        yield url


@contextmanager
def started(directory: Path, config: Path) -> Iterator[tuple[str, int]]:
    """The same; yields its URL and its process number."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [*EXPORTER, "run", str(config), "--storage.path", str(directory / "storage")]
    command += ["--web.listen-address", url.removeprefix("http://")]
    environment = {**os.environ, "KILLS_TOKEN": _TOKEN}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            _wait(url)
            yield url, process.pid
        finally:
            process.kill()


def _wait(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"{url}/-/healthy", timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _acknowledged(url: str, method: str, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + path, body, headers, method=method), timeout=30) as answer:
        answer.read()


class Truth:
    """What was acknowledged so far."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.config = directory, configuration(directory)
        self.windows: set[str] = set()
        self.deploys: dict[str, str] = {}
        self.reports = 0
        self.acknowledged = 0

    def round(self, number: int, chance: random.Random) -> list[str]:
        """Announce, kill, and say what is missing."""
        with killed(self.directory, self.config) as url:
            for count in range(chance.randint(1, _MOST)):
                self._announce(url, f"c{chance.randrange(_COMPONENTS)}", f"r{number}.{count}", chance)
                self.acknowledged += 1
            time.sleep(chance.uniform(0.0, _LONGEST))
        return [f"round {number}: {text}" for text in self._missing()]

    def _announce(self, url: str, name: str, revision: str, chance: random.Random) -> None:
        kind = chance.choice(("window", "window", "deploy", "deploy", "report"))
        if kind == "window":
            body = json.dumps({"components": [name], "duration": "30d"}).encode()
            _acknowledged(url, "POST", "/api/v1/maintenance", body)
            self.windows.add(name)
        elif kind == "deploy":
            body = json.dumps({"components": [name], "revision": revision}).encode()
            _acknowledged(url, "POST", "/api/v1/deploys", body)
            self.deploys[name] = revision
        else:
            _acknowledged(url, "PUT", "/api/v1/e2e/suite", _REPORT)
            self.reports = min(self.reports + 1, 10)  # as many as are kept

    def _missing(self) -> Iterator[str]:
        journal = stored(self.directory / "storage", "kills").journal
        windows = {name for window in journal.windows for name in window.components}
        if lost := self.windows - windows:
            yield f"windows of {sorted(lost)} are lost"
        if lost := {name for name, revision in self.deploys.items() if journal.deploys[name].revision != revision}:
            yield f"deploys of {sorted(lost)} are lost"
        reports = len(list((self.directory / "storage" / "e2e" / "suite").glob("*.report")))
        if reports < self.reports:
            yield f"{self.reports - reports} reports are lost"


def kills(rounds: int, seed: int) -> tuple[list[str], int]:
    """What was lost in so many rounds, and how many acknowledgements there were."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        truth = Truth(Path(name))
        flaws = [flaw for number in range(rounds) for flaw in truth.round(number, chance)]
        return flaws, truth.acknowledged


def main(rounds: int) -> int:
    """Print what was lost; 1 when anything was."""
    flaws, acknowledged = kills(rounds, 1)
    print("\n".join([*flaws, f"{rounds} kills after {acknowledged} acknowledgements: {len(flaws)} lost"]))
    return bool(flaws)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
