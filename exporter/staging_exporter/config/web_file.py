"""A web configuration file -> its options, every error with its line. Imported by `app` and `run`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from staging_exporter.config.problems import ConfigError
from staging_exporter.config.yamlfile import read_yaml
from staging_exporter.options.secrets import FOLDER
from staging_exporter.options.web_config import WebConfig


def load_web_config(file: Path) -> WebConfig:
    """The options in the file; an empty one is valid. Raises ConfigError, and its errors name no password."""
    with suppress(OSError, ValueError):  # `read_yaml` says why
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else ["?"]
        if all(line.strip().partition("#")[0] == "" for line in lines):
            return WebConfig()
    document = read_yaml(str(file))
    problems = list(document.problems)
    try:
        config = WebConfig.model_validate(document.tree, context={FOLDER: file.parent})
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            unknown = details["type"] == "extra_forbidden"
            text = "unknown key" if unknown else details["msg"].removeprefix("Value error, ")
            problems.append(document.problem(details["loc"], text))
    if problems:
        raise ConfigError(problems)
    return config
