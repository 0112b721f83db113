"""The Helm chart: its rendered manifests, which `make chart` renews, and its values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from staging_exporter.config import load_config

from tests.deploy.chart import CHART, FULL, RENDERED, VALUES, source
from tests.deploy.files import PROJECT, parsed

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# What users of the chart prometheus-blackbox-exporter set most, by its names.
KNOWN = """
config secretConfig configExistingSecretName extraArgs extraEnv extraEnvFrom extraConfigmapMounts
extraSecretMounts extraVolumes extraVolumeMounts extraContainers extraInitContainers extraManifests
global image strategy podSecurityContext securityContext resources livenessProbe readinessProbe
topologySpreadConstraints podDisruptionBudget priorityClassName hostNetwork dnsConfig
automountServiceAccountToken serviceMonitor prometheusRule service containerPort ingress
networkPolicy commonLabels namespaceOverride fullnameOverride nameOverride serviceAccount
nodeSelector tolerations affinity annotations
"""


def documents(name: str) -> dict[str, dict[str, Any]]:
    """The rendered objects by kind; of two ConfigMaps the first."""
    found: dict[str, dict[str, Any]] = {}
    for each in yaml.safe_load_all((RENDERED / f"{name}.yml").read_text()):
        found.setdefault(each["kind"], each)
    return found


DEFAULT, WHOLE = documents("default"), documents("full")
CRDS = {"ServiceMonitor", "Probe", "PrometheusRule"}


@pytest.mark.parametrize("name", VALUES)
def test_the_rendered_manifests_are_current(name: str) -> None:
    head = (RENDERED / f"{name}.yml").read_text().splitlines()[0]
    assert head == f"# Rendered by `make chart` from {source()}", "stale: run `make chart`"


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, found in (("default", DEFAULT), ("full", WHOLE)) for kind in found if kind not in CRDS],
)
def test_kubernetes_knows_every_field(name: str, kind: str) -> None:
    kubernetes_validate.validate(documents(name)[kind], kubernetes_validate.latest_version(), strict=True)


def test_what_is_optional_is_off_by_default_and_on_when_asked_for() -> None:
    assert set(DEFAULT) == {"ConfigMap", "Deployment", "Service", "PersistentVolumeClaim"}
    optional = {"Secret", "ServiceAccount", "Ingress", "NetworkPolicy", "PodDisruptionBudget", *CRDS}
    assert set(WHOLE) == set(DEFAULT) | optional


def test_the_values_have_the_names_of_the_chart_that_users_know() -> None:
    assert [name for name in KNOWN.split() if name not in DEFAULTS] == []
    assert set(DEFAULTS["image"]) == {"registry", "repository", "tag", "digest", "pullPolicy", "pullSecrets"}


def test_the_schema_accepts_the_values_and_refuses_misspelt_ones() -> None:
    assert set(SCHEMA["properties"]) == set(DEFAULTS)
    jsonschema.validate(DEFAULTS, SCHEMA)
    jsonschema.validate({**DEFAULTS, **FULL, "image": {**DEFAULTS["image"], **FULL["image"]}}, SCHEMA)
    for wrong in ({"relicas": 2}, {"image": {"repository": "a", "digest": "latest"}}, {"config": {"modules": {}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


@pytest.mark.parametrize("found", [DEFAULT, WHOLE], ids=["default", "full"])
def test_the_exporter_starts_with_these_arguments_and_this_configuration(
    found: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    container = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    arguments = parsed(container["args"])
    assert (arguments["auto_reload"], str(arguments["storage"])) == (True, "/var/lib/staging-exporter")
    holder = found.get("Secret") or found["ConfigMap"]
    text = (holder.get("stringData") or holder["data"])["staging.yml"]
    (tmp_path / "staging.yml").write_text(text)
    assert load_config(tmp_path / "staging.yml").checks
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in found["Deployment"]["spec"]["template"]["spec"]["volumes"]}


def test_versions_images_and_labels() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == PROJECT["version"]
    images = [found["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] for found in (DEFAULT, WHOLE)]
    assert images == [
        f"registry.example.com/staging-exporter:{PROJECT['version']}",
        f"mirror.example.com/staging-exporter@sha256:{'0' * 64}",
    ]
    selector = WHOLE["Deployment"]["spec"]["selector"]["matchLabels"]
    assert set(selector) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    for kind in ("Service", "ServiceMonitor", "NetworkPolicy", "PodDisruptionBudget"):
        spec = WHOLE[kind]["spec"]
        chosen = spec.get("podSelector") or spec["selector"]
        assert chosen.get("matchLabels", chosen) == selector, kind
    assert all(each["metadata"]["labels"]["team"] == "platform" for kind, each in WHOLE.items() if kind != "ConfigMap")


def test_the_operator_is_asked_as_it_documents() -> None:
    """By the documentation of prometheus-operator: the URL of a prober has no scheme and no path."""
    probe, monitor = WHOLE["Probe"]["spec"], WHOLE["ServiceMonitor"]["spec"]
    assert probe["prober"] == {"url": "demo-staging-exporter.monitoring.svc:9877", "path": "/probe"}
    assert probe["targets"] == {"staticConfig": {"static": ["backend"]}}
    [endpoint] = monitor["endpoints"]
    assert (endpoint["port"], endpoint["path"], endpoint["honorLabels"]) == ("http", "/metrics", True)
    assert WHOLE["ServiceMonitor"]["metadata"]["labels"]["release"] == "prometheus"
    [source] = WHOLE["NetworkPolicy"]["spec"]["ingress"][0]["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
