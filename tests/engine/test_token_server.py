"""A token server that is down is one root cause, not one for each component that needs its tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.engine.run_once import run_until

from tests.support.web import Web, response, serving

OK = response(200, b"{}")


async def test_ten_components_behind_a_dead_token_server_have_one_root_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "the-secret-of-the-client")
    async with serving(Web({"*": OK})) as target, serving(Web({"*": response(503)})) as tokens:
        oauth2 = {"token_url": f"http://{tokens}/token", "client_id": "c", "client_secret": {"env": "CLIENT_SECRET"}}
        http = {"url": f"http://{target}/", "auth": {"oauth2": oauth2}}
        service = {"layer": "service", "priority": "P1"}
        components = {f"api-{number}": {**service, "check": {"kind": "http", **http}} for number in range(9)}
        flow = {"kind": "flow", "steps": [{"name": "call", "http": http}]}
        issuer = {**service, "check": {"kind": "http", "url": f"http://{tokens}/health"}}
        file = tmp_path / "config.yml"
        tree = {
            "environment": "test",
            "defaults": {"interval": "2s", "timeout": "1s", "retry_interval": "100ms"},
            "components": {**components, "user": {**service, "check": flow}, "issuer": issuer},
        }
        # The target and the token server must be hosts of their own, as they are outside of a test.
        file.write_text(yaml.safe_dump(tree).replace(f"http://{tokens}", f"http://localhost:{tokens.split(':')[1]}"))
        snapshot = await run_until(load_config(file), seconds=20)
    assert [root.component for root in snapshot.root_causes] == ["issuer"]
    others = {name: status for name, status in snapshot.components.items() if name != "issuer"}
    assert {(str(status.state), str(status.reason)) for status in others.values()} == {("unknown", "credentials")}
    assert all(status.detail.endswith("; this server is the component issuer") for status in others.values())
    assert others["user"].detail.startswith("step call: token server localhost:")
