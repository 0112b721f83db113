"""Environments in one line: `net*, db: net, api: db x|y ?cache, suite!: api ~api`.

`*` is latent, `!` a suite; after the colon what it needs, `|` between alternatives, `?` before what it merely likes,
`~` before what a suite covers. Conditions likewise: `db=down:timeout@5` is down for that reason since second 5,
`db=up/PPFP@5` is up with these runs, one every ten seconds, the first at second 5: `observations` has the letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from staging_exporter.core.evidence import Recent
from staging_exporter.core.model import LATENT, Component, Layer, Observation, Outcome, Priority, Reason, State
from staging_exporter.core.rules import Condition


def sketch(text: str, **options: Any) -> dict[str, Component]:
    """The components; `options` are fields that all of them get."""
    found = {}
    for part in text.split(","):
        name, _, needs = part.strip().partition(":")
        words = needs.split()
        bare = name.strip("*! ")
        found[bare] = Component(
            bare,
            Layer.TEST if "!" in name else Layer.SERVICE,
            options.get("priority", Priority.P1),
            LATENT if "*" in name else "tcp",
            tuple(tuple(word.split("|")) for word in words if word[0] not in "?~"),
            tuple(word[1:] for word in words if word[0] == "?"),
            covers=tuple(word[1:] for word in words if word[0] == "~"),
            **{key: value for key, value in options.items() if key != "priority"},
        )
    return found


def observations(letters: str, at: float = 0.0, every: float = 10.0) -> Iterator[Observation]:
    """Runs of 0.1 s: P passes, S passes and takes a second, D is degraded, F fails, U is inconclusive, - is no run."""
    for number, letter in enumerate(letters):
        if letter != "-":
            outcome = OUTCOMES[letter]
            reason = Reason.OK if outcome == Outcome.PASS else Reason.TIMEOUT
            yield Observation("it", at + every * number, 1.0 if letter == "S" else 0.1, outcome, reason)


def recent(runs: Iterable[Observation]) -> Recent:
    """What is remembered of them."""
    found = Recent()
    for run in runs:
        found = found.add(run)
    return found


OUTCOMES = {
    **{"P": Outcome.PASS, "S": Outcome.PASS},
    **{"D": Outcome.DEGRADED, "F": Outcome.FAIL, "U": Outcome.UNKNOWN},
}


def conditions(components: dict[str, Component], text: str) -> dict[str, Condition]:
    """What is not named is up; a failure is a timeout since second 0 unless it says otherwise."""
    found = {name: Condition(State.UP) for name, component in components.items() if not component.latent}
    for part in text.split():
        name, _, word = part.partition("=")
        word, _, began = word.partition("@")
        word, _, letters = word.partition("/")
        state, _, reason = word.partition(":")
        failing = state in ("down", "degraded", "flapping", "starting")
        runs = recent(observations(letters, float(began or 0.0)))
        since = float(began or 0.0) if runs.since is None else runs.since
        found[name] = Condition(
            State(state),
            Reason(reason) if reason else Reason.TIMEOUT if failing else Reason.OK,
            since if failing else None,
            since=since,
            recent=runs,
        )
    return found
