"""`init --from kubernetes`, `openapi`, `prometheus`: components, edges, where each came from, what is left out."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from staging_exporter.cli import main

from tests.drafts.test_files import drafted

MANIFESTS = """
apiVersion: v1
kind: List
items:
  - kind: Deployment
    metadata: {name: web, namespace: shop}
    spec:
      template:
        metadata: {labels: {app: web, tier: front}}
        spec:
          initContainers: [{name: wait, command: [sh, -c, "until nc -z db:5432; do sleep 1; done"]}]
          containers:
            - name: web
              image: example/web:1
              ports: [{name: http, containerPort: 8080}]
              env:
                - {name: API_HOST, value: api}
                - {name: MODE, value: cache}
                - {name: BILLING_URL, valueFrom: {secretKeyRef: {name: s, key: k}}}
                - {name: QUEUE, valueFrom: {configMapKeyRef: {name: settings, key: queue}}}
              envFrom: [{configMapRef: {name: settings}}]
              readinessProbe: {periodSeconds: 20, timeoutSeconds: 2, httpGet: {path: healthz, port: http}}
              startupProbe: {failureThreshold: 30, periodSeconds: 10, httpGet: {path: /, port: http}}
  - kind: Service
    metadata: {name: web, namespace: shop}
    spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {queue: "amqp://user@queue:5672/", other: "http://api.elsewhere.svc:1"}
---
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: api
          image: example/api
          args: ["--web", "http://web.shop.svc.cluster.local/"]
          readinessProbe: {exec: {command: [/bin/grpc_health_probe, "-addr=:9000"]}}
---
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 90, targetPort: 9000}]}
---
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "docker.io/postgres:16"}]}}}
---
{kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {app: db}, ports: [{port: 5432}]}}
---
{kind: Service, metadata: {name: queue, namespace: shop}, spec: {selector: {app: gone}, ports: [{port: 5672}]}}
---
kind: Service
metadata: {name: cache, namespace: shop}
spec: {type: ExternalName, externalName: c.test, ports: [{port: 6379}]}
---
kind: Ingress
metadata: {name: edge, namespace: shop}
spec:
  tls: [{hosts: [shop.test]}]
  rules:
    - host: shop.test
      http: {paths: [{path: /, backend: {service: {name: web, port: {number: 80}}}}]}
    - host: "*.test"
---
{kind: CronJob, metadata: {name: nightly}}
---
{kind: Kafka, metadata: {name: events}}
---
{kind: ServiceAccount, metadata: {name: web}}
"""


def test_manifests_of_kubernetes(tmp_path: Path) -> None:
    document, text, left_out = drafted(tmp_path, "kubernetes", MANIFESTS)
    components = document["components"]
    host = "shop.svc.cluster.local"
    assert {name: each.get("check", {}).get("kind") for name, each in components.items()} == {
        "web": "http", "api": "grpc", "db": "postgres", "queue": "tcp", "cache": "tcp", "ingress-web": "http",
    }  # fmt: skip
    assert components["web"]["check"] == {"kind": "http", "url": f"http://web.{host}:80/healthz"}
    assert (components["web"]["interval"], components["web"]["timeout"]) == ("20s", "2s")
    assert components["web"]["startup"]["budget"] == "5m"
    assert components["api"]["check"]["address"] == f"api.{host}:90"
    assert components["cache"]["check"]["address"] == "c.test:6379"
    assert components["ingress-web"]["check"]["url"] == "https://shop.test/"
    needs = {name: each.get("depends_on", []) for name, each in components.items()}
    assert needs == {
        "web": ["api", "queue", "db"], "api": [], "db": [], "queue": [], "cache": [], "ingress-web": ["web"],
    }  # fmt: skip
    assert "- queue  # Deployment/web.web.env.QUEUE, ConfigMap/settings.queue" in text
    assert left_out == [
        "Service/queue: no workload in these manifests has the labels that it selects",
        "Deployment/web.web.env.BILLING_URL: from a Secret, which is not read: add the edge if it is an address",
        "Deployment/api.api.args: web depends on api already: an edge back would be a circle",
        "Ingress/edge.rules[1]: it has no single host: add a check with the name that users call",
        "CronJob/nightly: a job that ends is no component",
        "Kafka/events: this kind is not read",
    ]  # fmt: skip


OPENAPI = """
openapi: 3.1.0
info: {title: Pet Shop}
servers: [{url: /relative}, {url: "https://{region}.api.test/v1/", variables: {region: {default: eu}}}]
security: [{login: []}]
paths:
  /health: {get: {security: [], responses: {"200": {$ref: "#/components/responses/Health"}}}}
  /pets:
    get: {tags: [pets], responses: {"200": {description: ok}}}
    post: {tags: [pets]}
  /pets/mine: {get: {tags: [pets]}}
  /pets/{id}: {get: {tags: [pets]}}
  /orders: {parameters: [{name: day, in: query, required: true}], get: {tags: [orders]}}
  /admin: {get: {tags: [admin], security: [{sso: []}]}}
components:
  responses:
    Health: {content: {application/json: {schema: {$ref: "#/components/schemas/Health"}}}}
  schemas:
    Health: {type: object, required: [status, db-status]}
  securitySchemes:
    login: {type: http, scheme: bearer}
    sso: {type: openIdConnect}
