"""Secrets: where one is kept, never the secret itself."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.google_credentials import require_google_auth
from staging_exporter.net.google_secrets import read_secret
from staging_exporter.options.model import Model

FOLDER = "folder"
EMPTY = "the secret is empty"  # begins the detail of one that has nothing in it
_GOOGLE_SECRET = (
    r"^projects/[a-z0-9.:-]+(/locations/[a-z0-9-]+)?/secrets/[A-Za-z0-9_-]{1,255}(/versions/[A-Za-z0-9_-]+)?$"
)
_MAX_SECRET = 1024 * 1024  # bytes: a device would give data without end


class FromEnv(Model):
    """A secret in an environment variable, without line ends."""

    env: str

    async def obtain(self, _context: ProbeContext) -> str:
        """The value now. Raises ProbeFailed (`probe_error`)."""
        return self.read()

    def read(self) -> str:
        """The value now. Raises ProbeFailed (`probe_error`) when the variable is not set, or is empty."""
        value = os.environ.get(self.env)
        if value is None:
            raise ProbeFailed(Reason.PROBE_ERROR, f"environment variable {self.env} is not set")
        return _stripped(value, f"environment variable {self.env}")


def _of_configuration(path: str, info: ValidationInfo) -> str:
    folder = info.context.get(FOLDER) if info.context else None
    return str(folder / path) if folder else path


class FromFile(Model):
    """A secret in a file, re-read on every use; a byte order mark and line ends around it are dropped.

    A relative path starts at the `FOLDER` of the validation context, that of the configuration file.
    """

    file: Annotated[str, AfterValidator(_of_configuration)]

    async def obtain(self, context: ProbeContext) -> str:
        """The value now, read in a thread. Raises ProbeFailed (`probe_error`)."""
        return await context.in_background("the secret file", self.file, self.read, ("secret", self.file))

    def read(self) -> str:
        """The value now; may block. Raises ProbeFailed (`probe_error`) when the file cannot be read, or is empty."""
        place = f"secret file {self.file}"
        try:
            with Path(self.file).open("rb") as file:
                data = file.read(_MAX_SECRET + 1)
            text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8")
        except OSError as error:
            raise ProbeFailed(Reason.PROBE_ERROR, f"{place}: {error.strerror}") from None
        except ValueError:  # that of a decoder quotes a byte of the secret; another one is for a path with a zero byte
            raise ProbeFailed(Reason.PROBE_ERROR, f"{place}: not UTF-8 text") from None
        if len(data) > _MAX_SECRET:
            raise ProbeFailed(Reason.PROBE_ERROR, f"{place}: over {_MAX_SECRET} bytes")
        return _stripped(text, place)


def _with_the_extra(name: str) -> str:
    require_google_auth()
    return name


class FromGoogle(Model):
    """A secret of Google's Secret Manager, asked for again after a minute.

    Its latest version, or the one that is named: https://cloud.google.com/secret-manager/docs/access-secret-version
    """

    google_secret: Annotated[str, Field(pattern=_GOOGLE_SECRET), AfterValidator(_with_the_extra)]

    async def obtain(self, context: ProbeContext) -> str:
        """The value now. Raises ProbeFailed: `credentials` without an answer, `probe_error` for an empty one."""
        place = f"Google secret {self.google_secret}"
        try:
            text = (await read_secret(context, self.google_secret)).decode()
        except ValueError:
            raise ProbeFailed(Reason.PROBE_ERROR, f"{place}: not UTF-8 text") from None
        return _stripped(text, place)


def _stripped(text: str, place: str) -> str:
    """The text without a byte order mark and line ends. Raises ProbeFailed (`probe_error`) when nothing is left."""
    text = text.removeprefix("\ufeff").strip("\r\n")
    if not text.strip():
        raise ProbeFailed(Reason.PROBE_ERROR, f"{EMPTY}: {place}")
    return text


def _no_literal(value: object) -> object:
    if not isinstance(value, (dict, FromEnv, FromFile, FromGoogle)):
        raise ValueError("a secret does not belong in this file: write {env: NAME} or {file: PATH}")
    if isinstance(value, dict) and set(value) not in ({"env"}, {"file"}, {"google_secret"}):
        raise ValueError("a secret is {env: NAME}, {file: PATH} or {google_secret: projects/P/secrets/S}")
    return value


AnySecret = FromEnv | FromFile | FromGoogle
Secret = Annotated[AnySecret, BeforeValidator(_no_literal)]
