"""YAML -> components and checks: every error at once, each with its file, line and path.

`yamlfile` reads, `schema` has the shape, `validation` judges, `loader` builds, `review` looks at the whole, `missing`
at what this machine lacks.
"""

from staging_exporter.config.loader import Config, Limits, load_config
from staging_exporter.config.missing import missing_secrets
from staging_exporter.config.problems import ConfigError, Problem
from staging_exporter.config.schema import json_schema

__all__ = ["Config", "ConfigError", "Limits", "Problem", "json_schema", "load_config", "missing_secrets"]
