"""Faults in the environment that is shipped as an example, `deploy/netra-staging.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

from staging_exporter.config import load_config
from staging_exporter.core.model import Layer, Topology

from tests.simulation.checked_causes import REFUSED, SERVER_ERROR, show_partly
from tests.simulation.propagation import Span
from tests.simulation.stories import Draft, Story, start
from tests.simulation.symptoms import HANGS, SLOW, Symptom, network

FILE = Path(__file__).parents[2] / "deploy" / "netra-staging.yml"


@cache
def shipped() -> Topology:
    """The topology, read by the loader that `run` uses."""
    return load_config(FILE).topology


def _begin(random: Random) -> tuple[Draft, Span]:
    """The end-to-end report is old and says that all passed, whatever happens."""
    draft = Draft(random, shipped())
    begins = start(random)
    span = Span(begins, begins + random.uniform(200.0, 400.0))
    for name, component in shipped().components.items():
        if component.layer == Layer.TEST:
            draft.spared.add(name)
    return draft, span


def outage(random: Random, cause: str, shows: Symptom, conversations: bool = False) -> Story:
    """One component is down, and so is all that needs it."""
    draft, span = _begin(random)
    draft.root(cause, span)
    draft.show(cause, span, shows)
    draft.affect({cause: span}, shows=network)
    return draft.story(f"{cause} shows {shows.in_words()}", conversations=conversations)


def partial_outage(random: Random, cause: str) -> Story:
    """Half of the requests to one component fail."""
    draft, span = _begin(random)
    show_partly(draft, cause, 0.5, span)
    return draft.story(f"50% of the requests to {cause} fail")


def postgres_refuses(random: Random, conversations: bool = False) -> Story:
    """postgres refuses connections."""
    return outage(random, "postgres", REFUSED, conversations)


def postgres_slow(random: Random) -> Story:
    """postgres is slow, its users are down."""
    draft, span = _begin(random)
    draft.root("postgres", span)
    draft.show("postgres", span, SLOW)
    draft.affect({"postgres": span}, shows=lambda chance, _: chance.choice((HANGS, SERVER_ERROR)))
    return draft.story("postgres is slow, its users are down")


def backend_503(random: Random) -> Story:
    """The backend answers 503."""
    return outage(random, "backend", SERVER_ERROR)
