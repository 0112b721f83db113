"""What `{{name}}` is in one run of a flow: unique values, secrets of the configuration, and what steps captured."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel

from staging_exporter.net.context import ProbeContext
from staging_exporter.options.captures import Capture, Source
from staging_exporter.options.secrets import AnySecret
from staging_exporter.options.templates import Value, filled

M = TypeVar("M", bound=BaseModel)

UNIQUE = ("now", "uuid")  # names that every run has: its start as RFC 3339, and a text that no other run has


class Values:
    """The values of one run. Secrets are read when a step first needs them."""

    def __init__(self, secrets: Mapping[str, AnySecret]) -> None:
        self._secrets = secrets
        start = datetime.fromtimestamp(time.time(), UTC)
        self._known = {
            "now": Value(f"{start:%Y-%m-%dT%H:%M:%SZ}", secret=False),
            "uuid": Value(str(uuid.uuid4()), secret=False),
        }

    def keep(self, captured: Mapping[str, Value]) -> None:
        """Keep what a conversation captured."""
        self._known.update(captured)

    def missing(self, names: Collection[str]) -> list[str]:
        """Those of the names that have no value, since the step that captures them failed."""
        return sorted(name for name in names if name not in self._known and name not in self._secrets)

    async def fill(self, context: ProbeContext, options: M, names: Collection[str]) -> M:
        """The options with their placeholders, which are `names`, replaced.

        Raises ProbeFailed: `probe_error` for a secret that cannot be read, `content` for a value that does not fit.
        """
        if not names:
            return options
        for name in names:
            if name not in self._known and name in self._secrets:
                self._known[name] = Value(await context.reveal(self._secrets[name]))
        done: M = filled(options, self._known)
        return done


def capture(context: ProbeContext, captures: Mapping[str, Capture], source: Source) -> None:
    """Add what is captured to `captured` of the context, masked from now on. Raises ProbeFailed (`content`)."""
    for name, wanted in captures.items():
        value = context.captured[name] = wanted.take(name, source)
        if value.secret:
            context.secrets.add(value.text)
