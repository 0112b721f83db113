"""The smallest environments in which the verdict went wrong, and what should be published instead.

The name of a case is the sentence that should be true. Seconds count from the start of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import LATENT, Component, Layer, Outcome, Priority, Reason, Topology

from tests.simulation.propagation import Span
from tests.simulation.stories import Story
from tests.simulation.symptoms import HANGS, SLOW, Growth, Phase, Symptom, partly
from tests.support.world import START

REFUSED = Symptom(Reason.REFUSED)
SERVER_ERROR = Symptom(Reason.SERVER_ERROR)
CONTENT = Symptom(Reason.CONTENT)
DENIED = Symptom(Reason.DENIED)
NO_NAME = Symptom(Reason.DNS)
LIMITED = Symptom(Reason.RATE_LIMITED, Outcome.UNKNOWN)
AGENT = {"interval": 300.0, "timeout": 150.0, "fall": 2, "retry_interval": 10.0}
Seen = tuple[float, float, Symptom | Growth]


@dataclass(frozen=True)
class Case:
    """`shows` is what each component shows from when until when; `roots` are the only true root causes.

    By `named_by` all of them are published. At most `wrong` percent of the runs, which differ in the phases of the
    probes, may publish another; `ends_between` draws when everything ends. `places` are parts of the interval at which
    a component is probed, where the case needs them.
    """

    components: tuple[Component, ...]
    shows: Mapping[str, tuple[Seen, ...]]
    roots: tuple[str, ...] = ()
    named_by: float | None = None
    wrong: float = 0.0
    ends_between: tuple[float, float] | None = None
    maintenance: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    places: Mapping[str, float] = field(default_factory=dict)

    def story(self, name: str, seed: str) -> Story:
        """One run of it."""
        ends = Random(f"{name} {seed}").uniform(*self.ends_between) if self.ends_between else float("inf")
        phases = {
            component: tuple(Phase(Span(begins, min(ends, until)), shows) for begins, until, shows in seen)
            for component, seen in self.shows.items()
        }
        last = max(phase.span.ends for some in phases.values() for phase in some)
        first = {name: phases.get(name) or [p for some in phases.values() for p in some] for name in self.roots}
        return Story(
            name,
            Topology("minimal", {component.name: component for component in self.components}),
            {n: Span(min(p.span.begins for p in f), max(p.span.ends for p in f)) for n, f in first.items()},
            phases,
            last + 150.0,
            windows=tuple(
                MaintenanceWindow((name,), Once(START + begins, START + until))
                for name, (begins, until) in self.maintenance.items()
            ),
            places=self.places,
        )


def probed(name: str, *needs: str, **cadence: Any) -> Component:
    """A component with a check, by default every 10 s."""
    return Component(name, Layer.SERVICE, Priority.P1, "http", tuple((one,) for one in needs), **cadence)


def latent(name: str, *needs: str) -> Component:
    """A component without one."""
    return Component(name, Layer.INFRASTRUCTURE, Priority.P1, LATENT, tuple((one,) for one in needs))


def _turn(second: float, interval: float) -> float:
    """The place in the interval whose turn is at this second of the run."""
    return ((START + second) % interval) / interval


def _half(*names: str, share: float = 0.5, until: float = 360.0) -> Mapping[str, tuple[Seen, ...]]:
    return {name: ((60.0, until, partly(SERVER_ERROR, share)),) for name in names}


CASES: Mapping[str, Case] = {
    "a dependent that takes minutes does not hold the verdict on its dependency": Case(
        (probed("a"), probed("c", "a"), probed("b", "a", **AGENT)),
        {
            "a": ((335.0, 700.0, REFUSED),),
            "b": ((325.0, 335.0, SERVER_ERROR), (335.0, 701.0, HANGS)),
            "c": ((336.0, 701.0, SERVER_ERROR),),
        },
        ("a",),
        named_by=355.0,
        places={"b": _turn(330.0, 300.0)},
    ),
    "work that ends a second before its maintenance window leaves no root cause": Case(
        (probed("a"), probed("b", "a")),
        {"a": ((60.0, 179.0, REFUSED),), "b": ((61.0, 180.0, SERVER_ERROR),)},
        maintenance={"a": (50.0, 180.0)},
    ),
    "two components that fail half of the time have one root cause": Case(
        (probed("a"), probed("b", "a")), _half("a", "b"), ("a",), named_by=300.0, wrong=5.0
    ),
    "a chain of four that fails in a third of its runs has one root cause": Case(
        (probed("a"), probed("b", "a"), probed("c", "b"), probed("d", "c")),
        _half("a", "b", "c", "d", share=0.3, until=660.0),
        ("a",),
        named_by=600.0,
        wrong=20.0,  # in ten minutes each of them has moments in which it alone fails
    ),
    "a partial fault that ends leaves no root cause behind": Case(
        (probed("a"), probed("b", "a", interval=30.0)), _half("a", "b"), ("a",), wrong=5.0
    ),
    "a slow database explains a dependent that times out": Case(
        (probed("db"), probed("api", "db")),
        {"db": ((60.0, 260.0, SLOW),), "api": ((61.0, 261.0, HANGS),)},
        ("db",),
        named_by=100.0,
    ),
    "a check that notices nothing does not hide what its dependents suffer from": Case(
        (probed("db"), probed("api", "db"), probed("web", "api")),
        {"db": ((60.0, 260.0, REFUSED),), "web": ((61.0, 261.0, SERVER_ERROR),)},
        ("db",),
        named_by=80.0,
        wrong=5.0,
    ),
    "a fault of seconds leaves no root cause at what is probed every five minutes": Case(
        (probed("a"), probed("b", "a"), probed("c", "b", interval=300.0)),
        {"a": ((60.0, 72.0, REFUSED),), "b": ((60.5, 72.0, HANGS),), "c": ((61.0, 72.0, SERVER_ERROR),)},
        ("a",),
        ends_between=(64.0, 72.0),
    ),
    "a dependent that is probed each second waits for one that fails two seconds later": Case(
        (latent("net"), probed("a", "net", interval=1.0), probed("b", "net", interval=30.0)),
        {"a": ((60.0, 260.0, REFUSED),), "b": ((62.0, 260.0, REFUSED),)},
        ("net",),
        named_by=75.0,
    ),
    "a dependent that hangs and one that is slow speak for one network": Case(
        (latent("net"), probed("a", "net"), probed("b", "net")),
        {"a": ((60.0, 260.0, HANGS),), "b": ((60.0, 260.0, SLOW),)},
        ("net",),
        named_by=90.0,
    ),
    "dependents that fail together in three ways speak for one network": Case(
        (latent("net"), probed("a", "net"), probed("b", "net"), probed("c", "net")),
        {"a": ((60.0, 260.0, CONTENT),), "b": ((60.0, 260.0, SERVER_ERROR),), "c": ((60.0, 260.0, DENIED),)},
        ("net",),
        named_by=90.0,
    ),
    "two networks with one failing dependent each speak for the network below": Case(
        (latent("net"), latent("one", "net"), latent("two", "net"), probed("a", "one"), probed("b", "two")),
        {"a": ((60.0, 260.0, REFUSED),), "b": ((61.0, 260.0, REFUSED),)},
        ("net",),
        named_by=90.0,
    ),
    "three dependents that fail together outweigh one that is up": Case(
        (latent("net"), probed("a", "net"), probed("b", "net"), probed("c", "net"), probed("d", "net")),
        dict.fromkeys(("a", "b", "c"), ((60.0, 260.0, REFUSED),)),
        ("net",),
        named_by=90.0,
    ),
    "a symptom has a minute from the recovery of the root cause, not of what lies between": Case(
        (probed("a"), probed("b", "a"), probed("c", "b")),
        {"a": ((40.0, 200.0, REFUSED),), "b": ((41.0, 150.0, SERVER_ERROR),), "c": ((42.0, 245.0, SERVER_ERROR),)},
        ("a",),
        named_by=60.0,
    ),
    "a name that is lost together with its database is a symptom": Case(
        (probed("db"), probed("api", "db")),
        {"db": ((60.0, 260.0, REFUSED),), "api": ((61.0, 261.0, NO_NAME),)},
        ("db",),
        named_by=80.0,
    ),
    "a name that is lost long before its database is a root cause of its own": Case(
        (probed("db"), probed("api", "db")),
        {"db": ((160.0, 360.0, REFUSED),), "api": ((60.0, 361.0, NO_NAME),)},
        ("db", "api"),
        named_by=180.0,
    ),
    "a rate limited cause is inferred from its dependents": Case(
        (probed("db"), probed("api", "db"), probed("web", "db")),
        {
            "db": ((60.0, 260.0, LIMITED),),
            "api": ((60.0, 261.0, SERVER_ERROR),),
            "web": ((61.0, 261.0, SERVER_ERROR),),
        },
        ("db",),
        named_by=90.0,
    ),
    "a dependency whose latency grows is the root cause, although its consumers time out first": Case(
        (probed("db"), probed("api", "db", timeout=2.0), probed("web", "api", timeout=3.0)),
        {name: ((60.0, 260.0, Growth(Span(60.0, 260.0), 0.1, 8.0, 2.5)),) for name in ("db", "api", "web")},
        ("db",),
        named_by=200.0,
        wrong=15.0,
    ),
}
