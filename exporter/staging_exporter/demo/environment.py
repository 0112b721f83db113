"""The whole environment as one context manager, in a directory of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from staging_exporter.demo.configuration import TOKEN_FILE, render
from staging_exporter.demo.faults import FAULTS
from staging_exporter.demo.network import LOOPBACK
from staging_exporter.demo.switches import Switchboard
from staging_exporter.demo.wiring import DemoError, Wiring


class DemoEnvironment:
    """An async context manager: inside it the environment runs.

    `config` is the configuration file for the exporter, `control` the URL of the control API, `notes` are deviations
    that users should know. `scale` makes every interval, timeout and fault shorter (or longer). With `cloud` the
    configuration also has the components of a fake Google Cloud. Without `state_dir` it uses a temporary one. Entering
    raises DemoError, and KeyError for an unknown fault.
    """

    def __init__(
        self, state_dir: Path | None = None, faults: Sequence[str] = (), scale: float = 1.0, *, cloud: bool = False
    ) -> None:
        self._wanted_dir, self._cloud = state_dir, cloud
        self._faults = faults
        self._scale = scale
        self._stack = contextlib.AsyncExitStack()
        self.state_dir = Path()
        self.config = Path()
        self.control = ""
        self.notes: list[str] = []
        self.board = Switchboard(())

    async def __aenter__(self) -> DemoEnvironment:
        unknown = [name for name in self._faults if name not in FAULTS]
        if unknown:
            raise KeyError(unknown[0])
        try:
            await self._start()
        except BaseException as error:
            await self._stack.aclose()
            if isinstance(error, OSError | RuntimeError | LookupError):
                raise DemoError(f"cannot start the demo environment: {error}") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def ready(self) -> str:
        """One line of JSON for the parent process: `config`, `control` and `notes`."""
        return json.dumps({"config": str(self.config), "control": self.control, "notes": self.notes})

    async def _start(self) -> None:
        self.state_dir = self._claim_state_dir()
        wiring = Wiring(self._stack, self.state_dir, self._scale)
        self.board = await wiring.start()
        self.notes = wiring.notes
        self.control = f"http://{LOOPBACK}:{wiring.values['control']}"
        self.config = self.state_dir / "demo.yml"
        self._make_token(self.state_dir / TOKEN_FILE)
        self.config.write_text(render(wiring.values, self._scale, cloud=self._cloud), encoding="utf-8")
        for name in self._faults:
            await self.board.inject(name)

    @staticmethod
    def _make_token(file: Path) -> None:
        """A token for the exporter, that only this user can read."""
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16) + "\n", encoding="ascii")

    def _claim_state_dir(self) -> Path:
        """A directory that no other demo uses, for as long as this one runs."""
        if self._wanted_dir is None:
            directory = Path(tempfile.mkdtemp(prefix="staging-exporter-demo-"))
            self._stack.callback(shutil.rmtree, directory, ignore_errors=True)
            return directory
        directory = self._wanted_dir.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        lock = self._stack.enter_context((directory / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo runs in {directory}: choose another --state-dir") from None
        return directory
