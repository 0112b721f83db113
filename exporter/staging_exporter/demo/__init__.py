"""A small staging environment on loopback, made of real parts, that breaks on demand the way a real one did."""

from staging_exporter.demo.environment import DemoEnvironment
from staging_exporter.demo.wiring import DemoError

__all__ = ["DemoEnvironment", "DemoError"]
