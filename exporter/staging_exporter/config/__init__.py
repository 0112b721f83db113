"""YAML -> components and checks, every error at once with its line and path. Imported by `engine`, `app`, `commands`.

`yamlfile` parses, `schema` has the models, `validation` reports their errors, `loader` builds the configuration,
`review` checks it as a whole, `missing` finds secrets that cannot be read.
"""

from staging_exporter.config.loader import Config, load_config
from staging_exporter.config.missing import missing_secrets
from staging_exporter.config.problems import ConfigError, Problem
from staging_exporter.config.schema import Limits, json_schema

__all__ = ["Config", "ConfigError", "Limits", "Problem", "json_schema", "load_config", "missing_secrets"]
