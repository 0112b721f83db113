"""Environments in one line: `net*, db: net, api: db x|y ?cache, suite!: api ~api`.

`*` is latent, `!` a suite; after the colon what it needs, `|` between alternatives, `?` before what it merely likes,
`~` before what a suite covers. Conditions likewise: `db=down:timeout@5` is down for that reason since second 5.
"""

from __future__ import annotations

from typing import Any

from staging_exporter.core.model import LATENT, Component, Layer, Priority, Reason, State
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


def conditions(components: dict[str, Component], text: str) -> dict[str, Condition]:
    """What is not named is up; a failure is a timeout since second 0 unless it says otherwise."""
    found = {name: Condition(State.UP) for name, component in components.items() if not component.latent}
    for part in text.split():
        name, _, word = part.partition("=")
        word, _, began = word.partition("@")
        state, _, reason = word.partition(":")
        failing = state in ("down", "degraded", "flapping", "starting")
        found[name] = Condition(
            State(state),
            Reason(reason) if reason else Reason.TIMEOUT if failing else Reason.OK,
            float(began or 0.0) if failing else None,
        )
    return found
