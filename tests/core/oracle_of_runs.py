"""What the oracle makes of the runs of one component: from the prose of the rules, by brute force."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from staging_exporter.core.model import Observation, Outcome, Reason, State

R = Reason
CLASSES = {
    "network": {R.REFUSED, R.UNREACHABLE, R.TIMEOUT, R.CLOSED, R.SERVER_ERROR, R.SATURATED, R.UNSTABLE},
    "latency": {R.SLOW, R.TIMEOUT, R.SATURATED},
    "tls": {R.TLS_EXPIRED, R.TLS_NAME, R.TLS_UNTRUSTED, R.TLS},
    "answer": {R.CONTENT, R.IDENTITY, R.STATUS, R.PROTOCOL},
    **{reason.value: {reason} for reason in (R.DENIED, R.DNS, R.FAILED)},
}
CERTIFICATE = {R.TLS_EXPIRED, R.TLS_NAME, R.TLS_UNTRUSTED}
INTRINSIC = {*CERTIFICATE, R.IDENTITY, R.DNS}
ARRIVES = {R.TIMEOUT, R.SLOW, R.SERVER_ERROR, R.CLOSED, R.SATURATED, R.UNSTABLE, R.CONTENT}
HANDED_ON = {R.SLOW, R.SATURATED, R.CONTENT, R.TIMEOUT, R.SERVER_ERROR, R.CLOSED}
BLIND = {R.RATE_LIMITED, R.CREDENTIALS, R.RESOLVER, R.NO_EVIDENCE, R.PROBE_ERROR}
UNSEEN = BLIND.union(*CLASSES.values())  # what is `unknown` for one of these is judged by its dependents
DOWN = {State.DOWN, State.FLAPPING}
FAILS = {*DOWN, State.DEGRADED}
WAITS = {State.STARTING, State.MAINTENANCE}
LONG_AGO = float("-inf")


def classes_of(reason: Reason) -> set[str]:
    return {name for name, reasons in CLASSES.items() if reason in reasons}


@dataclass
class Seen:
    """What is known of one checked component: its state, and its conclusive runs, at most 24, oldest first."""

    state: State
    reason: Reason = Reason.OK
    failing_since: float | None = 0.0
    since: float | None = 0.0
    interval: float = 10.0
    runs: tuple[Observation, ...] = ()

    def _good(self, index: int) -> bool:
        return self.runs[index].outcome == Outcome.PASS

    @property
    def first_bad(self) -> int | None:
        """The first run that did not pass, with no twelve passes in a row since."""
        bad = [i for i in range(len(self.runs)) if not self._good(i)]
        ends = [i for i in range(11, len(self.runs)) if all(self._good(j) for j in range(i - 11, i + 1))]
        return next((i for i in bad if not any(end > i for end in ends)), None)

    @property
    def onset(self) -> float | None:
        return None if self.first_bad is None else self.runs[self.first_bad].started

    @property
    def last_good(self) -> float:
        """When the last pass before the trouble began; long ago where none was seen."""
        before = self.runs[: self.first_bad]
        return max((run.started for run in before if run.outcome == Outcome.PASS), default=LONG_AGO)

    @property
    def began(self) -> float | None:
        return self.failing_since if self.onset is None or self.state == State.DOWN else self.onset

    @property
    def outages(self) -> list[list[Observation]]:
        """The failures in a row, each time since the trouble began."""
        since = self.runs[self.first_bad :] if self.first_bad is not None else ()
        return [list(some) for bad, some in groupby(since, lambda run: run.outcome != Outcome.PASS) if bad]

    @property
    def last_bad(self) -> float:
        return max((run.ended for run in self.runs if run.outcome != Outcome.PASS), default=LONG_AGO)

    @property
    def last_good_anew(self) -> float:
        """The last of the passes that ended an outage, so that what fails since fails anew; else `last_good`."""
        since = self.runs[self.first_bad :] if self.first_bad is not None else ()
        found, failed, number = self.last_good, 0, 0
        for bad, some in groupby(since, lambda run: run.outcome != Outcome.PASS):
            runs = list(some)
            if bad:
                failed, number = len(runs), number + 1
                continue
            outage = failed >= 4 or (number == 1 and failed >= 2)
            if len(runs) >= (2 if outage else 4 if number == 2 and failed == 3 else 12):
                found = runs[-1].started
        return found

    @property
    def passes_lately(self) -> int:
        return next((n for n, run in enumerate(reversed(self.runs)) if run.outcome != Outcome.PASS), len(self.runs))

    @property
    def now_and_then(self) -> bool:
        return self.first_bad is not None and any(self._good(i) for i in range(self.first_bad, len(self.runs)))

    def bad_of(self, moment: float) -> tuple[int, int]:
        some = [run for run in self.runs if run.ended >= moment]
        return len([run for run in some if run.outcome != Outcome.PASS]), len(some)

    @property
    def subsided(self) -> bool:
        return (self.state == State.FLAPPING or self.reason == R.UNSTABLE) and self.passes_lately >= 6

    @property
    def slowness(self) -> list[Observation]:
        """The last runs of which each answer took far longer than usual, the first of them an answer."""
        usual, known = 0.0, 0
        found: list[Observation] = []
        for run in self.runs:
            if run.outcome != Outcome.FAIL and known >= 2 and run.duration > 2 * usual + 0.1:
                found.append(run)
                continue
            found = [*found, run] if found and run.outcome == Outcome.FAIL else []
            if run.outcome == Outcome.PASS:
                known += 1
                usual += max(0.05, 1 / known) * (run.duration - usual)
        return found

    @property
    def slow_from(self) -> float | None:
        """When it began to take far longer than usual."""
        return self.slowness[0].started if self.slowness else None

    @property
    def slow_since(self) -> float | None:
        """The same, if its last three runs were answered, each of them so late."""
        last = self.slowness[-3:]
        return self.slow_from if len(last) == 3 and all(run.outcome != Outcome.FAIL for run in last) else None

    @property
    def good_until(self) -> float:
        return self.last_good if self.slow_from is None else min(self.last_good, self.slow_from)


def slack(a: Seen, b: Seen) -> float:
    return max(a.interval, b.interval, 10.0)


def together(cause: Seen, effect: Seen) -> bool:
    """Both may have begun at one moment, give or take an interval."""
    if cause.onset is None or effect.onset is None:
        return False
    within = slack(cause, effect)
    return cause.good_until - within <= effect.onset and effect.good_until - within <= cause.onset


def how_it_fits(cause: Seen, effect: Seen) -> str:
    """Whether a component that is up can be the cause: cleared, open, recovered or unstable."""
    if cause.onset is None or effect.onset is None:
        return "cleared"
    bad, runs = effect.bad_of(effect.onset)
    latest = effect.onset + slack(cause, effect)
    if bad == runs and cause.onset > latest and cause.last_good > latest:
        return "cleared"
    outages = cause.outages
    over = cause.last_bad < effect.last_good_anew
    passed, often = cause.passes_lately, len(outages) >= 3
    if over and passed >= 4:
        return "open" if often and passed < 6 else "cleared"
    was_out = outages and (len(outages[-1]) >= 4 or (len(outages) == 1 and len(outages[0]) >= 2))
    if was_out and passed >= 2:
        return "cleared" if over else "recovered"
    rate = 0.75 if bad == runs else max(0.2, 0.45 * bad / runs)
    failed, of = cause.bad_of(min(cause.onset, effect.onset))
    likelihood = rate**failed * (1 - rate) ** (of - failed) / (0.03**failed * 0.97 ** (of - failed))
    if likelihood < math.e:
        return "cleared" if likelihood <= math.e**-1.5 else "open"
    if passed >= 6:
        return "cleared" if over else "recovered"
    bad_starts = [run.started for run in effect.runs if run.outcome != Outcome.PASS]
    if passed >= 2 and max(bad_starts) < cause.runs[-passed].ended:
        return "recovered"  # the effect was not probed since, or passes too
    return "unstable" if len(outages) >= 2 else "open"


def handed_on(cause: Seen, effect: Seen) -> bool:
    """What a degraded cause does to a dependent that is down."""
    if cause.reason == R.UNSTABLE:
        return effect.reason not in CERTIFICATE
    if cause.reason not in HANDED_ON or effect.reason not in ARRIVES:
        return False
    onsets = [onset for onset in (cause.began, cause.slow_from) if onset is not None]
    if not onsets or effect.began is None:
        return True
    return min(onsets) <= effect.began + 2 * max(cause.interval, effect.interval)
