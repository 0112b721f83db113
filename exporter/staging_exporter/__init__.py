"""A Prometheus exporter that names the root cause when a staging environment breaks."""

from importlib.metadata import version

__version__ = version("staging-exporter")
