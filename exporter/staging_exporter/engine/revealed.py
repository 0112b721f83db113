"""The secrets of the last runs of all checks: a program may print those of another check.

Owned by the prober, which masks the output of programs with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from staging_exporter.core.redaction import Masker

_RUNS = 2  # of a check, whose secrets are kept: tokens are new in each, and a program may print the one before
_MOST = 200  # secrets that are kept in all: each takes about 100 KB


class Revealed:
    """Of the checks that ran longest ago, the secrets are forgotten first."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[frozenset[str]]] = {}
        self._masker: Masker | None = None

    def add(self, name: str, secrets: Collection[str]) -> None:
        """A run of the check `name` has read or captured these."""
        if not secrets and name not in self._runs:
            return
        runs = self._runs.pop(name, None) or deque(maxlen=_RUNS)
        runs.append(frozenset(secrets))
        self._runs[name] = runs  # the youngest is the last
        if self._masker is not None:
            self._masker.renew(self._kept())

    def masker(self) -> Masker:
        """Masks all of them. From the first call on it is renewed with every run, at the cost of what is new in it."""
        if self._masker is None:
            self._masker = Masker()
            self._masker.renew(self._kept())
        return self._masker

    def _kept(self) -> set[str]:
        kept: set[str] = set()
        for runs in reversed(self._runs.values()):
            for secrets in reversed(runs):
                if len(kept | secrets) <= _MOST:
                    kept |= secrets
        return kept
