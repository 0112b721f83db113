"""Which secrets are not there, wherever in the configuration they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from staging_exporter.config import load_config, missing_secrets

ASKS = {
    "a password": "{kind: redis, address: 'a.test:1', password: SECRET}",
    "a header": "{kind: http, url: 'http://a.test/', headers: {X-Key: SECRET}}",
    "a header's end": "{kind: http, url: 'http://a.test/', headers: {X-Key: {prefix: 'k ', secret: SECRET}}}",
    "a body": "{kind: http, url: 'http://a.test/', method: POST, body: SECRET}",
    "a bearer": "{kind: http, url: 'http://a.test/', auth: {bearer: SECRET}}",
    "a message": "{kind: websocket, url: 'ws://a.test/', steps: [{send: SECRET}]}",
    "a variable": "{kind: exec, command: ['true'], env: {KEY: SECRET}}",
}


ABSENT = {
    "{env: NO_SUCH_VARIABLE}": "environment variable NO_SUCH_VARIABLE is not set",
    "{file: /no/such/file}": "secret file /no/such/file: No such file or directory",
    f"{{file: {sys.executable}}}": f"secret file {sys.executable}: not UTF-8 text",
}


@pytest.mark.parametrize("asked", ABSENT)
@pytest.mark.parametrize("case", ASKS)
async def test_a_missing_secret_is_found(case: str, asked: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yml"
    check = ASKS[case].replace("SECRET", asked)
    file.write_text(f"environment: test\ncomponents: {{a: {{layer: test, priority: P2, check: {check}}}}}\n")
    assert await missing_secrets(load_config(file)) == {ABSENT[asked]: ["a"]}


async def test_each_missing_secret_is_reported_once_with_all_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERE", "it is")
    file = tmp_path / "f.yml"
    file.write_text("""
environment: test
api: {token: {env: TOKEN_THAT_IS_NOT_THERE}}
vantage: [{kind: redis, address: "c.test:1", password: {env: NOT_THERE}}]
components:
  a:
    layer: test
    priority: P2
    check: {kind: redis, address: "a.test:1", username: {env: NOT_THERE}, password: {env: NOT_THERE}}
  b: {layer: test, priority: P2, check: {kind: redis, address: "b.test:1", password: {env: NOT_THERE}}}
  c: {layer: test, priority: P2, check: {kind: redis, address: "c.test:1", password: {env: THERE}}}
""")
    assert await missing_secrets(load_config(file)) == {
        "environment variable TOKEN_THAT_IS_NOT_THERE is not set": ["api.token"],
        "environment variable NOT_THERE is not set": ["a", "b", "vantage[0]"],
    }
