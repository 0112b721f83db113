"""`init --from` a file of another tool: components, edges, where each line came from, and what is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.drafts.files.formats import draft_files

from tests.support.live import staging_exporter

COMPOSE = """
name: shop
services:
  web:
    build: .
    ports: ["${WEB_PORT:-8080}:80", "9000:9000/udp"]
    depends_on:
      api: {condition: service_healthy}
      cache: {condition: service_started, required: false}
      migrate: {condition: service_completed_successfully}
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost/healthz"]
      interval: 10s
      timeout: 30s
      retries: 4
      start_period: 1m30s
  api:
    image: example/api
    ports: [{target: 22, published: "22", host_ip: 127.0.0.1}, 6000:6000]
    depends_on: [db]
  db:
    image: docker.io/library/postgres:16
    environment: ["POSTGRES_USER=shop", "POSTGRES_PASSWORD=hidden"]
    ports: ["5433:5432"]
  cache:
    image: redis
    ports: ["${NOWHERE}:6379"]
  migrate: {image: example/api, ports: ["1:1"], profiles: [tools]}
  worker: {image: example/worker, depends_on: [db]}
"""


def drafted(directory: Path, name: str, *texts: str) -> tuple[dict[str, Any], str, list[str]]:
    """What is drafted from these files: the parsed document, its text, and what is left out; it validates."""
    files = [directory / f"{number}.yml" for number in range(len(texts))]
    for file, content in zip(files, texts, strict=True):
        file.write_text(content)
    text, left_out = draft_files(name, files)
    output = directory / "drafted.yml"
    output.write_text(text)
    load_config(output)
    for line in left_out:
        assert f"# - {line}" in text.splitlines()
    return yaml.safe_load(text), text, left_out


def test_compose_services_become_components(tmp_path: Path) -> None:
    document, text, left_out = drafted(tmp_path, "compose", COMPOSE)
    components = document["components"]
    assert document["environment"] == "shop"
    assert components["web"] == {
        "layer": "application",
        "priority": "P1",
        "depends_on": ["api"],
        "optional_depends_on": ["cache"],
        "startup": {"budget": "1m30s", "cold": "1m30s"},
        "interval": "30s",
        "timeout": "30s",
        "fall": 4,
        "check": {"kind": "http", "url": "http://127.0.0.1:8080/healthz"},
    }
    assert components["api"]["check"] == {"kind": "tcp", "address": "127.0.0.1:22"}
    assert components["db"]["check"] == {
        "kind": "postgres",
        "host": "127.0.0.1",
        "port": 5433,
        "database": "shop",
        "user": "shop",
        "password": {"env": "POSTGRES_PASSWORD"},
        "tls": {"mode": "disable"},
    }
    assert "check" not in components["cache"]
    assert "hidden" not in text
    assert left_out == [
        "services.migrate: runs only in the profiles tools",
        "services.web.ports[1]: udp cannot be probed by a connection",
        "services.api.ports[1]: only port 22 of api is probed",
        "services.cache.ports[0]: ${NOWHERE}:6379 has a variable without a value here",
        "services.web.depends_on.migrate: a job that ends is no component",
        "services.worker: nothing to probe, and no other component depends on it",
    ]


def test_every_check_edge_and_option_names_its_place(tmp_path: Path) -> None:
    _, text, _ = drafted(tmp_path, "compose", COMPOSE)
    lines = text.partition("components:\n")[2].partition("# Could not")[0].splitlines()
    bare = ("priority:", "depends_on:", "optional_depends_on:", "layer: service")
    for line in lines:
        assert not line or "# " in line or line.strip().startswith(bare), line


def test_variables_come_from_the_file_beside(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# ports\nNOWHERE=6380\nWEB_PORT='81'\n")
    components = drafted(tmp_path, "compose", COMPOSE)[0]["components"]
    assert components["cache"]["check"] == {"kind": "redis", "address": "127.0.0.1:6380"}
    assert components["web"]["check"]["url"] == "http://127.0.0.1:81/healthz"


MODULES = """
modules:
  http_2xx: {prober: http, timeout: 4s}
  strict:
    prober: http
    http:
      method: POST
      valid_status_codes: [200, 204]
      headers: {Host: shop.test, X-Api-Key: hidden}
      body: "cost: $1"
      no_follow_redirects: true
      fail_if_body_matches_regexp: [error]
      fail_if_body_not_matches_regexp: ["^ok$"]
      fail_if_header_not_matches: [{header: X-Version, regexp: "^2"}]
      basic_auth: {username: prober, password: hidden}
      tls_config: {insecure_skip_verify: true, min_version: TLS12}
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
      valid_http_versions: [HTTP/2.0]
  ssh: {prober: tcp, tcp: {query_response: [{expect: "^SSH-2.0-"}, {send: hello}]}}
  resolver:
    prober: dns
    dns: {query_name: "${X}.test", query_type: A, validate_answer_rrs: {fail_if_matches_regexp: [x]}}
  ping: {prober: icmp}
  rpc: {prober: grpc, grpc: {service: shop, tls: true}}
  idle: {prober: icmp}
