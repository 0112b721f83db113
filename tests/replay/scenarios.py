"""The scenarios of the incident: what each component shows while the fault lasts, and what must be said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from staging_exporter.core.model import Outcome, Priority, Reason, State
from staging_exporter.core.snapshot import JourneyState

from tests.support.world import HEALTHY, Answer

Effect = Callable[[float], Answer]  # by seconds since the effect began

P0, P1, P2 = Priority.P0, Priority.P1, Priority.P2
DOWN, DEGRADED, UNKNOWN = State.DOWN, State.DEGRADED, State.UNKNOWN


def fails(reason: Reason, duration: float = 0.05) -> Effect:
    """Every run fails, for this reason."""
    return lambda _: Answer(Outcome.FAIL, reason, duration)


def hangs() -> Effect:
    """Every run takes all of its timeout."""
    return lambda _: Answer(Outcome.FAIL, Reason.TIMEOUT, 1e9)


def degrades(reason: Reason = Reason.CONTENT) -> Effect:
    """Every run gets an answer that says it is not well."""
    return lambda _: Answer(Outcome.DEGRADED, reason, 0.05)


def tells_nothing(reason: Reason) -> Effect:
    """Every run is inconclusive."""
    return lambda _: Answer(Outcome.UNKNOWN, reason, 0.05)


def passes() -> Effect:
    """It goes on as if nothing had happened."""
    return lambda _: HEALTHY


def crash_loop(since: float) -> Answer:
    """Every 7 seconds the port opens for two, with an error behind it; in between the platform answers 503."""
    return Answer(Outcome.FAIL, Reason.SERVER_ERROR if since % 7 < 2 else Reason.REFUSED)


def until(seconds: float, effect: Effect) -> Effect:
    """The effect ends by itself."""
    return lambda since: effect(since) if since < seconds else HEALTHY


UNAVAILABLE = fails(Reason.SERVER_ERROR)

# What the backend takes with it: websocket and agent run through the edge, and the edge itself.
BEHIND_BACKEND: Mapping[str, Effect] = dict.fromkeys(
    ("backend-ready", "edge-api", "websocket", "websocket-direct", "ws-health", "agent-run"), UNAVAILABLE
)
BEHIND_AUTH: Mapping[str, Effect] = {"edge-auth": UNAVAILABLE}
BEHIND_FRONTEND: Mapping[str, Effect] = {"edge-app": UNAVAILABLE}
SOCKETS: Mapping[str, Effect] = dict.fromkeys(("websocket-direct", "websocket", "agent-run"), UNAVAILABLE)


@dataclass(frozen=True)
class Scenario:
    """One fault and the verdict on it.

    `states` and `reasons` name what is not up; every component that is named nowhere must be up. `lasts` are the
    seconds until it is repaired; the verdict is read just before.
    """

    id: str
    injected: str
    effects: Mapping[str, Effect]
    roots: Mapping[str, Priority] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    journey: tuple[JourneyState, str | None] = (JourneyState.UP, None)
    contradicted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ("e2e",)
    lasts: float = 70.0


def _down(*groups: Mapping[str, Effect] | str) -> dict[str, State]:
    return {name: DOWN for group in groups for name in ([group] if isinstance(group, str) else group)}


BLOCKED = JourneyState.BLOCKED
AT_PAGE, AT_LOGIN = (BLOCKED, "page"), (BLOCKED, "login")
AT_CONNECT, AT_AGENT = (BLOCKED, "connect"), (BLOCKED, "agent")

SCENARIOS = (
    Scenario(
        "F01",
        "the Postgres socket accepts and closes at once; auth still says connected",
        {
            "postgres": fails(Reason.CLOSED),
            "backend": fails(Reason.SERVER_ERROR, 4.0),
            "frontend": degrades(),
            **BEHIND_BACKEND,
        },
        {"postgres": P0},
        {"postgres": Reason.CLOSED},
        _down("postgres", "backend", BEHIND_BACKEND) | {"frontend": DEGRADED},
        AT_CONNECT,
        contradicted={"postgres": ("auth",)},
    ),
    Scenario(
        "F03",
        "the backend crash-loops every 7 s",
        {"backend": crash_loop, "frontend": degrades(), **BEHIND_BACKEND},
        {"backend": P0},
        {},
        _down("backend", BEHIND_BACKEND) | {"frontend": DEGRADED},
        AT_CONNECT,
    ),
    Scenario(
        "F06",
        "/health is a constant 200, the WebSocket handshake answers 503 both ways",
        SOCKETS,
        {"websocket-direct": P0},
        {"websocket-direct": Reason.SERVER_ERROR},
        _down(SOCKETS),
        AT_CONNECT,
    ),
    Scenario(
        "F07",
        "/ws/health answers 200 with a body that says unhealthy",
        {"ws-health": degrades()},
        {"ws-health": P1},
        {"ws-health": Reason.CONTENT},
        {"ws-health": DEGRADED},
        conflicts=(),
    ),
    Scenario(
        "F08",
        "the frontend answers 200 degraded, the backend 503 after 3.5 s",
        {"backend": fails(Reason.SERVER_ERROR, 3.5), "frontend": degrades(), **BEHIND_BACKEND},
        {"backend": P0},
        {"backend": Reason.SERVER_ERROR},
        _down("backend", BEHIND_BACKEND) | {"frontend": DEGRADED},
        AT_CONNECT,
    ),
    Scenario(
        "F09",
        "the api host is answered by the frontend",
        {"edge-api": fails(Reason.IDENTITY), "websocket": UNAVAILABLE, "agent-run": UNAVAILABLE},
        {"edge-api": P0},
        {"edge-api": Reason.IDENTITY},
        _down("edge-api", "websocket", "agent-run"),
        AT_CONNECT,
    ),
    Scenario(
        "F10",
        "the api host does not resolve",
        {name: fails(Reason.DNS) for name in ("dns-api", "edge-api", "websocket", "agent-run")},
        {"dns-api": P0},
        {"dns-api": Reason.DNS, "edge-api": Reason.DNS},
        _down("dns-api", "edge-api", "websocket", "agent-run"),
        AT_CONNECT,
    ),
    Scenario(
        "F11",
        "the certificate of the app host lacks its name",
        {"edge-app": lambda _: Answer(Outcome.FAIL, Reason.TLS_NAME, facts={"tls_not_after": 1.0})},
        {"edge-app": P0},
        {"edge-app": Reason.TLS_NAME},
        _down("edge-app"),
        AT_PAGE,
    ),
    Scenario(
        "F12",
        "the Postgres check itself is misconfigured",
        {"postgres": tells_nothing(Reason.PROBE_ERROR)},
        reasons={"postgres": Reason.PROBE_ERROR},
        states={"postgres": UNKNOWN},
        conflicts=(),
    ),
    Scenario(
        "F14",
        "/ws answers 502 through the edge, fine direct",
        {"websocket": UNAVAILABLE, "agent-run": UNAVAILABLE},
        {"websocket": P0},
        {"websocket": Reason.SERVER_ERROR},
        _down("websocket", "agent-run"),
        AT_CONNECT,
    ),
    Scenario(
        "F16",
        "the WebSocket accepts and closes 1011 before the welcome, both ways",
        SOCKETS,
        {"websocket-direct": P0},
        {"websocket-direct": Reason.SERVER_ERROR},
        _down(SOCKETS),
        AT_CONNECT,
    ),
    Scenario(
        "F19",
        "the WebSocket is fine, the agent never starts",
        {"agent-run": fails(Reason.CONTENT, 5.0)},
        {"agent-run": P0},
        {"agent-run": Reason.CONTENT},
        _down("agent-run"),
        AT_AGENT,
        conflicts=(),
    ),
    Scenario(
        "F21",
        "Redis is unreachable, /health/ready hangs",
        {"redis": fails(Reason.UNREACHABLE, 3.0), "backend-ready": hangs()},
        {"redis": P1},
        {"redis": Reason.UNREACHABLE, "backend-ready": Reason.TIMEOUT},
        _down("redis", "backend-ready"),
        conflicts=(),
    ),
    Scenario(
        "F22",
        "Redis is down, /health/ready answers 200 with a degraded word",
        {"redis": fails(Reason.REFUSED), "backend-ready": degrades()},
        {"redis": P1},
        {"redis": Reason.REFUSED, "backend-ready": Reason.CONTENT},
        _down("redis") | {"backend-ready": DEGRADED},
        conflicts=(),
    ),
    Scenario(
        "F25",
        "Postgres and Redis both time out; ClickHouse and LLM are fine",
        {
            "postgres": hangs(),
            "redis": hangs(),
            "auth": fails(Reason.SERVER_ERROR, 2.0),
            "backend": fails(Reason.SERVER_ERROR, 4.5),
            "frontend": UNAVAILABLE,
            **BEHIND_BACKEND,
            **BEHIND_AUTH,
            **BEHIND_FRONTEND,
        },
        {"vpc-connector": P0},
        {"vpc-connector": Reason.INFERRED},
        _down(
            "vpc-connector",
            "postgres",
            "redis",
            "auth",
            "backend",
            "frontend",
            BEHIND_BACKEND,
            BEHIND_AUTH,
            BEHIND_FRONTEND,
        ),
        AT_PAGE,
    ),
    Scenario(
        "F27",
        "ClickHouse is unreachable, LLM is fine",
        {"clickhouse": fails(Reason.UNREACHABLE, 3.0)},
        {"clickhouse": P2},
        {"clickhouse": Reason.UNREACHABLE},
        _down("clickhouse"),
        conflicts=(),
    ),
    Scenario(
        "F30",
        "cold start: silence for 26 s, then answers in 7 ms",
        {
            "backend": until(26.0, hangs()),
            "frontend": until(26.0, degrades()),
            **{name: until(26.0, UNAVAILABLE) for name in BEHIND_BACKEND},
        },
        conflicts=(),
    ),
    Scenario(
        "F31",
        "503 Startup in progress for 480 s of a 600 s budget",
        {"backend": fails(Reason.STARTING), "frontend": degrades(), **BEHIND_BACKEND},
        {},
        {"backend": Reason.STARTING},
        _down(BEHIND_BACKEND) | {"backend": State.STARTING, "frontend": DEGRADED},
        AT_CONNECT,
        lasts=480.0,
    ),
    Scenario(
        "F31 past its budget",
        "503 Startup in progress for 700 s of a 600 s budget",
        {"backend": fails(Reason.STARTING), "frontend": degrades(), **BEHIND_BACKEND},
        {"backend": P0},
        {"backend": Reason.STARTING},
        _down("backend", BEHIND_BACKEND) | {"frontend": DEGRADED},
        AT_CONNECT,
        lasts=700.0,
    ),
    Scenario(
        "F37",
        "every host behind the load balancer answers 429 for 600 s",
        {
            name: tells_nothing(Reason.RATE_LIMITED)
            for name in ("edge-app", "edge-auth", "edge-api", "websocket", "agent-run")
        },
        reasons={"edge-api": Reason.RATE_LIMITED},
        states=dict.fromkeys(("edge-app", "edge-auth", "edge-api", "websocket", "agent-run"), UNKNOWN),
        journey=(JourneyState.UNKNOWN, None),
        conflicts=(),
        lasts=600.0,
    ),
    Scenario(
        "F40",
        "all E2E tests skipped themselves; the backend is down",
        {
            "e2e": tells_nothing(Reason.NO_EVIDENCE),
            "backend": UNAVAILABLE,
            "frontend": degrades(),
            **BEHIND_BACKEND,
        },
        {"backend": P0},
        {"e2e": Reason.NO_EVIDENCE},
        _down("backend", BEHIND_BACKEND) | {"frontend": DEGRADED, "e2e": UNKNOWN},
        AT_CONNECT,
        conflicts=(),
    ),
    Scenario(
        "F41",
        "7 mock tests passed in 0.27 s; the WebSocket answers 503 both ways",
        {"e2e": passes(), **SOCKETS},
        {"websocket-direct": P0},
        {"websocket-direct": Reason.SERVER_ERROR, "e2e": Reason.OK},
        _down(SOCKETS),
        AT_CONNECT,
    ),
    Scenario(
        "F43",
        "the E2E report holds no test",
        {"e2e": tells_nothing(Reason.NO_EVIDENCE)},
        reasons={"e2e": Reason.NO_EVIDENCE},
        states={"e2e": UNKNOWN},
        conflicts=(),
    ),
    Scenario(
        "F44",
        "Postgres refuses for everybody and the newest backend revision does not start",
        {
            "postgres": fails(Reason.REFUSED),
            "backend-revision": fails(Reason.FAILED),
            "auth": UNAVAILABLE,
            "backend": UNAVAILABLE,
            "frontend": UNAVAILABLE,
            **BEHIND_BACKEND,
            **BEHIND_AUTH,
            **BEHIND_FRONTEND,
        },
        {"postgres": P0, "backend-revision": P0},
        {"postgres": Reason.REFUSED, "backend-revision": Reason.FAILED},
        _down(
            "postgres",
            "backend-revision",
            "auth",
            "backend",
            "frontend",
            BEHIND_BACKEND,
            BEHIND_AUTH,
            BEHIND_FRONTEND,
        ),
        AT_PAGE,
    ),
)
