"""`make chart`: render the Helm chart with Helm's own SDK, into the manifests that the tests check.

The package `helm-python-sdk`, which brings that SDK, is 75 MB and needed for this alone.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.files import DEPLOY

CHART = DEPLOY / "helm" / "staging-exporter"
RENDERED = Path(__file__).parent / "rendered"
# Every option of the chart that adds or changes an object.
FULL: dict[str, Any] = {
    "global": {"imageRegistry": "mirror.example.com"},
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["mirror"]},
    "secretConfig": True,
    "commonLabels": {"team": "platform"},
    "extraArgs": ["--web.external-url=https://{{ .Release.Name }}.example.com"],
    "extraEnv": {"REGION": "eu"},
    "extraEnvFrom": [{"secretRef": {"name": "more"}}],
    "extraSecretMounts": [{"name": "secrets", "mountPath": "/run/secrets/staging-exporter", "secretName": "staging"}],
    "extraConfigmapMounts": [{"name": "ca", "mountPath": "/etc/ca", "configMap": "ca"}],
    "extraVolumes": [{"name": "tmp", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    "extraManifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}}],
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "priorityClassName": "high",
    "dnsPolicy": "ClusterFirst",
    "serviceAccount": {"create": True, "annotations": {"iam.gke.io/gcp-service-account": "a@b.iam"}},
    "service": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
    "ingress": {"enabled": True, "className": "nginx"},
    "podDisruptionBudget": {"maxUnavailable": 0},
    "networkPolicy": {
        "enabled": True,
        "allowMonitoringNamespace": True,
        "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
    },
    "serviceMonitor": {"selfMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "probe": {"enabled": True, "targets": ["backend"]},
    "prometheusRule": {
        "enabled": True,
        "groups": [{"name": "g", "rules": [{"alert": "A", "expr": "vector(1)"}]}],
    },
}
VALUES: dict[str, dict[str, Any]] = {"default": {}, "full": FULL}


def source() -> str:
    """The same for the same chart and values."""
    found = hashlib.sha256(repr(VALUES).encode())
    for path in sorted(path for path in CHART.rglob("*") if path.is_file()):
        found.update(path.relative_to(CHART).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def main() -> int:
    """Write the rendered manifests; exit 1 when the linter of Helm finds an error."""
    helm: Any = import_module("helm_python")
    findings = helm.lint(str(CHART))
    print(findings)
    RENDERED.mkdir(exist_ok=True)
    with helm.Chart.load(str(CHART)) as chart:
        for name, values in VALUES.items():
            chart.validate_schema(values)
            made = chart.render(values, name="demo", namespace="monitoring")
            texts = [text for path, text in sorted(made.items()) if not path.endswith(".txt")]
            documents = [each for text in texts for each in yaml.safe_load_all(text) if each]
            head = f"# Rendered by `make chart` from {source()}\n"
            (RENDERED / f"{name}.yml").write_text(head + yaml.safe_dump_all(documents, sort_keys=False))
    return int(bool(findings["errors"]))


if __name__ == "__main__":
    sys.exit(main())
