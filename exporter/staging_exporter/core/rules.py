"""The table of section "law of diagnosis": what a state means for others, and the classes of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from staging_exporter.core.health import Health
from staging_exporter.core.model import Reason, State

FAILS = frozenset({State.DOWN, State.FLAPPING, State.DEGRADED})
IS_DOWN = frozenset({State.DOWN, State.FLAPPING})
EXCUSES = frozenset({State.STARTING, State.MAINTENANCE})

# A broken dependency does not make a peer show another identity, another certificate or lose its name.
INTRINSIC = frozenset({Reason.IDENTITY, Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.DNS})

_CLASSES: Mapping[str, tuple[Reason, ...]] = {
    "network": (Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.CLOSED, Reason.SERVER_ERROR),
    "denied": (Reason.DENIED,),
    "dns": (Reason.DNS,),
    "tls": (Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.TLS),
    "answer": (Reason.CONTENT, Reason.IDENTITY, Reason.STATUS, Reason.PROTOCOL),
    "slow": (Reason.SLOW,),
    "saturated": (Reason.SATURATED,),
    "failed": (Reason.FAILED,),
}
CLASS_OF: Mapping[Reason, str] = {reason: name for name, reasons in _CLASSES.items() for reason in reasons}


def stops_explaining(old: State, new: State) -> bool:
    """True when a component that accounted for a dependent may account for it no longer."""
    down = IS_DOWN | EXCUSES
    return (old in down and new not in down) or (old == State.DEGRADED and new not in FAILS | EXCUSES)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the diagnosis knows of one checked component; `detail` and `since` only ride along, to be shown."""

    state: State
    reason: Reason = Reason.OK
    failing_since: float | None = None
    detail: str = field(default="", compare=False)
    since: float | None = field(default=None, compare=False)


def condition_of(shown: Health) -> Condition:
    """What the diagnosis takes from the health of a component, as it is published."""
    failing_since = None if shown.state == State.UP else shown.failing_since
    return Condition(shown.state, shown.reason, failing_since, shown.detail, shown.since)
