"""What the engine gives to single checks: name servers of their own, and the names of components."""

from __future__ import annotations

from pathlib import Path

from staging_exporter.config import load_config
from staging_exporter.core.model import Reason
from staging_exporter.engine.run_once import run_until

from tests.support.dnsserver import name_server, zone
from tests.support.web import Web, response, serving

CONFIG = """
environment: t
defaults: {{timeout: 2s, fall: 1, retry_interval: 10ms}}
resolver: {{servers: ["127.0.0.1:1"]}}
components:
  own:
    layer: test
    priority: P2
    check: {{kind: tcp, address: "app.test:{port}", resolver: {{servers: ["127.0.0.1:{dns}"]}}}}
  other: {{layer: test, priority: P2, check: {{kind: tcp, address: "app.test:{port}"}}}}
  auth: {{layer: test, priority: P2, check: {{kind: tcp, address: "localhost:1"}}}}
  user:
    layer: test
    priority: P2
    check:
      kind: http
      url: "http://127.0.0.1:{port}/"
      auth: {{oauth2: {{token_url: "http://localhost:1/token", client_id: c, client_secret: {{env: HOME}}}}}}
"""


async def test_a_check_has_name_servers_of_its_own_and_a_token_server_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    async with name_server(zone({("app.test", "A"): ["127.0.0.1"]})) as dns, serving(Web({"*": response()})) as address:
        file.write_text(CONFIG.format(port=address.rpartition(":")[2], dns=dns))
        snapshot = await run_until(load_config(file), seconds=20)
    reasons = {name: view.reason for name, view in snapshot.components.items()}
    assert reasons == {
        "own": Reason.OK,
        "other": Reason.RESOLVER,
        "auth": Reason.REFUSED,
        "user": Reason.CREDENTIALS,
    }
    assert snapshot.components["user"].detail.endswith("; this server is the component auth")
