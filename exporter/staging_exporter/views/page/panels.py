"""What the status page shows beside the verdict: components by urgency, what is starting, what is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from staging_exporter.core.advice import ADVICE
from staging_exporter.core.model import LATENT, Layer, Reason, State
from staging_exporter.views.document_types import ComponentDocument, StatusDocument
from staging_exporter.views.page.selection import Selection
from staging_exporter.views.queries import is_symptom, waiting_for
from staging_exporter.views.undetermined import PHRASES

_OPEN = 3  # symptoms that are few enough to be shown unfolded
_SMALL = 30  # components of an environment whose components are all shown while nothing fails
Tiles = Mapping[str, ComponentDocument]


@dataclass(frozen=True, slots=True)
class LayerPanel:
    """The components of one layer: `urgent` ones are shown, `affected` and `quiet` ones may be folded.

    `quiet` are those that are up, in maintenance, or latent without evidence; `summary` counts them.
    """

    layer: str
    urgent: Tiles
    affected: Tiles
    quiet: Tiles
    summary: str


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers that have selected components; whether affected and quiet ones are unfolded; how many are shown."""

    panels: tuple[LayerPanel, ...]
    affected_open: bool
    quiet_open: bool
    selected: int


@dataclass(frozen=True, slots=True)
class Starting:
    """A component that is starting: `ends` is when its startup budget is spent, in Unix seconds, None without one.

    `spent` is the share of the budget that is used up, `waiting` are the components that fail until it is up,
    `journeys` those that lead through it.
    """

    name: str
    detail: str
    since: float | None
    ends: float | None
    spent: float
    waiting: list[str]
    journeys: list[str]


@dataclass(frozen=True, slots=True)
class Undetermined:
    """Components that are unknown for one reason; `phrase` names it, `remedy` says what to do."""

    reason: str
    phrase: str
    remedy: str
    names: list[str]
    detail: str


def layers(document: StatusDocument, selection: Selection) -> Layers:
    """The components that are selected, by layer and urgency."""
    components = document["components"]
    selected = {name: each for name, each in components.items() if selection.admits(name, each)}
    panels = tuple(
        _layer(document, layer, {name: each for name, each in selected.items() if each["layer"] == layer})
        for layer in map(str, Layer)
    )
    everything = selection.unfold or selection.narrows
    affected = sum(len(panel.affected) for panel in panels)
    calm = not affected and not any(panel.urgent for panel in panels) and len(components) <= _SMALL
    shown = tuple(panel for panel in panels if panel.urgent or panel.affected or panel.quiet)
    return Layers(shown, everything or affected <= _OPEN, everything or calm, len(selected))


def _layer(document: StatusDocument, layer: str, owned: Tiles) -> LayerPanel:
    affected = {name: each for name, each in owned.items() if is_symptom(document, name)}
    quiet = {name: each for name, each in owned.items() if name not in affected and _is_quiet(each)}
    urgent = {name: each for name, each in owned.items() if name not in affected and name not in quiet}
    return LayerPanel(layer, urgent, affected, quiet, _summary(quiet))


def _is_quiet(component: ComponentDocument) -> bool:
    if component["certainty"] is not None or component["conflicts"]:
        return False
    if component["reason"] == Reason.DISABLED:
        return True
    without_evidence = component["kind"] == LATENT and component["state"] == State.UNKNOWN
    return component["state"] in (State.UP, State.MAINTENANCE) or (without_evidence and not component["suspects"])


def _summary(quiet: Tiles) -> str:
    states = [Reason.DISABLED if each["reason"] == Reason.DISABLED else each["state"] for each in quiet.values()]
    words = {
        State.UP: "up",
        State.MAINTENANCE: "in maintenance",
        State.UNKNOWN: "without evidence",
        Reason.DISABLED: "disabled",
    }
    return ", ".join(f"{count} {word}" for state, word in words.items() if (count := states.count(state)))


def starting(document: StatusDocument) -> list[Starting]:
    """What is starting, that whose budget ends first before the others."""
    found = [
        _starting(document, name, each)
        for name, each in document["components"].items()
        if each["state"] == State.STARTING
    ]
    return sorted(found, key=lambda each: (each.ends is None, each.ends, each.name))


def _starting(document: StatusDocument, name: str, component: ComponentDocument) -> Starting:
    waiting = waiting_for(document, name)
    concerned = {name, *waiting}
    journeys = [
        journey
        for journey, each in document["journeys"].items()
        if any(step["component"] in concerned for step in each["steps"])
    ]
    ends, began = component["startup_ends"], component["began"] or component["since"]
    spent = 0.0
    if ends is not None and began is not None and ends > began:
        spent = min(max((document["generated_at"] - began) / (ends - began), 0.0), 1.0)
    return Starting(name, component["detail"], component["since"], ends, spent, waiting, journeys)


def undetermined(document: StatusDocument) -> list[Undetermined]:
    """What is unknown, by reason; without components that have no check."""
    found: dict[str, list[str]] = {}
    components = document["components"]
    for name, each in components.items():
        seen_by_a_check = each["kind"] != LATENT and each["reason"] != Reason.DISABLED
        if each["state"] == State.UNKNOWN and seen_by_a_check and each["certainty"] is None:
            found.setdefault(each["reason"], []).append(name)
    return list(_by_reason(found, components))


def _by_reason(found: Mapping[str, list[str]], components: Tiles) -> Iterator[Undetermined]:
    for reason in sorted(found, key=lambda reason: (reason == Reason.NO_EVIDENCE, reason)):
        phrase = PHRASES.get(reason, "no evidence" if reason == Reason.NO_EVIDENCE else reason)
        names = found[reason]
        yield Undetermined(reason, phrase, ADVICE[Reason(reason)].look, names, components[names[0]]["detail"])
