"""The configuration that a new user starts with: a file that validates, with comments in place of a manual."""

from __future__ import annotations

from importlib.resources import files


def starter() -> str:
    """The text of the file."""
    return (files("staging_exporter.drafts") / "starter.yml").read_text(encoding="utf-8")
