"""The rules of diagnosis, under one numbering: other modules name the rule that they implement.

A component without a check is latent. What a state means for others, in every rule:

| state | is failing | explains a failing dependent | is looked through | clears a latent component |
|---|---|---|---|---|
| down, flapping | yes | yes | - | - |
| degraded | yes | a degraded one | for a down one | - |
| starting, maintenance | - | yes, without being a root cause | - | - |
| unknown | - | - | yes | - |
| up | - | - | - | yes |

"Looked through" means that its own dependencies explain the dependent in its place.

1. A failing component that no hard dependency explains is a root cause; otherwise it is a symptom and inherits the root
   causes of the dependencies that explain it. An any-of group explains a down component only when every member does, a
   degraded one already with one member. Optional dependencies explain a degraded component, never a down one; there
   they are named as suspects.
2. A down component with an intrinsic reason is a root cause even when a dependency explains it: a broken dependency
   does not make a server show another identity, another certificate or lose its name. Exceptions: a failing hard
   ancestor fails in the same class of reasons, so that it only relays the failure; or it is evidence for a latent
   component.
3. Latent components are inferred from their dependents, before root causes are named. The evidence is the largest group
   of at least two direct dependents that fail in one class of reasons, that no checked component explains, and that
   began to fail within two intervals of each other. The latent component is then down, or degraded when all of them
   are. One healthy dependent clears it. One failing dependent alone, or several far apart in time, make it a suspect.
   Of two whose evidence is contained in one another, only the one with more is inferred; with equal evidence one is
   (the more urgent, then the first by name), and the other is a suspect. Dependents are judged first, since a latent
   component may depend on a latent one. A dependent that has an alternative clears nothing, and is evidence only when
   every alternative fails; an optional edge counts for a degraded dependent alone.
4. A component that is down while a hard dependent of it is up is contradicted: still reported, and marked, because the
   problem may be the network path from the exporter, or the edge may be wrong.
5. A component of layer `test` is never evidence and clears nothing. A failing suite is explained by any failing
   component that it covers; a suite that passed while one of them was down is a conflict.
6. Verdicts come only from completed rounds. A first failure, or a recovery, opens a round over the affected set: the
   component, its ancestors of every sort, the other dependents of latent ancestors, its descendants, the vantage
   checks. All are probed at once. While a round covers a component, its verdict waits, but not for ever: `rounds` has
   the bound. Component states are published at once.
7. Recovery is not a new fault, and blindness never resolves an alert. When what explains a component recovers, whatever
   began to fail before keeps its root causes as *recovering from* them for `recovery` or its startup budget; only what
   still fails after that becomes a root cause. A root cause whose component turns unknown remains one, marked stale,
   until it is seen again; a latent one until one of its dependents, or all that was evidence, is up.
8. A root cause's effective priority is the highest of its own, of the components that are down because of it, and of
   the journeys that it blocks. A degraded root cause that blocks nothing is at most P1.
9. A journey is blocked when a step's component is down or flapping (the first such step), else unknown when one is
   unknown, starting or in maintenance, else degraded, else up; it names the root causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from staging_exporter.core.evidence import Recent
from staging_exporter.core.health import Health
from staging_exporter.core.model import Reason, State

FAILS = frozenset({State.DOWN, State.FLAPPING, State.DEGRADED})
IS_DOWN = frozenset({State.DOWN, State.FLAPPING})
NOT_READY = frozenset({State.STARTING, State.MAINTENANCE})

# A broken dependency does not make a peer show another certificate.
CERTIFICATE = frozenset({Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED})
# Nor another identity, nor does it take away a name: unless both began together.
INTRINSIC = CERTIFICATE | {Reason.IDENTITY, Reason.DNS}

# Reasons of one class may have one cause. A hanging or crowded path shows as network trouble and as latency alike.
_CLASSES: Mapping[str, tuple[Reason, ...]] = {
    "network": (
        *(Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.CLOSED, Reason.SERVER_ERROR),
        *(Reason.SATURATED, Reason.UNSTABLE),
    ),
    "latency": (Reason.SLOW, Reason.TIMEOUT, Reason.SATURATED),
    "denied": (Reason.DENIED,),
    "dns": (Reason.DNS,),
    "tls": (Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.TLS),
    "answer": (Reason.CONTENT, Reason.IDENTITY, Reason.STATUS, Reason.PROTOCOL),
    "failed": (Reason.FAILED,),
}
CLASSES_OF: Mapping[Reason, frozenset[str]] = {
    reason: frozenset(name for name, reasons in _CLASSES.items() if reason in reasons) for reason in Reason
}

# What a degraded dependency hands on to those that need it, and how it may look there.
_HANDED_ON = frozenset({Reason.SLOW, Reason.SATURATED, Reason.UNSTABLE, Reason.CONTENT})
_ARRIVES_AS = frozenset(
    {Reason.TIMEOUT, Reason.SLOW, Reason.SERVER_ERROR, Reason.CLOSED, Reason.SATURATED, Reason.UNSTABLE, Reason.CONTENT}
)

# A component that is `unknown` for one of these cannot be seen, and is judged by its dependents.
BLIND = frozenset({Reason.RATE_LIMITED, Reason.CREDENTIALS, Reason.RESOLVER, Reason.NO_EVIDENCE, Reason.PROBE_ERROR})


def hands_on(cause: Reason, effect: Reason) -> bool:
    """True when a dependency that is degraded for `cause` can take a dependent down in the way of `effect`."""
    if cause == Reason.UNSTABLE:
        return effect not in CERTIFICATE
    return cause in _HANDED_ON and effect in _ARRIVES_AS


def stops_explaining(old: State, new: State) -> bool:
    """True when a component that explained the failure of a dependent may explain it no longer."""
    down = IS_DOWN | NOT_READY
    return (old in down and new not in down) or (old == State.DEGRADED and new not in FAILS | NOT_READY)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the diagnosis knows of one checked component; what is not compared changes without a new verdict.

    `recent` are its last runs, `interval` the seconds between two of them by its schedule.
    """

    state: State
    reason: Reason = Reason.OK
    failing_since: float | None = None
    detail: str = field(default="", compare=False)
    since: float | None = field(default=None, compare=False)
    recent: Recent = field(default=Recent(), compare=False)
    interval: float = field(default=10.0, compare=False)


def condition_of(shown: Health, interval: float) -> Condition:
    """What the diagnosis takes from the health of a component, as it is published."""
    failing_since = None if shown.state == State.UP else shown.failing_since
    return Condition(shown.state, shown.reason, failing_since, shown.detail, shown.since, shown.recent, interval)
