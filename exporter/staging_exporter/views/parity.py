"""Two status documents -> where two environments differ, component by component."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Final

from typing_extensions import TypedDict

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.core.words import hint
from staging_exporter.views.document_types import ComponentDocument, StatusDocument

MISSING, STATE, VERSION, LATENCY = "missing", "state", "version", "latency"
_FACTS = {
    "status": Fact.STATUS,
    "redirects": Fact.REDIRECTS,
    "tls_version": Fact.TLS_VERSION,
    "issuer": Fact.TLS_ISSUER,
}
ASPECTS: Final = (MISSING, STATE, VERSION, *_FACTS, LATENCY)
FACTOR = 3.0  # by which latencies differ that are reported
_LEAST = 0.1  # seconds by which they differ as well: of short ones a factor says nothing
_VERSIONS = re.compile(r"version|revision|release|commit|build|image|tag", re.IGNORECASE)
_NOT_OF_THE_SERVICE = {Fact.TLS_VERSION, Fact.HTTP_VERSION}


class Difference(TypedDict):
    """One component differs in one aspect; `a` and `b` are what is seen of it in the two environments."""

    component: str
    aspect: str
    a: str
    b: str


class ParityDocument(TypedDict):
    """A comparison: the names of the environments, the number of components in both, and where they differ."""

    a: str
    b: str
    components: int
    differences: list[Difference]


def parity_document(
    a: StatusDocument, b: StatusDocument, *, factor: float = FACTOR, ignored: Iterable[str] = ()
) -> ParityDocument:
    """Compare two environments. Latencies are reported that differ by `factor` and by 100 ms at least.

    `ignored` are `ASPECT`, `COMPONENT` or `COMPONENT:ASPECT`. Raises ValueError for any other; its text is for users.
    """
    names = [*a["components"], *(name for name in b["components"] if name not in a["components"])]
    skip = {pair for word in ignored for pair in _pairs(word, names)}
    found = [each for name in names for each in _of_component(name, a, b, factor)]
    return {
        "a": a["environment"],
        "b": b["environment"],
        "components": len(a["components"].keys() & b["components"].keys()),
        "differences": [each for each in found if (each["component"], each["aspect"]) not in skip],
    }


def _pairs(word: str, names: list[str]) -> list[tuple[str, str]]:
    """The components and aspects that one word ignores. Raises ValueError."""
    name, colon, aspect = word.partition(":")
    if not colon and name in ASPECTS and name not in names:
        return [(each, name) for each in names]
    if name not in names:
        raise ValueError(f"nothing is called {name!r}{hint(name, names if colon else [*names, *ASPECTS])}")
    if colon and aspect not in ASPECTS:
        raise ValueError(f"there is no aspect {aspect!r}{hint(aspect, ASPECTS)}")
    return [(name, each) for each in ([aspect] if colon else ASPECTS)]


def _of_component(name: str, a: StatusDocument, b: StatusDocument, factor: float) -> Iterator[Difference]:
    one, other = a["components"].get(name), b["components"].get(name)
    if one is None or other is None:
        yield {"component": name, "aspect": MISSING, "a": _presence(one), "b": _presence(other)}
        return
    if one["state"] != other["state"]:
        yield {"component": name, "aspect": STATE, "a": _state(one), "b": _state(other)}
    of_one, of_other = _versions(one), _versions(other)
    if differing := [key for key in sorted(of_one.keys() & of_other.keys()) if of_one[key] != of_other[key]]:
        texts = [", ".join(f"{key} {versions[key]}" for key in differing) for versions in (of_one, of_other)]
        yield {"component": name, "aspect": VERSION, "a": texts[0], "b": texts[1]}
    for aspect, fact in _FACTS.items():
        seen = one["facts"].get(fact), other["facts"].get(fact)
        if None not in seen and seen[0] != seen[1]:
            yield {"component": name, "aspect": aspect, "a": str(seen[0]), "b": str(seen[1])}
    low, high = sorted(times := (_latency(one), _latency(other)))
    if low > 0 and high >= factor * low and high - low >= _LEAST:
        yield {"component": name, "aspect": LATENCY, "a": f"{times[0] * 1e3:.0f} ms", "b": f"{times[1] * 1e3:.0f} ms"}


def _presence(component: ComponentDocument | None) -> str:
    return "missing" if component is None else "present"


def _state(component: ComponentDocument) -> str:
    """The state, and why, where it is not up."""
    return component["state"] + (f" ({component['reason']})" if component["reason"] != Reason.OK else "")


def _versions(component: ComponentDocument) -> dict[str, str]:
    """Facts whose name says that they are a version, and the revision of the last deploy."""
    found = {
        name: str(value)
        for name, value in component["facts"].items()
        if _VERSIONS.search(name) and name not in _NOT_OF_THE_SERVICE and isinstance(value, str | int | float)
    }
    if (deployed := component["deployed"]) and deployed["revision"]:
        found["deployed"] = deployed["revision"]
    return found


def _latency(component: ComponentDocument) -> float:
    """The median of the last runs that passed, in seconds; 0 without one."""
    recent = component["recent"]
    passed = [t for o, t in zip(recent["outcomes"], recent["durations"], strict=True) if o == Outcome.PASS]
    return median(passed) if passed else 0.0
