"""The classes of the table, and what is asked of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.simulation import checked_causes as checked
from tests.simulation import latent_causes as latent
from tests.simulation import moments, shipped
from tests.simulation import wrong_graphs as graphs
from tests.simulation.stories import Story, Teller
from tests.simulation.symptoms import HANGS


@dataclass(frozen=True)
class Class:
    """`wrong` and `missed` are the most runs, in percent, that may be so; None where nothing is asked.

    `time` are the seconds after the fault within which 95 % of the right verdicts must come: ten more than once
    measured. `over` are those that they may take above what the probes allow.

    `one_page`, `contradicted` and `suggested` are the fewest runs, in percent, with no more pages than the ideal, with
    the true root named as contradicted, and with the missing edge suggested.
    """

    tell: Teller
    wrong: float | None = None
    missed: float | None = 1.0
    time: float | None = None
    over: float | None = None
    one_page: float | None = None
    contradicted: float | None = None
    suggested: float | None = None

    def story(self, name: str, seed: str) -> Story:
        """The story of that seed."""
        return self.tell(Random(f"{name} {seed}"))


CLASSES: Mapping[str, Class] = {
    "refused": Class(partial(checked.plain, shows=checked.REFUSED), 1, time=76),
    "5xx": Class(partial(checked.plain, shows=checked.SERVER_ERROR), 1, time=76),
    "identity": Class(partial(checked.plain, shows=checked.IDENTITY), 1, time=76),
    "denied": Class(partial(checked.plain, shows=checked.DENIED), 1, time=76),
    "dns": Class(partial(checked.plain, shows=checked.DNS), 1, time=76),
    "timeout": Class(partial(checked.plain, shows=HANGS), 1, time=98),
    "plain-40-to-150-s": Class(partial(checked.plain, shortest=40.0, longest=150.0), 1, time=76),
    "plain-uniform": Class(partial(checked.plain, uniform=True), 1, over=15, time=38),
    "effects-delayed-60-s": Class(partial(checked.plain, onset=60.0), 1, time=76),
    "during-a-deploy": Class(checked.during_a_deploy, 1, time=76),
    "slow": Class(checked.slow, 1, time=116),
    "degraded-cause": Class(checked.degraded_cause, 3, time=83),
    "partial": Class(checked.partial_fault, 5, time=189),
    "partial-uniform": Class(partial(checked.partial_fault, uniform=True), 5, time=189),
    "rolling": Class(checked.rolling, 8, 5, time=108),
    "latent-one-class": Class(latent.latent_fault, 3, 5, time=194),
    "latent-nested": Class(partial(latent.latent_fault, candidates=latent.nested_latents), 3, 5, time=195),
    "latent-60-s-apart": Class(partial(latent.latent_fault, onset=60.0), 20, 5, time=234),
    "latent-timeout-and-slow": Class(latent.timeout_and_slow, 3, 5, time=192),
    "latent-mixed-classes": Class(latent.mixed_classes, 8, 5, time=134),
    "short-uniform": Class(partial(moments.short, uniform=True), 2, 17, over=15, time=33),
    "short-mixed": Class(partial(moments.short, uniform=False), 2, 35, time=47),
    "other-order": Class(moments.other_order, 2, time=80),
    "late-recovery": Class(moments.late_recovery, 2, time=56),
    "growing-latency": Class(checked.growing_latency, 15, 5, time=234),
    "overlapping": Class(moments.overlapping, 2, 5, time=175),
    "cold-start": Class(moments.cold_start, 1),
    "maintenance-ends": Class(moments.maintenance_ends, 0),
    "blind-cause": Class(checked.blind_cause, 5, 5),
    "noise": Class(moments.noise_only, 1),
    "noise-and-fault": Class(moments.noise_and_fault, 1, time=97),
    "missing-edge": Class(graphs.missing_edge, one_page=90, time=75),
    "missing-edge-twice": Class(partial(graphs.missing_edge, times=2), one_page=90, suggested=100, time=75),
    "edge-too-many": Class(graphs.edge_too_many, 5, 5, contradicted=100),
    "edge-too-many-of-two": Class(partial(graphs.edge_too_many, fewest=2, most=2), None, None),
    "shallow-middle": Class(checked.shallow_middle, 5, time=79),
    "effect-shows-dns": Class(checked.effect_shows_dns, 3, time=74),
    "netra-postgres-refuses": Class(shipped.postgres_refuses, 1, 0, time=30),
    "netra-long-conversations": Class(partial(shipped.postgres_refuses, conversations=True), 1, 0, time=30),
    "netra-postgres-partial": Class(partial(shipped.partial_outage, cause="postgres"), 5),
    "netra-postgres-slow": Class(shipped.postgres_slow, 5),
    "netra-backend-503": Class(shipped.backend_503, 1, 0, time=30),
    "netra-backend-partial": Class(partial(shipped.partial_outage, cause="backend"), 5),
}
