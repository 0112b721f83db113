"""The faults: real outages of staging environments, each as a set of switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from staging_exporter.options.model import Model


class Setting(Model):
    """The setting of a switch; each mode uses the options that its description names."""

    mode: str = "ok"
    seconds: float | None = Field(None, ge=0, le=86400, description="duration, before the scale of the environment")
    status: int | None = Field(None, ge=200, le=599, description="HTTP status")
    code: int | None = Field(None, ge=1000, le=4999, description="WebSocket close code")
    host: str | None = Field(None, description="the host name that is affected")


NORMAL = Setting()


@dataclass(frozen=True, slots=True)
class Fault:
    """One outage: its title, and the switches that cause it."""

    title: str
    switches: Mapping[str, Setting]


def _fault(title: str, **switches: str | dict[str, Any]) -> Fault:
    settings = {
        name.replace("_", "-"): Setting.model_validate(how if isinstance(how, dict) else {"mode": how})
        for name, how in switches.items()
    }
    return Fault(title, settings)


_UNAVAILABLE = {"mode": "status", "status": 503}

FAULTS: Mapping[str, Fault] = {
    "F01": _fault(
        "Postgres closes every connection at once; auth is an old revision that does not check it",
        postgres_proxy="close",
        auth="blind",
    ),
    "F03": _fault("the backend crash-loops: its port is open 2 of every 7 seconds", backend="crash-loop"),
    "F06": _fault(
        "/health always answers 200, the WebSocket handshake is refused with 503",
        backend="constant",
        websocket=_UNAVAILABLE,
    ),
    "F07": _fault("/ws/health answers 200 with a body that says unhealthy", ws_health="unhealthy"),
    "F08": _fault("the backend answers 503 after a long wait", backend={**_UNAVAILABLE, "seconds": 0.8}),
    "F09": _fault("the load balancer sends the api host to the frontend", edge_routes="default-backend"),
    "F10": _fault("the api host does not resolve, the same name with a dash does", dns="moved"),
    "F11": _fault(
        "the certificate of the app host does not contain its name",
        certificate={"mode": "missing-name", "host": "app.staging.netra.test"},
    ),
    "F12": _fault("the Postgres check is misconfigured: its password file is missing", postgres_check="broken"),
    "F14": _fault("the load balancer answers 502 to WebSocket handshakes", edge_websocket="bad-gateway"),
    "F16": _fault("the WebSocket closes with 1011 before the welcome", websocket={"mode": "close", "code": 1011}),
    "F19": _fault("the WebSocket works, but no agent ever starts", websocket="no-agent"),
    "F21": _fault(
        "Redis does not respond, and /health/ready waits for it without a timeout",
        redis_proxy="timeout",
        backend_ready="patient",
    ),
    "F22": _fault("Redis is down, and /health/ready reports it with status 200", redis_proxy="refuse"),
    "F25": _fault(
        "everything behind the VPC connector does not respond: Postgres and Redis",
        postgres_proxy="timeout",
        redis_proxy="timeout",
    ),
    "F27": _fault("ClickHouse is unreachable, the LLM provider is not", clickhouse_proxy="timeout"),
    "F30": _fault("a cold start: the backend does not respond for 26 s", backend={"mode": "cold", "seconds": 26}),
    "F31": _fault(
        "a slow start: 503 `Startup in progress` for 48 s; with `seconds` 70 it exceeds the startup budget",
        backend={"mode": "starting", "seconds": 48},
    ),
    "F37": _fault("the load balancer bans this prober: 429 from every host behind it", edge="ban"),
    "F40": _fault("all E2E tests skip themselves while the backend is down", backend=_UNAVAILABLE, e2e="skipped"),
    "F41": _fault("E2E tests pass against mocks while the WebSocket answers 503", websocket=_UNAVAILABLE, e2e="mocked"),
    "F43": _fault("the E2E report has no tests at all", e2e="empty"),
    "F44": _fault(
        "two at once: Postgres refuses, and the newest backend revision does not start",
        postgres_proxy="refuse",
        revision="failed",
    ),
    # What only a user sees.
    "F50": _fault("the password of the prober is no longer valid", login="wrong-password"),
    "F51": _fault("the login sets no cookie", login="no-cookie"),
    "F52": _fault("the login gives a token for another audience", login="other-audience"),
    "F53": _fault("the answer of the chat is not saved", chat="not-saved"),
    "F54": _fault("the answer of the chat also reaches another user", chat="wrong-user"),
    "F55": _fault("the events of the chat come out of order", chat="out-of-order"),
    "F56": _fault("an event of the chat comes twice", chat="doubled"),
    "F57": _fault("the chat answers in fallback mode", chat="fallback"),
    "F58": _fault("the chat stops after two events", chat="stops"),
    # With `--google-cloud`: what the APIs of the cloud say as well.
    "G01": _fault("the VPC connector has all its instances, and they are busy", cloud_connector="full"),
    "G02": _fault(
        "the owner of the database instance stopped it: Postgres refuses, the API says RUNNABLE",
        cloud_sql="stopped",
        postgres_proxy="refuse",
    ),
    "G03": _fault(
        "the backend crash-loops every 7 s, the API says that it was deployed",
        cloud_run="crash-loop",
        backend="crash-loop",
    ),
    "G04": _fault("the newest revision of the backend does not start, an older one serves", cloud_run="failed"),
    "G05": _fault(
        "the managed certificate expired",
        cloud_certificate="expired",
        certificate={"mode": "expired", "host": "app.staging.netra.test"},
    ),
    "G06": _fault("the exporter loses the permission to read database instances", cloud_access="removed"),
}
