"""One test run: the exporter is asked at most once, and every requirement is judged by that answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from pytest_staging.exporter import Away, Exporter, Refused
from pytest_staging.marker import Requirement
from pytest_staging.status import Status, summary, unavailable, unknown_names

Mode = Literal["fail", "skip", "xfail", "ignore"]
MODES: tuple[Mode, ...] = get_args(Mode)
PREFIX = "Staging environment is not available"  # the default of environment_skips in checks of kind e2e
NO_EXPORTER = "no exporter to ask: set --staging-url, STAGING_EXPORTER_URL or staging_url in the ini file"


class Misused(Exception):
    """The tests or the settings are wrong: a failure in every mode."""


@dataclass(frozen=True)
class Answer:
    """A status; or why there is none, and whether that is a mistake of the settings."""

    status: Status | None = None
    error: str = ""
    refused: bool = False


@dataclass
class Run:
    """Whom to ask, what to do when a requirement is not available, and what was answered."""

    exporter: Exporter | None
    mode: Mode
    answer: Answer | None = None

    def ask(self) -> Answer | None:
        """The answer, asked for once; None without an exporter."""
        if self.answer is None and self.exporter is not None:
            try:
                self.answer = Answer(self.exporter.status())
            except Away as error:
                self.answer = Answer(error=str(error))
            except Refused as error:
                self.answer = Answer(error=str(error), refused=True)
        return self.answer

    def problem(self, required: Requirement) -> str:
        """Why the requirement is not available; empty when it is. Raises Misused."""
        answer = self.ask()
        if answer is None:
            raise Misused(NO_EXPORTER)
        if answer.refused:
            raise Misused(answer.error)
        if answer.status is None:
            return answer.error
        if wrong := "; ".join(unknown_names(answer.status, required)):
            raise Misused(wrong)
        return "; ".join(unavailable(answer.status, required))

    def summary(self) -> Iterator[str]:
        """The answer for the end of the run, a line each; empty when nobody asked."""
        if self.answer is None or self.exporter is None:
            return
        if (status := self.answer.status) is None:
            yield self.answer.error
            return
        yield f"{status['environment']} was {status['state']} when the run began ({self.exporter.url})"
        yield from summary(status)

    def share(self) -> str:
        """The answer as text for another process."""
        return json.dumps(asdict(self.ask() or Answer()))

    def take(self, shared: str) -> None:
        """Use the answer that another process shared."""
        self.answer = Answer(**json.loads(shared))
