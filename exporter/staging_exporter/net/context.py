"""What one run has seen so far: phases, facts, a log. It survives the deadline that cuts the run off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from staging_exporter.net.resolve import Resolver


class Readable(Protocol):
    """A secret: where it is kept, read anew for each use."""

    def read(self) -> str:
        """The value now. Raises ProbeFailed (`probe_error`)."""


class Trace:
    """The recorder handed to a run.

    `phases` are seconds by phase, summed when a phase comes again (redirects). `facts` are JSON values.
    `lines` are (seconds since start, text), the log of this run. `secrets` are the values that were read
    for it: the runner masks them in everything that leaves the run. `blamed` are the helpers (a proxy, a token
    server) that were at work when the run failed. `pushed` is the directory of reports that were pushed for the
    component, None where none are taken.
    """

    def __init__(self, timeout: float, resolver: Resolver) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.timeout = timeout
        self.resolver = resolver
        self.phases: dict[str, float] = {}
        self.facts: dict[str, Any] = {}
        self.lines: list[tuple[float, str]] = []
        self.secrets: set[str] = set()
        self.current: list[str] = []
        self.target = ""  # where it last connected to, for the detail
        self.blamed: list[str] = []
        self.hint = ""  # what to add to the detail of whatever goes wrong
        self.pushed: Path | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """Seconds until the deadline of the whole run, never negative."""
        return max(0.0, self.deadline - time.monotonic())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase. One that is cut off keeps the time it took, and stays `current` to be named in the detail."""
        begin = time.monotonic()
        self.current.append(name)
        try:
            yield
        except BaseException:
            self._add(name, begin)
            raise
        self._add(name, begin)
        self.current.pop()

    @contextmanager
    def blaming(self, helper: str) -> Iterator[None]:
        """Details of whatever goes wrong inside begin with `helper`: it is at fault, the target was not reached."""
        self.blamed.append(helper)
        yield
        self.blamed.pop()

    def _add(self, name: str, begin: float) -> None:
        took = time.monotonic() - begin
        self.phases[name] = self.phases.get(name, 0.0) + took
        self.log(f"{name} took {took * 1000:.1f} ms")

    def log(self, text: str) -> None:
        """Add a line to the log of this run; at most 200 are kept."""
        if len(self.lines) < 200:
            self.lines.append((self.elapsed, text))

    def reveal(self, secret: Readable) -> str:
        """The value of a secret, remembered so that it can be masked. Raises ProbeFailed (`probe_error`)."""
        value = secret.read()
        self.secrets.add(value)
        return value
