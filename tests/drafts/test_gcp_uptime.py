"""Uptime checks and readiness probes as components of a draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.demo.googlecloud.reference import BACKEND
from staging_exporter.demo.googlecloud.world import World

from tests.support.drafted import drafted

NAME = "uptime-websocket-health"


async def checks(**changes: Any) -> dict[str, Any]:
    """The components of the draft, where the uptime check has other fields."""

    def change(world: World) -> None:
        world.uptime_checks[0].update(changes)

    found: dict[str, Any] = yaml.safe_load(await drafted(change))["components"]
    return found


def content(matcher: str, text: str = "a.b", **path: str) -> dict[str, Any]:
    more = {"jsonPathMatcher": {"jsonPath": "$.status", **path}} if path else {}
    return {"contentMatchers": [{"matcher": matcher, "content": text, **more}]}


MATCHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "contains": (content("CONTAINS_STRING"), {"body": {"matches": r"a\.b"}}),
    "contains is the default": ({"contentMatchers": [{"content": "ok"}]}, {"body": {"matches": "ok"}}),
    "does not contain": (content("NOT_CONTAINS_STRING"), {"body": {"not_matches": r"a\.b"}}),
    "matches": (content("MATCHES_REGEX"), {"body": {"matches": "a.b"}}),
    "does not match": (content("NOT_MATCHES_REGEX"), {"body": {"not_matches": "a.b"}}),
    "is in JSON": (content("MATCHES_JSON_PATH", jsonMatcher="EXACT_MATCH"), {"json": {"$.status": "a.b"}}),
    "is a number in JSON": (content("MATCHES_JSON_PATH", "7", jsonMatcher="EXACT_MATCH"), {"json": {"$.status": 7}}),
    "matches in JSON": (
        content("MATCHES_JSON_PATH", jsonMatcher="REGEX_MATCH"), {"json": {"$.status": {"matches": "a.b"}}}),
    "is not in JSON": (
        content("NOT_MATCHES_JSON_PATH", '"bad"', jsonMatcher="EXACT_MATCH"), {"json": {"$.status": {"ne": "bad"}}}),
    "does not match in JSON, which cannot be said": (content("NOT_MATCHES_JSON_PATH", jsonMatcher="REGEX_MATCH"), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", MATCHERS)
async def test_what_an_uptime_check_expects_is_expected(case: str) -> None:
    fields, expected = MATCHERS[case]
    check = (await checks(**fields))[NAME]["check"]
    assert check == {
        "kind": "http",
        "url": f"https://{BACKEND}.example.run.app/ws/health",
        "expect": {"status": ["2xx"], **expected},
    }


async def test_an_uptime_check_depends_on_what_answers_for_its_host() -> None:
    assert (await checks())[NAME]["depends_on"] == [BACKEND]
    host = {"type": "uptime_url", "labels": {"host": "api.staging.netrasystems.ai"}}
    assert (await checks(monitoredResource=host))[NAME]["depends_on"] == ["edge-api-staging-netrasystems-ai"]
    elsewhere = {"type": "uptime_url", "labels": {"host": "status.example.com"}}
    http = {"path": "/", "port": 8080, "acceptedResponseStatusCodes": [{"statusValue": 204}]}
    found = (await checks(monitoredResource=elsewhere, httpCheck=http, contentMatchers=[]))[NAME]
    assert "depends_on" not in found
    assert found["check"] == {"kind": "http", "url": "http://status.example.com:8080/", "expect": {"status": [204]}}


LEFT_OUT: dict[str, dict[str, Any]] = {
    "it is disabled": {"disabled": True},
    "it is no HTTP": {"httpCheck": None, "tcpCheck": {"port": 22}},
    "it has no host": {"monitoredResource": {"type": "gae_app", "labels": {"module_id": "x"}}},
    "another component asks that": {"httpCheck": {"path": "/health", "port": 443, "useSsl": True}},
    "it sends a body": {"httpCheck": {"path": "/run", "port": 443, "useSsl": True, "requestMethod": "POST"}},
}


@pytest.mark.parametrize("case", LEFT_OUT)
async def test_an_uptime_check_is_left_out(case: str) -> None:
    assert NAME not in await checks(**LEFT_OUT[case])


async def test_credentials_of_an_uptime_check_are_not_copied() -> None:
    http = {"path": "/in", "port": 443, "useSsl": True, "authInfo": {"username": "me", "password": "geheim"}}

    def change(world: World) -> None:
        world.uptime_checks[0]["httpCheck"] = http

    text = await drafted(change)
    assert "credentials or headers, which are not copied" in text
    assert "geheim" not in text


async def test_readiness_needs_the_service_and_what_is_connected(tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    file.write_text(await drafted())
    components = load_config(file).topology.components
    assert components[f"{BACKEND}-ready"].depends_on == ((BACKEND,), ("redis-staging-shared-redis",))
    assert [name for name in components if name.endswith("-ready")] == [f"{BACKEND}-ready"]
