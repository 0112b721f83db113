"""The example workflow: valid by GitHub's schema, and every command of ours in it exists, with its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.commands import COMMANDS

WORKFLOW = Path(__file__).parent.parent / "deploy" / "ci" / "github-actions.yml"


def commands() -> list[list[str]]:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["deploy-and-test"]["steps"]
    return [shlex.split(step["run"]) for step in steps if step.get("run", "").startswith("staging-exporter")]


def test_it_is_valid_by_the_schema_of_github_workflows() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_options_of_every_command_exist() -> None:
    names = []
    for _, name, *arguments in commands():
        command = COMMANDS[name]
        command.make_context(name, arguments, resilient_parsing=False)  # raises for an unknown or a missing option
        names.append(name)
    assert names == ["deploy", "check", "report"]


OTHERS = {"gitlab-ci.yml": ["deploy", "check", "report"], "cloudbuild.yml": ["deploy", "check", "report"]}


@pytest.mark.parametrize("name", OTHERS)
def test_the_examples_of_other_services_are_valid_and_use_commands_that_exist(name: str) -> None:
    file = WORKFLOW.parent / name
    schema = {"gitlab-ci.yml": "vendor.gitlab-ci", "cloudbuild.yml": "vendor.cloudbuild"}[name]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    if name == "gitlab-ci.yml":
        command += ["--data-transform", "gitlab-ci"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.sub(r">-\n|\\\n", " ", re.sub(r"\n +--", " --", file.read_text()))
    found = re.findall(r"staging-exporter ((?:deploy|check|report) .*)", lines)
    called = [shlex.split(re.split(r"[>;]", line)[0]) for line in found]
    for command_name, *arguments in called:
        COMMANDS[command_name].make_context(command_name, arguments)
    assert [each[0] for each in called] == OTHERS[name]


def test_secrets_are_given_only_to_the_steps_that_need_them() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    with_secret = [step["name"] for step in workflow["jobs"]["deploy-and-test"]["steps"] if "secrets." in str(step)]
    assert with_secret == ["Mark the deploy", "Send the report"]
    assert workflow["permissions"] == {"contents": "read"}
