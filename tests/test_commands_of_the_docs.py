"""Every command line of ours in the README and the reference pages, run as it is written, on the README's own example.

Only addresses and folders are replaced: by those of an exporter and of a directory of this test.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.commands import COMMANDS
from tests.support.live import EXPORTER, answers, process, staging_exporter, wait_for
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "deploy" / "docs").glob("*.md"))]
TOKEN = {"STAGING_EXPORTER_TOKEN": "sesame", "PGPASSWORD": "sesame"}
ELSEWHERE = {
    "check --config.file staging.yml": "probes addresses that do not exist on this machine",
    "init --from gcp PROJECT": "asks Google's cloud",
    "compare https://exporter.staging.example": "asks two exporters that do not exist",
}


def lines() -> list[str]:
    """Each line of a code block that begins with our program, without its comment; duplicates once."""
    found = {}
    for page in PAGES:
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in re.findall(r"^(?:\$ |\.venv/bin/)?staging-exporter (.*)$", block, re.MULTILINE):
                found[re.sub(r"\s+#.*", "", line)] = None
    return list(found)


LINES = lines()
RUN = [line for line in LINES if not line.startswith("run ") and not any(map(line.startswith, ELSEWHERE))]


@dataclass
class Place:
    """An exporter on the README's example, and a directory with its files."""

    url: str
    directory: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("commands")
    [example] = [
        block
        for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
        if block.startswith("environment:")
    ]
    receivers = "alerting: {receivers: {P0: [{kind: webhook, url: 'http://localhost:1/'}]}}\n"
    (directory / "staging.yml").write_text(example + receivers)
    tree = yaml.safe_load(example)
    port = free_port()
    for component in tree["components"].values():
        if "check" in component:
            component["check"] = {"kind": "exec", "command": ["true"]}
    tree["components"]["websocket"] = tree["components"]["backend"] | {"depends_on": ["backend"]}
    tree["components"]["e2e"] = {"layer": "test", "priority": "P2", "check": {"kind": "e2e"}}
    tree["api"] = {"token": {"env": "STAGING_EXPORTER_TOKEN"}}
    (directory / "running.yml").write_text(yaml.safe_dump(tree))
    (directory / "report.xml").write_text('<testsuite tests="1"><testcase name="a" classname="b"/></testsuite>')
    url = f"http://127.0.0.1:{port}"
    command = [*EXPORTER, "run", str(directory / "running.yml"), "--storage.path", str(directory / "state")]
    environment = {**os.environ, **TOKEN}
    with process([*command, "--web.listen-address", f"127.0.0.1:{port}"], directory / "log", env=environment):
        wait_for(lambda: answers(f"{url}/-/healthy"), "the exporter answers")
        yield Place(url, directory)


@pytest.mark.parametrize("line", LINES)
def test_the_command_line_accepts_it(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = COMMANDS[name]
    while getattr(command, "commands", None):
        name, *arguments = arguments
        command = command.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, arguments)


@pytest.mark.parametrize("line", RUN)
def test_it_does_what_it_says(line: str, place: Place) -> None:
    home = str(place.directory)
    replaced = re.sub(r"http://(?:localhost|127\.0\.0\.1):9877", place.url, line)
    replaced = re.sub(r"(?<![\w/])(staging\.yml|report\.xml|generated)\b", rf"{home}/\1", replaced)
    replaced = re.sub(r"--output /", f"--output {home}/", replaced)
    done = staging_exporter(*shlex.split(replaced), env=TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
