"""The rules of diagnosis, under one numbering: other modules name the rule that they implement.

A component without a check is latent; one that is `unknown` because it cannot be seen (rate limited, no credentials, no
evidence) is blind. What a state means for others, in every rule:

| state | is failing | explains a failing dependent | is looked through | clears what nobody can see |
|---|---|---|---|---|
| down, flapping | yes | yes | - | - |
| degraded | yes | a degraded one; one that is down, if handed on | otherwise, for one that is down | - |
| starting, maintenance | - | yes, without being a root cause | - | - |
| unknown | - | - | yes | - |
| up | - | - | yes, but only to what began together with the effect | yes |

"Looked through" means that its own dependencies explain the dependent in its place. Two components "began together" if
both may have begun to fail at one moment: neither passed more than one interval after the other had begun. In the
examples, `a -> b` means that a depends on b.

1. **Explanation** (`attribution`). A failing component that no hard dependency explains is a root cause; otherwise it
   is a symptom and inherits the root causes of what explains it. Of an any-of group, every member must explain what is
   down at each run, one suffices for what is degraded or fails now and then. Optional dependencies explain a degraded
   component; of one that is down they are suspects.
   - Degradation is handed on: what is slow, saturated, unstable, shows wrong content or already fails at times explains
     a dependent that is down in a way in which that arrives (a timeout, 5xx ...), when it, or the latency that led to
     it, was seen at most two intervals after it. Example: the database takes 4 s, and the API gives up after 2 s: not
     the API, the database. A certificate that expires soon explains nothing.
   - A check that is up may notice nothing. Example: web -> api -> database; the database and web fail, the health
     endpoint of api answers 200: the database is the root cause of web, through api.
2. **Runs before states** (`evidence`). States are thresholds that are crossed at random moments, runs are what was
   measured. A component that is up counts as degraded where its last runs fit the failures of a dependent that nothing
   else explains: `unstable`, when it failed repeatedly, at a rate that is likelier caused than chance; `slow`, when its
   last three answers took twice as long as usual. Example: database and API both fail half of the time, and the API is
   first to fail three times in a row: the root cause is the database, which never was `down`. What takes far longer
   than usual has not been well since it does, whatever its threshold: latency grows, and each check has its own.
   A state that outlasts its failures (`flapping`, `unstable`) makes no root cause after six passes in a row. But one
   that was published and failed three times or more, with passes between, lasts until the twelfth while its dependents
   fail: six passes in a row are no rarity of what answers two requests in three.
3. **Inference** (`inference`). What is latent or blind is inferred from at least two direct dependents that nothing
   else explains, that fail in one class of reasons, and that began within two intervals of each other. Example: cache
   and database time out at once: the network between us and them. It is then down, or degraded when all of them are.
   - Reasons of different classes are evidence, too, if nothing else is: such a root cause is `likely`.
   - A healthy dependent clears it, unless twice as many fail in one class: then it is `likely`, and contradicted by
     the healthy one. Example: an edge was configured that does not exist.
   - A latent component with a single failing dependent hands that one on to what it depends on itself. Example: of two
     subnets one service each fails: the network that both need.
   - A blind component is also inferred, as `likely`, from one dependent that began when it went out of sight.
   - Where one has all of the evidence of another and more, only that one is inferred. With equal evidence it is the
     nearest, the most urgent, the first by name; the others are suspects.
   - A dependent that has an alternative clears nothing, and is evidence only when every alternative fails; an optional
     edge counts for a degraded dependent alone.
4. **Reasons of its own** (`diagnosis`). No broken dependency makes a server show another certificate or identity, or
   takes its name away: a down component with such a reason is a root cause even when something explains it. Not so if a
   failing hard ancestor fails in the same class, if it is evidence for what is inferred, or if it lost its name or
   identity together with what explains it. Example: a service without ready pods has no name while its database is
   down; a name that was lost an hour before is a fault of its own.
5. **Contradictions and suites** (`diagnosis`). A component that is down while a hard dependent is up is contradicted:
   still reported, and marked, because the network path from the exporter, the edge or that check may be wrong.
   A component of layer `test` is no evidence, clears nothing and contradicts nothing. A failing suite is explained by
   any failing component that it covers, where it is known which of its tests cover what, by those alone that its
   failing tests cover; one that passes while one of them is down is in conflict with it.
6. **Rounds** (`rounds`). Verdicts come only from completed rounds. A first failure, or a recovery, opens one: all that
   decides about the component is probed at once, several times, and verdicts wait for it, but not for ever. Example:
   the API fails two seconds before its database: the API is not published as the root cause. What passes is looked at
   three times in a `retry_interval`, so that all looks are over when the third failure confirms the API: as many as
   tell a database that fails now and then from one that is up, and no time is lost for a fault that always shows.
   The last look begins after that, since a cause may be seen to fail later than its effect.
   What is up becomes no root cause for its latency while it is looked at: what is behind it may not have been seen
   often enough. Component states are published at once.
7. **Recovery and blindness** (`verdict_lifecycle`). Recovery is not a new fault, and blindness never resolves an alert.
   When what explains a component recovers, it has a time to recover, too, even if the fault was over before it was
   confirmed. Only a failure of a run that began after that time makes it a root cause, which *has not recovered*.
   What was up meanwhile, and fails again by itself, is another fault and has none (`evidence` says when one is over).
   Example: the database was down for a minute, and the API needs another to reconnect: one root cause, not two.
   Where both failed now and then it is at least five minutes: such a fault may be back at any time.
   After maintenance a component must fail anew, and has that time as well.
   A root cause that cannot be seen any more remains one, marked stale, until it is seen again; what was inferred, until
   one of its dependents, or all of its evidence, is up.
8. **Priority** (`journeys`). The effective priority of a root cause is the highest of its own, of what is down because
   of it or about to be, and of the journeys that it blocks; while it lasts it never falls. A degraded root cause that
   takes nothing down is at most P1. Dependents that are more urgent are probed once more when it is confirmed, and
   waited for, two seconds at most. Example: a P1 database fails a second before the P0 login: one page, not two.
9. **Journeys** (`journeys`). A journey is blocked when a step's component is down or flapping (the first such step),
   else unknown when one is unknown, starting or in maintenance, else degraded, else up; it names the root causes.
10. **What the graph does not say** (`coincidence`). Root causes that began within 30 seconds coincide when neither
   needs the other without an alternative. After two such incidents an edge is suggested, from the one that failed later
   by more than an interval each time; else from the layer nearer to the user, within one layer from the later one, both
   ways where each was as often the later one. Edges to what healthy dependents contradicted, and checks that noticed
   nothing, are listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from staging_exporter.core.evidence import Recent
from staging_exporter.core.facts import Fact
from staging_exporter.core.health import Health
from staging_exporter.core.model import Observation, Reason, State

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

# What a degraded dependency hands on to those that need it, and how it may look there. Degraded for a timeout is what
# was slow before and is about to be down.
_HANDED_ON = frozenset(
    {Reason.SLOW, Reason.SATURATED, Reason.UNSTABLE, Reason.CONTENT, Reason.TIMEOUT, Reason.SERVER_ERROR, Reason.CLOSED}
)
_ARRIVES_AS = frozenset(
    {Reason.TIMEOUT, Reason.SLOW, Reason.SERVER_ERROR, Reason.CLOSED, Reason.SATURATED, Reason.UNSTABLE, Reason.CONTENT}
)

# A component that is `unknown` for one of these cannot be seen, and is judged by its dependents.
BLIND = frozenset({Reason.RATE_LIMITED, Reason.CREDENTIALS, Reason.RESOLVER, Reason.NO_EVIDENCE, Reason.PROBE_ERROR})


def is_blind(condition: Condition) -> bool:
    """True for a checked component that cannot be seen now."""
    return condition.state == State.UNKNOWN and condition.reason in BLIND


def is_unconfirmed(condition: Condition) -> bool:
    """True for a checked component that fails, and was not seen for long enough to be called down."""
    return condition.state == State.UNKNOWN and bool(CLASSES_OF[condition.reason])


def hands_on(cause: Reason, effect: Reason) -> bool:
    """True when a dependency that is degraded for `cause` can take a dependent down in the way of `effect`."""
    if cause == Reason.UNSTABLE:
        return effect not in CERTIFICATE
    return cause in _HANDED_ON and effect in _ARRIVES_AS


def takes_down(cause: Reason) -> bool:
    """True when a dependency that is degraded for `cause` can take a dependent down."""
    return cause in _HANDED_ON


def stops_explaining(old: State, new: State) -> bool:
    """True when a component that explained the failure of a dependent may explain it no longer."""
    down = IS_DOWN | NOT_READY
    return (old in down and new not in down) or (old == State.DEGRADED and new not in FAILS | NOT_READY)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the diagnosis knows of one checked component; what is not compared changes without a new verdict.

    `recent` are its last runs, `interval` the seconds between two of them by its schedule. `tests_fail_for` are the
    components that the failing tests of a suite cover, None where it is not known which tests cover what.
    """

    state: State
    reason: Reason = Reason.OK
    failing_since: float | None = None
    detail: str = field(default="", compare=False)
    since: float | None = field(default=None, compare=False)
    recent: Recent = field(default=Recent(), compare=False)
    interval: float = field(default=10.0, compare=False)
    tests_fail_for: frozenset[str] | None = None

    @property
    def began(self) -> float | None:
        """The onset of its failures; of what is down, of those that made it so, whatever failed by chance before."""
        if self.state == State.DOWN or self.recent.since is None:
            return self.failing_since
        return self.recent.since

    @property
    def troubled_since(self) -> float | None:
        """The onset of its failures, or of the latency that led to them."""
        began, slower = self.began, self.recent.slower_since
        return began if slower is None else min(slower, slower if began is None else began)

    @property
    def untroubled(self) -> bool:
        """True when it is up, and nothing in its last runs says otherwise."""
        return self.state == State.UP and self.recent.since is None and not self.recent.slower


def condition_of(shown: Health, interval: float, last: Observation | None) -> Condition:
    """What the diagnosis takes from the health of a component, as it is published, and from its last run."""
    failing_since = None if shown.state == State.UP else shown.failing_since
    tests = last.facts.get(Fact.COVERED) if last else None
    failing = None if tests is None else frozenset(name for name, counts in tests.items() if _any_failed(counts))
    return Condition(
        shown.state, shown.reason, failing_since, shown.detail, shown.since, shown.recent, interval, failing
    )


def _any_failed(counts: Mapping[str, int]) -> bool:
    return bool(counts.get("failed") or counts.get("error"))
