"""The words that panels show for a number, and their colours: a colour is never shown without its word.

A dashboard can only show numbers, so each word has a code; of several that apply the highest is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.models import dashboard as model

from staging_exporter.core.model import Priority, State
from staging_exporter.core.snapshot import JourneyState

# Distinguishable with red-green colour blindness, after https://jfly.uni-koeln.de/color/.
GREEN, YELLOW, ORANGE, RED = "#1A9E6B", "#B58600", "#E0692B", "#C4162A"
PURPLE, BLUE, SLATE, GREY = "#8F3BB8", "#3D8FD1", "#5B6B8C", "#8E8E8E"


@dataclass(frozen=True, slots=True)
class Word:
    """A number in a result, what it means, and its colour."""

    code: int
    text: str
    colour: str


STATES: Mapping[State, Word] = {
    State.UP: Word(1, State.UP, GREEN),
    State.MAINTENANCE: Word(2, State.MAINTENANCE, SLATE),
    State.UNKNOWN: Word(3, State.UNKNOWN, GREY),
    State.STARTING: Word(4, State.STARTING, BLUE),
    State.DEGRADED: Word(5, State.DEGRADED, YELLOW),
    State.FLAPPING: Word(6, State.FLAPPING, ORANGE),
    State.DOWN: Word(7, State.DOWN, ORANGE),
}
SYMPTOM = Word(8, "symptom", PURPLE)
ROOT = Word(9, "root cause", RED)
JOURNEYS: Mapping[JourneyState, Word] = {
    JourneyState.UP: STATES[State.UP],
    JourneyState.UNKNOWN: STATES[State.UNKNOWN],
    JourneyState.DEGRADED: STATES[State.DEGRADED],
    JourneyState.BLOCKED: Word(10, JourneyState.BLOCKED, RED),
}
ALL_STATES = (*STATES.values(), SYMPTOM, ROOT)
PRIORITIES = tuple(
    Word(priority.number, priority, colour) for priority, colour in zip(Priority, (RED, ORANGE, YELLOW), strict=True)
)
YES_BAD = (Word(0, "no", GREEN), Word(1, "yes", RED))
YES_GOOD = (Word(0, "no", RED), Word(1, "yes", GREEN))
YES = (Word(0, "no", GREY), Word(1, "yes", PURPLE))


def mapping(words: tuple[Word, ...]) -> list[model.ValueMapping]:
    """The value mapping that shows these words in place of their codes."""
    return [
        model.ValueMap(
            {
                str(word.code): model.ValueMappingResult(text=str(word.text), color=word.colour, index=index)
                for index, word in enumerate(words)
            }
        )
    ]
