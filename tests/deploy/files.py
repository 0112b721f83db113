"""The files of deploy/, read as their programs read them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

from tests.support.commands import COMMANDS

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def parsed(words: list[str]) -> dict[str, Any]:
    """The parameters of `run` for these arguments. Raises click.UsageError when it does not accept them."""
    assert words[0] == "run"
    return COMMANDS["run"].make_context("run", words[1:]).params


def unit() -> ConfigParser:
    """The systemd unit; of an option that is repeated, the last."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read(DEPLOY / "systemd" / "staging-exporter.service")
    return parser


def unit_command() -> list[str]:
    return shlex.split(unit()["Service"]["ExecStart"])


def unit_sockets() -> list[str]:
    """The addresses of the socket unit."""
    text = (DEPLOY / "systemd" / "staging-exporter.socket").read_text()
    return re.findall(r"^ListenStream=(.*)$", text, re.MULTILINE)


def instructions() -> list[tuple[str, str]]:
    """Instruction and argument of each line of the Dockerfile."""
    text = (DEPLOY / "image" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def instruction(name: str) -> str:
    """The argument of the last instruction of that name."""
    return [rest for word, rest in instructions() if word == name][-1]


def health_command() -> list[str]:
    return list(json.loads(re.sub(r"^.*?CMD ", "", instruction("HEALTHCHECK"))))


def manifests() -> dict[str, dict[str, Any]]:
    """The Kubernetes manifests by kind."""
    files = sorted((DEPLOY / "kubernetes").glob("*.yml"))
    return {document["kind"]: document for file in files for document in yaml.safe_load_all(file.read_text())}
