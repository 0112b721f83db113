"""The reference of the configuration: every key, every default, every kind, and examples that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from staging_exporter.config import load_config, schema
from staging_exporter.core.durations import format_duration
from staging_exporter.options.model import Model
from staging_exporter.probes import kinds

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "deploy" / "docs"
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "configuration.md").read_text(encoding="utf-8").split("\n## ")[0]
ALERTING = (DOCS / "alerting.md").read_text(encoding="utf-8")
MODELS = (
    schema.File,
    schema.Defaults,
    schema.FailureRatioOptions,
    schema.ComponentOptions,
    schema.StartupOptions,
    schema.Links,
    schema.Slo,
    schema.JourneyOptions,
    schema.WindowOptions,
    schema.WeeklyOptions,
    schema.Limits,
    schema.ResolverOptions,
    schema.Api,
    schema.AlertingOptions,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_in_the_reference(model: type[Model]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    code = " ".join(re.findall(r"`([^`]+)`", REFERENCE))
    assert keys - set(re.findall(r"\w+", code)) == set()


def test_the_defaults_are_those_of_the_code() -> None:
    said = dict(re.findall(r"`(\w+)` \[(\d+)s?\]", REFERENCE))
    defaults = dict(schema.Defaults())
    ratio, buckets = defaults.pop("failure_ratio"), defaults.pop("buckets")
    assert f"`buckets: [{', '.join(map(format_duration, buckets))}]`" in REFERENCE
    meant = {name: f"{value:g}" for name, value in defaults.items()}
    assert f"`failure_ratio: {{above: {ratio.above:g}, of: {ratio.of}}}`" in REFERENCE
    assert said == meant | {"recovery": f"{schema.File.model_fields['recovery'].default:g}"}


def test_every_kind_is_named() -> None:
    named = README.split("Kinds of checks:")[1].split(". ")[0]
    assert set(re.findall(r"`(\w+)`", named)) == set(kinds())


def test_the_examples_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "x")
    blocks = re.findall(r"```yaml\n(.*?)```", README + ALERTING, re.DOTALL)
    environment = next(block for block in blocks if block.startswith("environment:"))
    alerting = next(block for block in blocks if block.startswith("alerting:"))
    window = re.search(r"`weekly: (\{.*?\})`", REFERENCE)
    assert window
    tree = yaml.safe_load(environment + alerting)
    tree["maintenance"] = [{"components": ["redis"], "weekly": yaml.safe_load(window[1])}]
    file = tmp_path / "staging.yml"
    file.write_text(yaml.safe_dump(tree))
    assert set(load_config(file).checks) == {"postgres", "redis", "backend"}
