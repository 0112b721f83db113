"""The demo as its users start it: a process that says when it is ready and is told what to break over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Running:
    """A demo that is ready."""

    process: subprocess.Popen[str]
    config: Path
    control: str
    notes: list[str]

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and answer of the control address, JSON or text."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@contextmanager
def demo(*arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> Iterator[Running]:
    """A demo process, ended by closing its stdin unless the test ended it before."""
    command = [*prefix, sys.executable, "-m", "staging_exporter.demo", "--until-stdin-closes", *arguments]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **environment})
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "it did not become ready"
            ready = json.loads(line)
            yield Running(process, Path(ready["config"]), ready["control"], ready["notes"])
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(20)
            finally:
                process.send_signal(signal.SIGKILL)