"""
JOBS = """
global: {scrape_interval: 1m}
scrape_configs:
  - {job_name: node, static_configs: [{targets: ["node:9100"]}]}
  - {job_name: web, metrics_path: /probe, static_configs: [{targets: [https://a.test/x, b.test]}]}
  - job_name: strict
    metrics_path: /probe
    scrape_interval: 30s
    params: {module: [strict]}
    static_configs: [{targets: [https://c.test]}]
  - {job_name: ssh, metrics_path: /probe, params: {module: [ssh], target: ["d.test:22"]}}
  - {job_name: dns, metrics_path: /probe, params: {module: [resolver]}, static_configs: [{targets: [192.0.2.1]}]}
  - {job_name: ping, metrics_path: /probe, params: {module: [ping]}, static_configs: [{targets: [e.test]}]}
  - {job_name: rpc, metrics_path: /probe, params: {module: [rpc]}, static_configs: [{targets: ["f.test:443"]}]}
  - {job_name: found, metrics_path: /probe, file_sd_configs: [{files: [x.yml]}]}
  - {job_name: odd, metrics_path: /probe, params: {module: [none]}, static_configs: [{targets: [g.test]}]}
"""


def test_probe_jobs_become_components(tmp_path: Path) -> None:
    document, text, left_out = drafted(tmp_path, "blackbox", MODULES, JOBS)
    components = document["components"]
    assert components["web-a-test-x"] == {
        "layer": "service",
        "priority": "P1",
        "interval": "1m",
        "timeout": "4s",
        "check": {"kind": "http", "url": "https://a.test/x"},
    }
    assert components["strict"]["check"] == {
        "kind": "http",
        "url": "https://c.test",
        "method": "POST",
        "headers": {"Host": "shop.test", "X-Api-Key": {"env": "STRICT_X_API_KEY"}},
        "body": "cost: $$1",
        "follow_redirects": False,
        "expect": {
            "status": [200, 204],
            "body": {"not_matches": ["error"], "matches": ["^ok$"]},
            "header": {"X-Version": {"matches": "^2"}},
        },
        "auth": {"basic": {"username": "prober", "password": {"env": "STRICT_PASSWORD"}}},
        "tls": {"insecure_skip_verify": True, "min_version": "1.2"},
        "ip_family": 4,
    }
    assert {name: components[name]["check"] for name in ("web-b-test", "ssh", "dns", "ping", "rpc")} == {
        "web-b-test": {"kind": "http", "url": "http://b.test"},
        "ssh": {"kind": "tcp", "address": "d.test:22", "steps": [{"expect": "^SSH-2.0-"}, {"send": "hello\n"}]},
        "dns": {"kind": "dns", "name": "$${X}.test", "server": "192.0.2.1", "type": "A", "protocol": "udp"},
        "ping": {"kind": "icmp", "host": "e.test"},
        "rpc": {"kind": "grpc", "address": "f.test:443", "service": "shop", "tls": {}},
    }
    assert "hidden" not in text
    assert left_out == [
        "modules.strict.http.valid_http_versions: has no counterpart here",
        "modules.resolver.dns.validate_answer_rrs: has no counterpart here",
        "scrape_configs.found.file_sd_configs: targets that are discovered are not read",
        "scrape_configs.odd.params.module: none is in none of the files given",
        "modules.idle: no probe job of the files given uses it",
    ]


GATUS = """
alerting: {slack: {webhook-url: hidden}}
endpoints:
  - name: front end
    group: core
    url: https://a.test/health
    interval: 5m
    headers: {X-Token: hidden}
    client: {timeout: 10s, insecure: true}
    conditions:
      - "[STATUS] == any(200, 204)"
      - "[RESPONSE_TIME] < 150"
      - "[BODY].status == UP"
      - "[BODY].db-pool[0].free >= 2"
      - "[BODY].count == 3"
      - "has([BODY].errors) == false"
      - "[BODY] == pat(*x*)"
      - "[CERTIFICATE_EXPIRATION] > 48h"
  - {name: ping, url: "icmp://b.test", conditions: ["[CONNECTED] == true"]}
  - {name: port, url: "tcp://b.test:22"}
  - {name: names, url: 192.0.2.1, dns: {query-name: a.test, query-type: A}, conditions: ["[DNS_RCODE] == NOERROR"]}
  - {name: socket, url: "wss://a.test/ws"}
  - {name: shell, url: "ssh://b.test:22"}
  - {name: off, url: "https://c.test", enabled: false}
"""


def test_endpoints_of_gatus_become_components(tmp_path: Path) -> None:
    document, text, left_out = drafted(tmp_path, "gatus", GATUS)
    components = document["components"]
    assert components["core-front-end"] == {
        "layer": "service",
        "priority": "P1",
        "interval": "5m",
        "timeout": "10s",
        "check": {
            "kind": "http",
            "url": "https://a.test/health",
            "headers": {"X-Token": {"env": "FRONT_END_X_TOKEN"}},
            "tls": {"insecure_skip_verify": True},
            "expect": {
                "status": [200, 204],
                "json": {
                    "$.status": "UP",
                    "$['db-pool'][0].free": {"ge": 2},
                    "$.count": [3, "3"],
                    "$.errors": {"exists": False},
                },
            },
            "degraded": {"slower_than": "150ms"},
        },
    }
    assert {name: each["check"] for name, each in components.items() if name != "core-front-end"} == {
        "core-front-end-certificate": {"kind": "tls", "address": "a.test:443", "degraded": {"expires_within": "48h"}},
        "ping": {"kind": "icmp", "host": "b.test"},
        "port": {"kind": "tcp", "address": "b.test:22"},
        "names": {
            "kind": "dns",
            "name": "a.test",
            "type": "A",
            "server": "192.0.2.1",
            "expect": {"rcode": "NOERROR"},
        },
        "socket": {"kind": "websocket", "url": "wss://a.test/ws"},
    }
    assert "hidden" not in text
    assert left_out == [
        "endpoints[0] (front end).conditions: [BODY] == pat(*x*)",
        "endpoints[5] (shell): there is no kind for ssh",
        "endpoints[6] (off): is not enabled",
        "0.yml: alerting: is not translated",
    ]


KUMA = r"""
{"version": "1.23.17", "monitorList": [
  {"id": 1, "name": "Shop API", "type": "keyword", "url": "https://a.test/x", "method": "GET", "interval": 60,
   "timeout": 48, "maxretries": 2, "keyword": "all (good)", "invertKeyword": false, "ignoreTls": true,
   "accepted_statuscodes": ["200-299", "404"], "maxredirects": 0, "active": 1, "upsideDown": false, "body": null,
   "headers": "{\"X-Token\": \"hidden\"}", "basic_auth_user": "prober", "basic_auth_pass": "hidden"},
  {"name": "db", "type": "port", "hostname": "b.test", "port": 5432, "interval": 60, "active": true},
  {"name": "host", "type": "ping", "hostname": "b.test", "active": true},
  {"name": "names", "type": "dns", "hostname": "a.test", "dns_resolve_server": "192.0.2.1", "dns_resolve_type": "A"},
  {"name": "job", "type": "push", "pushToken": "hidden"},
  {"name": "old", "type": "http", "url": "https://c.test", "active": 0},
  {"name": "gone", "type": "http", "url": "https://d.test", "upsideDown": true}
]}
"""


def test_monitors_of_uptime_kuma_become_components(tmp_path: Path) -> None:
    document, text, left_out = drafted(tmp_path, "uptime-kuma", KUMA)
    components = document["components"]
    assert components["shop-api"] == {
        "layer": "service",
        "priority": "P1",
        "interval": "1m",
        "timeout": "48s",
        "fall": 3,
        "check": {
            "kind": "http",
            "url": "https://a.test/x",
            "headers": {"X-Token": {"env": "SHOP_API_X_TOKEN"}},
            "auth": {"basic": {"username": "prober", "password": {"env": "SHOP_API_PASSWORD"}}},
            "follow_redirects": False,
            "tls": {"insecure_skip_verify": True},
            "expect": {"status": ["200-299", 404], "body": {"matches": r"all \(good\)"}},
        },
    }
    assert {name: each["check"] for name, each in components.items() if name != "shop-api"} == {
        "db": {"kind": "tcp", "address": "b.test:5432"},
        "host": {"kind": "icmp", "host": "b.test"},
        "names": {"kind": "dns", "name": "a.test", "type": "A", "server": "192.0.2.1"},
    }
    assert "hidden" not in text
    assert left_out == [
        "monitorList[4] (job): there is no kind for the type push",
        "monitorList[5] (old): is not active",
        "monitorList[6] (gone): expects a failure (upsideDown)",
    ]


BROKEN = {
    "no YAML": ("services: [", r":1: "),
    "nothing to probe": ("services: {worker: {image: x}}", "nothing in it can be probed"),
    "another file": ("[1, 2]", "nothing in it can be probed"),
    "no UTF-8": (b"\xff\xfe\x00", "not YAML in UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_file_of_which_nothing_can_be_drafted_is_an_error(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "broken.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = staging_exporter("init", "--from", "compose", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(str(file))
    assert re.search(message, done.stderr)


def test_the_command_prints_what_is_left_out(tmp_path: Path) -> None:
    file, output = tmp_path / "compose.yml", tmp_path / "staging.yml"
    file.write_text(COMPOSE)
    done = staging_exporter("init", "--from", "compose", file, "--output", output)
    assert (done.returncode, done.stdout) == (0, "")
    assert "\n- services.web.ports[1]: udp cannot be probed by a connection\n" in done.stderr
    assert staging_exporter("validate", output).returncode == 0