"""


def test_a_description_of_an_api(tmp_path: Path) -> None:
    document, _, left_out = drafted(tmp_path, "openapi", OPENAPI)
    components = document["components"]
    base = "https://eu.api.test/v1"
    assert components["pet-shop"]["check"] == {
        "kind": "http",
        "url": f"{base}/health",
        "expect": {"status": [200], "json": {"status": {"exists": True}, "$['db-status']": {"exists": True}}},
    }
    assert components["pet-shop-pets"]["depends_on"] == ["pet-shop"]
    assert components["pet-shop-pets"]["check"] == {
        "kind": "http",
        "url": f"{base}/pets",
        "auth": {"bearer": {"env": "PET_SHOP_TOKEN"}},
        "expect": {"status": [200]},
    }
    assert [line.partition("paths.")[2] or line for line in left_out] == [
        "/pets/mine.get: one operation of pets is enough",
        "/pets/{id}.get: its path has parameters: write a check with values that exist in your environment",
        "/orders.get: it requires the parameters day",
        "/admin.get: how to log in with sso is not known: add auth",
        "0.yml.paths: POST /pets: they change something: kind flow can clean up",
    ]


SWAGGER = """
{"swagger": "2.0", "info": {"title": "old"}, "host": "old.test", "basePath": "/v1", "schemes": ["http", "https"],
 "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
 "paths": {"/me": {"get": {"security": [{"key": []}], "responses": {"200": {"schema": {"required": ["id"]}}}}}}}
"""


def test_swagger_and_a_key_in_a_header(tmp_path: Path) -> None:
    document, text, left_out = drafted(tmp_path, "openapi", SWAGGER)
    assert document["components"]["old"]["check"] == {"kind": "tcp", "address": "old.test:443"}
    check = document["components"]["old-me"]["check"]
    assert check["url"] == "https://old.test/v1/me"
    assert check["headers"] == {"X-Key": {"env": "OLD_KEY"}}
    assert check["expect"]["json"] == {"id": {"exists": True}}
    assert (left_out, "no operation reports its health" in text) == ([], True)


def row(**labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1.0, "1"]}


GRAPH = {"data": {"resultType": "vector", "result": [
    row(client="user", server="shop"), row(client="shop", server="api"), row(client="api", server="shop"),
    row(client="api", server='my"db', connection_type="database"), row(client="cron", server="api"), row(up="1"),
]}}  # fmt: skip
ISTIO = {"data": [
    {"__name__": "istio_requests_total", "source_workload": "unknown", "destination_service_name": "productpage"},
    {"source_canonical_service": "productpage", "destination_canonical_service": "reviews"},
]}  # fmt: skip


def test_the_service_graph_of_traces(tmp_path: Path) -> None:
    document, _, left_out = drafted(tmp_path, "prometheus", json.dumps(GRAPH))
    components = document["components"]
    assert {name: each.get("depends_on") for name, each in components.items()} == {
        "shop": ["api"], "api": ["my-db"], "my-db": None,
    }  # fmt: skip
    assert components["my-db"]["layer"] == "infrastructure"
    check = components["shop"]["check"]
    assert check["query"] == (
        '(sum(rate(traces_service_graph_request_failed_total{server="shop"}[5m])) or vector(0)) / '
        'sum(rate(traces_service_graph_request_total{server="shop"}[5m]))'
    )
    assert (check["url"], check["degraded"]) == ("http://localhost:9090", {"value": {"ge": 0.05}})
    assert [line.rpartition(": ")[2] for line in left_out] == [
        "up",
        "keep the edge that is a dependency",
        "add it with a check of its own",
    ]


def test_the_metrics_of_istio(tmp_path: Path) -> None:
    document, _, left_out = drafted(tmp_path, "prometheus", json.dumps(ISTIO))
    components = document["components"]
    assert components["productpage"]["depends_on"] == ["reviews"]
    assert 'istio_requests_total{destination_service_name="productpage",response_code=~"5.."}' in str(components)
    assert left_out == []


def test_a_prometheus_is_asked_for_both(tmp_path: Path) -> None:
    asked = []

    class Prometheus(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)["query"][0]
            asked.append((urlsplit(self.path).path, query))
            body = json.dumps(GRAPH if "client" in query else {"data": {"result": []}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/prefix"
    output = tmp_path / "staging.yml"
    result = CliRunner().invoke(main, ["init", "--from", "prometheus", f"{url}/", "--output", str(output)])
    server.shutdown()
    thread.join()
    server.server_close()
    assert result.exit_code == 0, result.output
    assert [path for path, _ in asked] == ["/prefix/api/v1/query"] * 2
    assert f'url: "{url}"' in output.read_text()
    gone = CliRunner().invoke(main, ["init", "--from", "prometheus", url])
    assert gone.exit_code == 2
    assert "refused" in gone.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell], catch_exceptions=False)
    assert script.exit_code == 0
    assert f"_STAGING_EXPORTER_COMPLETE={shell}_complete" in script.output.replace("env ", "")
    words = {"COMP_WORDS": "staging-exporter ch", "COMP_CWORD": "1" if shell != "fish" else "ch"}
    done = CliRunner().invoke(
        main, prog_name="staging-exporter", env={"_STAGING_EXPORTER_COMPLETE": f"{shell}_complete", **words}
    )
    assert "check" in done.output
