"""The committed rules, and promtool to test them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "staging.rules.yml"
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One run of promtool."""
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def run_tests(directory: Path, tests: list[dict[str, Any]], step: float, groups: list[dict[str, Any]]) -> str:
    """The output of promtool for these tests of these groups, evaluated every `step` seconds; empty when all pass."""
    rules, path = directory / "rules.yml", directory / "tests.yml"
    rules.write_text(yaml.safe_dump({"groups": groups}, width=10_000), encoding="utf-8")
    file = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{step:.0f}s",
        "group_eval_order": [group["name"] for group in groups],
        "tests": tests,
    }
    path.write_text(yaml.safe_dump(file, width=10_000), encoding="utf-8")
    done = promtool("test", "rules", path)
    return "" if done.returncode == 0 else done.stdout + done.stderr
