"""Kind `exec`: a command of yours judges."""

from __future__ import annotations

import os
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.check import Check
from staging_exporter.net.command import Output, run
from staging_exporter.net.trace import Trace
from staging_exporter.options.types import FromEnv, FromFile, Listed

_MAX_OUTPUT = 64 * 1024
_SHOWN = 400  # characters of the output in a detail: both ends, since tools differ where they put the point
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")  # not the exporter's own secrets


class Exec(Check):
    """Exit 0 is a pass, 1 a failure, 2 degraded; anything else says nothing of the target."""

    phase_names: ClassVar[tuple[str, ...]] = ("run",)

    kind: Literal["exec"]
    command: Annotated[Listed[str], Field(min_length=1)]
    env: dict[str, str | FromEnv | FromFile] = Field(default_factory=dict)

    async def run(self, trace: Trace) -> None:
        """Run the command. Raises ProbeFailed, ProbeDegraded (`failed`, `probe_error`)."""
        output = Output(_MAX_OUTPUT)
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        for name, value in self.env.items():
            env[name] = value if isinstance(value, str) else trace.reveal(value)
        try:
            with trace.phase("run"):
                status = await run(self.command, env, output)
        except (OSError, ValueError) as error:
            raise ProbeFailed(Reason.PROBE_ERROR, f"cannot run {self.command[0]!r}: {error}") from None
        finally:
            trace.facts["output"] = _shown(output.text)
        trace.facts["exit_status"] = status
        _judge(status, _shown(output.text))


def _judge(status: int, output: str) -> None:
    ended = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
    detail = f"{ended}, expected 0; output: {output or 'none'}"
    match status:
        case 0:
            return
        case 1:
            raise ProbeFailed(Reason.FAILED, detail)
        case 2:
            raise ProbeDegraded(Reason.FAILED, detail)
    raise ProbeFailed(Reason.PROBE_ERROR, detail)


def _shown(text: str) -> str:
    half = _SHOWN // 2
    return text if len(text) <= _SHOWN else f"{text[:half]} ... {text[-half:]}"
