"""A small staging environment on loopback with faults on demand, a process of its own. Imported by nobody but tests."""

from staging_exporter.demo.environment import DemoEnvironment
from staging_exporter.demo.wiring import DemoError

__all__ = ["DemoEnvironment", "DemoError"]
