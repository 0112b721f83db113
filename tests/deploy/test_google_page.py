"""The page on Google Cloud: its examples load, its queries parse, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.drafts.gcp.role import ROLE, grant_command

from tests.deploy.files import DEPLOY

PAGE = (DEPLOY / "docs" / "google-cloud.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
METRICS = PAGE.partition("## Metrics")[2].partition("\n## ")[0]
QUERIES = sorted(set(re.findall(r"`(?:samples: )?([^`\n]*googleapis_com:[^`\n]*)`", METRICS)))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_a_configuration(number: int, tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    file.write_text(yaml.safe_dump({"environment": "test", **EXAMPLES[number]}))
    load_config(file)


def test_there_are_examples_and_queries() -> None:
    assert (len(EXAMPLES), len(QUERIES)) >= (3, 8)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_parses(query: str) -> None:
    promql_parser.parse(query)


def test_the_command_of_the_page_is_the_one_that_is_printed() -> None:
    printed = re.sub(r"--permissions \S+", "--permissions ...", grant_command("PROJECT"))
    assert printed in " ".join(PAGE.replace("\\\n", " ").split())
    assert f"roles/{ROLE}" in PAGE
