"""YAML -> components and checks, every error at once with its line and path. Imported by `engine`, `app`, `commands`.

`yamlfile` parses, `schema` has the models, `validation` reports their errors, `loader` builds the configuration,
`review` warns of the checks as a whole, `configuration` holds it and finds secrets that cannot be read.
"""

from staging_exporter.config.configuration import Config, log_missing_secrets, missing_secrets
from staging_exporter.config.loader import load_config
from staging_exporter.config.problems import ConfigError, Problem
from staging_exporter.config.schema import Limits, json_schema

__all__ = [
    "Config",
    "ConfigError",
    "Limits",
    "Problem",
    "json_schema",
    "load_config",
    "log_missing_secrets",
    "missing_secrets",
]
