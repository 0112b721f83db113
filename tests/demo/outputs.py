"""All texts that leave the exporter about a snapshot, to search them for what must not be shown."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from staging_exporter.config import Config
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.engine.build import build_engine
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.generate.alerts import Role
from staging_exporter.generate.rules import groups
from staging_exporter.logs import Formatter, LogFormat
from staging_exporter.views.document import component_document, document
from staging_exporter.views.exposition import OPENMETRICS, TEXT
from staging_exporter.views.gate import Gate
from staging_exporter.views.github import summary, workflow_commands
from staging_exporter.views.junit import junit
from staging_exporter.views.metrics import ExporterStatus, Metrics
from staging_exporter.views.page import component_page, status_page
from staging_exporter.views.probe import body, debug
from staging_exporter.views.report import text
from staging_exporter.views.suggestions import suggestions_document
from staging_exporter.views.verdict_log import VerdictLog

from tests.alerts.promtool import run_tests
from tests.alerts.test_notifications import rendered

_PRIORITIES = ("P0", "P1", "P2")
_FORMATS: tuple[LogFormat, ...] = ("logfmt", "json")
_ANNOTATIONS = re.compile(r"Annotations:\{(.*)\}")
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')


async def outputs(
    snapshot: Snapshot, config: Config, flow: str, records: Sequence[logging.LogRecord], directory: Path
) -> dict[str, str]:
    """The output of each command and page; `records` are the log so far at level debug, which is extended."""
    found = dict(_of_commands(snapshot)) | dict(_of_pages(snapshot))
    exporter = ExporterStatus(reload_successful=True, loaded_at=0.0)
    found |= {form: "".join(Metrics().pieces(snapshot, exporter, form)) for form in (TEXT, OPENMETRICS)}
    probed = await build_engine(config, LoopLagMonitor()).on_demand.probe(flow)
    found["probe"] = debug(probed.log, probed.seen, body(probed.names, probed.timeout, probed.seen, TEXT))
    VerdictLog()(snapshot)
    for form in _FORMATS:
        found[f"log as {form}"] = "\n".join(map(Formatter(form).format, records))
    for number, texts in enumerate(_annotations(config, found[TEXT], directory)):
        found[f"annotations {number}"] = json.dumps(texts)
        labels = {"environment": snapshot.environment, "priority": "P0", "component": flow, "role": Role.ROOT_CAUSE}
        alerts: list[dict[str, Any]] = [{"status": "firing", "labels": labels, "annotations": texts}]
        for template in ("staging.title", "staging.text"):
            found[f"{template} {number}"] = rendered(directory, template, alerts, texts)
    return found


def _of_commands(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    said, gate = document(snapshot), Gate()
    yield "check --format json", json.dumps(said)
    yield "check --format text", text(said, colour=False, width=200)
    yield "check --format junit", junit(said, gate)
    yield "check --format github", workflow_commands(said, gate)
    yield "step summary", summary(said, gate)
    for name, component in said["components"].items():
        yield f"explain {name}", component["explanation"]


def _of_pages(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    said = document(snapshot)
    suggestions = suggestions_document(snapshot.environment, snapshot.generated_at, Suggestions())
    yield "/", "".join(status_page(said, suggestions))
    for name in snapshot.components:
        detail = component_document(snapshot, name)
        yield f"/api/v1/components/{name}", json.dumps(detail)
        yield f"/components/{name}", "".join(component_page(said, detail))


def _annotations(config: Config, metrics: str, directory: Path) -> list[dict[str, str]]:
    """Those of the root cause alerts that fire on these metrics, as the generated rules render them.

    A test of promtool that expects no alert prints the alerts that it got.
    """
    samples = [line.rpartition(" ") for line in metrics.splitlines() if line.startswith("staging_")]
    series = [{"series": name, "values": f"{value}x20"} for name, _, value in samples if value != "NaN"]
    checks = [
        {"eval_time": "60s", "alertname": f"StagingRootCause{priority}", "exp_alerts": []} for priority in _PRIORITIES
    ]
    test = {"interval": "5s", "input_series": series, "alert_rule_test": checks}
    first = groups(config.topology, config.slo, config.alerting)[:1]
    printed = run_tests(directory, [test], 5.0, first)
    return [{name: json.loads(value) for name, value in _PAIR.findall(each)} for each in _ANNOTATIONS.findall(printed)]
