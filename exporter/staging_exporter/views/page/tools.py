"""Where to look further from a root cause: links with the right time range, the next command, its runbook. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from staging_exporter.core import names
from staging_exporter.core.advice import ADVICE
from staging_exporter.core.model import LATENT, Reason
from staging_exporter.views.document_types import ComponentDocument, RootCauseDocument

HERE = "http://localhost:9877"  # where the exporter is by default
_BEFORE = 900.0  # seconds before the failure at which a time range begins


@dataclass(frozen=True, slots=True)
class Tools:
    """Other programs of the environment, by the section `alerting`; `exporter` is our own URL.

    In a link to logs, `$component`, `$from` and `$to` (RFC 3339), `$from_ms` and `$to_ms` are replaced. `command` gives
    the next command to run for a component and a reason, or None.
    """

    exporter: str = HERE
    dashboard: str | None = None
    prometheus: str | None = None
    logs: str | None = None
    command: Callable[[str, Reason], str | None] = lambda _name, _reason: None


@dataclass(frozen=True, slots=True)
class Help:
    """For one root cause: what its reason means, where to look, the command to run next, links by name."""

    meaning: str
    look: str
    command: str
    runbook: str
    links: Mapping[str, str]


def help_for(tools: Tools, environment: str, root: RootCauseDocument, component: ComponentDocument, now: float) -> Help:
    """What to do about a root cause that is shown at `now`; `runbook` is below the status page."""
    reason, name = Reason(root["reason"]), root["component"]
    began = min([now, *(at for at in (root["began"], root["since"]) if at is not None)]) - _BEFORE
    advice = ADVICE[reason]
    probe = f"curl '{tools.exporter}/probe?component={name}&debug=true'"
    explain = f"staging-exporter explain {name} --from {tools.exporter}"
    command = tools.command(name, reason) or (explain if component["kind"] == LATENT else probe)
    runbook = f"runbooks/StagingRootCause{root['priority']}#{reason}"
    return Help(advice.meaning, advice.look, command, runbook, _links(tools, environment, name, component, began, now))


def _links(
    tools: Tools, environment: str, name: str, component: ComponentDocument, began: float, now: float
) -> dict[str, str]:
    own = component["links"]
    found: dict[str, str] = {}
    if logs := own.get("logs", tools.logs):
        found["Logs"] = _with_range(logs, name, began, now)
    if tools.prometheus:
        found["Prometheus"] = _prometheus(tools.prometheus, environment, name, began, now)
    if dashboard := own.get("dashboard"):
        found["Dashboard"] = _extended(dashboard, {"from": _ms(began), "to": "now"})
    if tools.dashboard:
        variables = {"var-environment": environment, "var-component": name}
        found["Grafana"] = _extended(tools.dashboard, {**variables, "from": _ms(began), "to": "now"})
    return found


def _extended(url: str, query: Mapping[str, str]) -> str:
    base, mark, fragment = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urlencode(query)}{mark}{fragment}"


def _prometheus(base: str, environment: str, name: str, began: float, now: float) -> str:
    pairs = {"environment": environment, "component": name}.items()
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in pairs)
    query = {
        "g0.expr": f"{names.PROBE_SUCCESS.name}{{{labels}}}",
        "g0.tab": "0",
        "g0.range_input": f"{max(now - began, 60):.0f}s",
        "g0.end_input": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}",
    }
    return f"{base.rstrip('/')}/graph?{urlencode(query)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _with_range(url: str, name: str, began: float, now: float) -> str:
    """Longer names first, so that `$from` is no beginning of `$from_ms`."""
    values = {"$component": name, "$from_ms": _ms(began), "$to_ms": _ms(now), "$from": _iso(began), "$to": _iso(now)}
    for key, value in values.items():
        url = url.replace(key, quote(value, safe=""))
    return url


def _ms(at: float) -> str:
    return f"{at * 1000:.0f}"


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
