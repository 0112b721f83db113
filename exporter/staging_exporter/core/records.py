"""What is known of one checked component from its own runs: the board keeps one record each, and alone changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from staging_exporter.core.health import Health
from staging_exporter.core.memory import Remembered
from staging_exporter.core.model import Observation, State
from staging_exporter.core.rules import Condition
from staging_exporter.core.tally import Tally

_HEALTH, _CONDITION = Health(), Condition(State.UNKNOWN)  # before the first run


@dataclass(slots=True)
class Record:
    """`health` follows from the runs alone; `shown` is what is published: maintenance or our blindness may mask it.

    `condition` is `shown` as the diagnosis takes it; `remembered` is how the component was before a restart, until it
    is known again.
    """

    health: Health = _HEALTH
    shown: Health = _HEALTH
    condition: Condition = _CONDITION
    last: Observation | None = None
    tally: Tally = field(default_factory=Tally)
    maintained: bool = False
    remembered: Remembered | None = None


Records = Mapping[str, Record]


def conditions_of(records: Records) -> dict[str, Condition]:
    """What the diagnosis knows now of each checked component."""
    return {name: record.condition for name, record in records.items()}
