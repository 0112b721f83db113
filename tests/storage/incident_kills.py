"""`python -m tests.storage.incident_kills 50`: kill an exporter at random moments while things fail and recover.

One exporter after the other runs on the same storage and probes a file that is there or not; each is killed with
SIGKILL, and the next one must know every incident that was seen before, once, and go on with the one that lasts.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.storage.kills import killed

_LONGEST = 5.0  # seconds from the first answer of an exporter until it is killed
_ASKING = 0.02  # seconds between two questions


def configuration(directory: Path) -> Path:
    """One component, which is up while there is a file, and one that needs it."""
    check = f"{{kind: exec, command: [test, '-e', {directory / 'up'}]}}"
    file = directory / "config.yml"
    file.write_text(
        "environment: kills\ndefaults: {interval: 1s, timeout: 1s, retry_interval: 50ms, fall: 1, rise: 1}\n"
        f"recovery: 1s\ncomponents:\n  base: {{layer: platform, priority: P0, check: {check}}}\n"
        f"  top: {{layer: service, priority: P1, depends_on: [base], check: {check}}}\n"
    )
    return file


class Truth:
    """Every incident that was seen, by its id, as it was seen last."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        self.directory, self.chance = directory, chance
        self.config = configuration(directory)
        self.known: dict[str, dict[str, Any]] = {}
        self.lasted = self.asked = 0

    def round(self, number: int) -> list[str]:
        """Run one exporter, break and repair meanwhile, kill it; what was wrong."""
        flaws: list[str] = []
        with killed(self.directory, self.config) as url:
            self.lasted += sum(incident["ended"] is None for incident in self.known.values())
            end = time.monotonic() + self.chance.uniform(0.0, _LONGEST)
            change = time.monotonic() + self.chance.uniform(0.0, _LONGEST)
            while time.monotonic() < end:
                if time.monotonic() > change:
                    self._toggle()
                    change = float("inf")
                with suppress(OSError):
                    flaws += self._compare(self._asked(url))
                time.sleep(_ASKING)
        return [f"round {number}: {flaw}" for flaw in dict.fromkeys(flaws)]

    def _toggle(self) -> None:
        up = self.directory / "up"
        if up.exists():
            up.unlink()
        else:
            up.touch()

    def _asked(self, url: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{url}/api/v1/incidents?limit=500", timeout=10) as answer:
            return list(json.loads(answer.read()))

    def _compare(self, found: list[dict[str, Any]]) -> Iterator[str]:
        """What is missing or twice."""
        self.asked += 1
        ids = [incident["id"] for incident in found]
        if lost := self.known.keys() - set(ids):
            yield f"incidents {sorted(lost)} are lost"
        if len(ids) != len(set(ids)) or sum(incident["ended"] is None for incident in found) > 1:
            yield "an incident is there twice"
        for earlier, later in zip(found[1:], found, strict=False):
            if earlier["ended"] is None or earlier["ended"] > later["began"]:
                yield f"incidents {earlier['id']} and {later['id']} overlap"
        for incident in found:
            was = self.known.get(incident["id"])
            if was and was["ended"] and was["ended"] != incident["ended"]:
                yield f"incident {incident['id']} was over and is not any more"
            self.known[incident["id"]] = incident


def kills(rounds: int, seed: int) -> tuple[list[str], Truth]:
    """What was wrong in so many rounds, and what happened in them."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        truth = Truth(Path(name), random.Random(seed))
        (truth.directory / "up").touch()
        return [flaw for number in range(rounds) for flaw in truth.round(number)], truth


def main(rounds: int) -> int:
    """Print what was wrong; 1 when anything was."""
    flaws, truth = kills(rounds, 1)
    lasted = f"{truth.lasted} times one continued after a kill"
    print("\n".join([*flaws, f"{rounds} kills during {len(truth.known)} incidents, {lasted}: {len(flaws)} flaws"]))
    return bool(flaws)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
