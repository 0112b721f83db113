"""Secrets: where one is kept, never the secret itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.options.model import Model


class FromEnv(Model):
    """A secret in an environment variable."""

    env: str

    def read(self) -> str:
        """The value now. Raises ProbeFailed (`probe_error`) when the variable is not set."""
        value = os.environ.get(self.env)
        if value is None:
            raise ProbeFailed(Reason.PROBE_ERROR, f"environment variable {self.env} is not set")
        return value


class FromFile(Model):
    """A secret in a file, re-read on every use; one trailing newline is dropped."""

    file: str

    def read(self) -> str:
        """The value now. Raises ProbeFailed (`probe_error`) when the file cannot be read."""
        try:
            return Path(self.file).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise ProbeFailed(Reason.PROBE_ERROR, f"secret file {self.file}: {error.strerror}") from None
        except UnicodeDecodeError:  # which quotes a byte of the secret
            raise ProbeFailed(Reason.PROBE_ERROR, f"secret file {self.file}: not UTF-8 text") from None


def _no_literal(value: object) -> object:
    if not isinstance(value, (dict, FromEnv, FromFile)):
        raise ValueError("a secret does not belong in this file: write {env: NAME} or {file: PATH}")
    if isinstance(value, dict) and set(value) not in ({"env"}, {"file"}):
        raise ValueError("a secret is {env: NAME} or {file: PATH}")
    return value


Secret = Annotated[FromEnv | FromFile, BeforeValidator(_no_literal)]
