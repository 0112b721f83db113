"""The configuration that is soaked: every kind, on the peers, as fast as the cadence allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.postgres import PASSWORD

_FAST = {"interval": "250ms", "timeout": "250ms", "retry_interval": "100ms"}


def write(directory: Path, ports: dict[str, Any], copies: int) -> Path:
    """The file; `copies` of each check on the moody HTTP peers, one of the others."""
    (directory / "password").write_text(PASSWORD)
    trusted = {"ca_file": str(directory / "ca.pem")}
    shop = {"identity": {"json": {"service": "shop"}}, "expect": {"json": {"status": "healthy"}}}
    checks: dict[str, dict[str, Any]] = {}
    for number, port in enumerate(ports["http"] * copies):
        checks[f"http-{number}"] = {"kind": "http", "url": f"http://127.0.0.1:{port}/", **shop}
    for number, port in enumerate(ports["talk"]):
        checks[f"tcp-{number}"] = {"kind": "tcp", "address": _at(port), "steps": [{"send": "x"}, {"expect": "PONG"}]}
        checks[f"redis-{number}"] = {"kind": "redis", "address": _at(port)}
        checks[f"grpc-{number}"] = {"kind": "grpc", "address": _at(port)}
        login = {"host": "127.0.0.1", "port": port, "database": "x", "user": "x"}
        checks[f"postgres-{number}"] = {"kind": "postgres", **login}
    for name in ("https", "other"):
        checks[f"{name}-http"] = {"kind": "http", "url": f"https://{_at(ports[name])}/", "tls": trusted}
        checks[f"{name}-tls"] = {"kind": "tls", "address": _at(ports[name]), "tls": trusted}
    checks["redis"] = {"kind": "redis", "address": _at(ports["redis"])}
    steps = [{"send": "hello"}, {"expect": {"matches": "hello"}}]
    checks["websocket"] = {"kind": "websocket", "url": f"ws://{_at(ports['websocket'])}/", "steps": steps}
    server = _at(ports["dns"])
    checks |= {f"dns-{name}": {"kind": "dns", "name": f"{name}.test", "server": server} for name in ("a", "b")}
    checks["domain"] = {"kind": "domain", "name": "a.localhost", "scheme": "http", "port": ports["http"][0]}
    checks["promql"] = {
        "kind": "promql",
        "url": f"http://{_at(ports['http'][1])}",
        "query": "up",
        "expect": {"value": 1},
    }
    components = {name: _component(name, check) for name, check in checks.items()}
    slow = {"interval": "2s", "timeout": "1s"}
    password = {"password": {"file": str(directory / "password")}}
    login = {"host": "127.0.0.1", "port": ports["postgres"], "database": "postgres", "user": "prober", **password}
    components["database"] = _component("database", {"kind": "postgres", **login}) | slow
    components["command"] = _component("command", {"kind": "exec", "command": ["false"]}) | slow
    file = directory / "soak.yml"
    file.write_text(yaml.safe_dump({"environment": "soak", "defaults": _FAST, "components": components}))
    return file


def _component(name: str, check: dict[str, Any]) -> dict[str, Any]:
    needs = {} if name in ("redis", "database") else {"depends_on": ["database"]}
    return {"layer": "service", "priority": "P2", "check": check, **needs}


def _at(port: int) -> str:
    return f"127.0.0.1:{port}"
