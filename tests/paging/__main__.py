"""`make page`: every scenario, and everything that goes wrong on the way, through real parts; a table and a verdict."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.alerts.noise import flaws as noise_flaws
from tests.paging.rig import DEMO_SCALE, rig
from tests.paging.scaled import TIME
from tests.paging.stories import FAULTS, Told, of_fault, tell
from tests.paging.trouble import STORIES


def main(arguments: list[str]) -> int:
    """Arguments choose stories by name; without any, all are told, and a day of noise."""
    begin = time.monotonic()
    stories = [*map(of_fault, FAULTS), *STORIES]
    chosen = [story for story in stories if not arguments or story.name in arguments]
    print(f"Durations of rules, Prometheus and Alertmanager times {TIME:g}, those of the demo times {DEMO_SCALE:g}.")
    with tempfile.TemporaryDirectory(prefix="staging-page-") as name, rig(Path(name)) as live:
        told = tell(live, chosen, lambda text: print(text, file=sys.stderr, flush=True))
    for one in told:
        _print(one)
    flawed = [flaw for one in told for flaw in one.flaws]
    print(f"{sum(not one.flaws for one in told)} of {len(told)} as expected, {time.monotonic() - begin:.0f} s.")
    if not arguments:
        with tempfile.TemporaryDirectory() as name:
            failed, said = noise_flaws(Path(name), 24.0)
        print(f"A day with {failed:.0f} failed probes of noise: {said or 'no alert fired.'}")
        flawed += [said] if said else []
    print("\n".join(flawed))
    return bool(flawed)


def _print(one: Told) -> None:
    first = f"{one.first:5.1f} s" if one.first is not None else "      -"
    print(f"{'flawed' if one.flaws else 'ok':<7}{one.story:<36}{first}   {', '.join(one.pages) or 'nobody is told'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
