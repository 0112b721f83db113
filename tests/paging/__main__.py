"""`make page`: every scenario, and disturbances on the way to the page, end to end; prints a table."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.alerts.noise import flaws as noise_flaws
from tests.paging.disturbances import STORIES
from tests.paging.rig import DEMO_SCALE, rig
from tests.paging.scaled import TIME
from tests.paging.stories import Outcome, Story, of_fault, play

# All 23 scenarios (F44 has two root causes), what only a user sees (F50 to F58), and the disturbances. Stories with the
# same root cause are far apart, since its alert must be resolved before it can be sent again.
_ORDER = (
    *("F01", "F51", "F21", "F54", "F03", "F06", "exporter restarted", "F09", "F55", "F07", "F10"),
    *("Prometheus restarted", "F53", "F08", "F11", "F56", "F16", "Alertmanager restarted", "F12", "F14", "F22", "F57"),
    *("cause recovers before its symptom", "F19", "F27", "F52", "the root moves", "F30", "F58", "F31", "F41"),
    *("vantage lost in mid-outage", "F37", "F40", "one probe fails once", "F50", "F25", "F43"),
    *("exporter killed", "F44", "exporter killed in mid-outage"),
)


def main(arguments: list[str]) -> int:
    """Play the stories named by the arguments; without any, play all, and a day of noise."""
    begin = time.monotonic()
    disturbances = {story.name: story for story in STORIES}
    if unknown := set(arguments) - set(_ORDER):
        print(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(_ORDER)}", file=sys.stderr)
        return 2
    chosen = [disturbances.get(name) or of_fault(name) for name in _ORDER if not arguments or name in arguments]
    print(f"Durations of rules, Prometheus and Alertmanager times {TIME:g}, those of the demo times {DEMO_SCALE:g}.")
    with ProcessPoolExecutor(1, initializer=os.nice, initargs=(19,)) as aside:
        noise = None if arguments else aside.submit(_day_of_noise)  # the stories mostly wait meanwhile
        flawed = _stories(chosen)
        print(f"{time.monotonic() - begin:.0f} s.")
        if noise:
            failed, fired = noise.result()
            print(f"A day with {failed:.0f} failed probes of noise: {fired or 'no alert fired.'}")
            flawed += [fired] if fired else []
    print("\n".join(flawed))
    return bool(flawed)


def _stories(chosen: list[Story]) -> list[str]:
    """Play the stories, print a table, and return what is not as expected."""
    with tempfile.TemporaryDirectory(prefix="staging-page-") as name, rig(Path(name)) as live:
        outcomes = play(live, chosen, lambda text: print(text, file=sys.stderr, flush=True))
    for one in outcomes:
        _print(one)
    flawed = [flaw for one in outcomes for flaw in one.flaws]
    print(f"{sum(not one.flaws for one in outcomes)} of {len(outcomes)} as expected, ", end="")
    return flawed


def _day_of_noise() -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as name:
        return noise_flaws(Path(name), 24.0)


def _print(one: Outcome) -> None:
    first = f"{one.first:5.1f} s" if one.first is not None else "      -"
    print(f"{'flawed' if one.flaws else 'ok':<7}{one.story:<36}{first}   {', '.join(one.pages) or 'no page'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
