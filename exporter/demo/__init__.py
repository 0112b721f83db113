"""A small staging environment on loopback, made of real parts, that breaks on demand the way a real one did."""

from exporter.demo.environment import DemoEnvironment
from exporter.demo.wiring import DemoError

__all__ = ["DemoEnvironment", "DemoError"]
