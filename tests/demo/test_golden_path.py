"""The golden path as a flow, on the demo: each fault that only a user sees has its root cause and its step."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from staging_exporter.config import Config, load_config
from staging_exporter.demo.accounts import COOKIE, SESSION
from staging_exporter.demo.chat import CHAT
from staging_exporter.demo.configuration import GOLDEN_PATH
from staging_exporter.engine.run_once import run_until
from staging_exporter.views.exposition import TEXT

from tests.demo.outputs import outputs
from tests.demo.running import Running, demo
from tests.support.waiting import until

# fault: root cause, its state, reason and the step that its detail names, where the journey is blocked
SEEN: dict[str, tuple[str, str, str, str, str | None]] = {
    "F51": ("user-login", "down", "content", "login", "login"),
    "F52": ("user-login", "down", "content", "login", "login"),
    "F53": ("chat-history", "down", "status", "history", "history"),
    "F54": ("chat", "down", "content", "chat", "chat"),
    "F55": ("chat", "down", "content", "chat", "chat"),
    "F56": ("chat", "down", "content", "chat", "chat"),
    "F57": ("chat", "degraded", "content", "chat", None),
    "F58": ("chat", "down", "content", "chat", "chat"),
}
DETAILS = {
    "F51": "there is no cookie netra_session",
    "F52": "token has the wrong claims: claim aud is",
    "F53": "status 404, expected 2xx",
    "F54": "connection 2 received agent_completed, expected only connection 1 to receive it",
    "F55": "tool_completed came out of order, expected tool_executing",
    "F56": "tool_executing came twice, with the same id",
    "F57": "json fallback is true, degraded when true",
    "F58": "expected tool_executing within",
}

NAMES_THE_STEP = (
    "/",
    TEXT,
    "probe",
    "log as logfmt",
    "log as json",
    "annotations 0",
    "staging.text 0",
    *(f"check --format {form}" for form in ("text", "json", "junit", "github")),
    "step summary",
)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with demo("--scale", "0.4") as started:
        yield started


@pytest.fixture
def config(running: Running) -> Config:
    return load_config([running.config, running.config.with_name(GOLDEN_PATH)])


@pytest.fixture(autouse=True)
async def everything_is_closed() -> AsyncIterator[None]:
    """The loop waits until all connections are closed: a TLS peer has a second to answer a close."""
    yield
    await until(lambda: not any(c.raddr for c in psutil.Process().net_connections()))


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What is logged at level debug, by every library."""
    kept, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield kept.records
    root.setLevel(level)
    root.removeHandler(kept)


class Kept(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


async def test_the_golden_path_passes_without_faults(config: Config) -> None:
    snapshot = await run_until(config, seconds=60)
    states = {name: str(snapshot.components[name].state) for name in ("user", "user-login", "chat", "chat-history")}
    assert set(states.values()) == {"up"}, [status.detail for status in snapshot.components.values()]
    assert snapshot.journeys["user-path"].state == "up"


@pytest.mark.parametrize("fault", SEEN)
async def test_a_fault_names_the_root_cause_and_the_step_and_shows_no_secret(
    fault: str, running: Running, config: Config, records: list[logging.LogRecord], tmp_path: Path
) -> None:
    component, state, reason, step, blocked_at = SEEN[fault]
    running.ask("PUT", f"/faults/{fault}")
    try:
        snapshot = await run_until(config, lambda snapshot: bool(snapshot.root_causes), seconds=60)
        shown = await outputs(snapshot, config, "user", records, tmp_path)
    finally:
        running.ask("DELETE", f"/faults/{fault}")
    (root,) = snapshot.root_causes
    assert (root.component, str(root.state), str(root.reason)) == (component, state, reason), root.detail
    assert root.detail.startswith(f"step {step}: ")
    assert DETAILS[fault] in root.detail
    journey = snapshot.journeys["user-path"]
    assert journey.blocked_at == blocked_at
    assert {str(each.state) for each in journey.steps if each.component == component} == {state}
    for name in (*NAMES_THE_STEP, f"explain {component}", f"/components/{component}"):
        assert f"step {step}" in shown[name], name
    password = (running.config.parent / "secrets" / "user-password").read_text().strip()
    captured = {password, "eyJ", f"{COOKIE}=", SESSION, CHAT}
    assert {name: {secret for secret in captured if secret in text} for name, text in shown.items()} == {
        name: set() for name in shown
    }


async def test_a_wrong_password_of_ours_wakes_nobody(running: Running, config: Config) -> None:
    running.ask("PUT", "/faults/F50")
    try:
        snapshot = await run_until(config, seconds=60)
    finally:
        running.ask("DELETE", "/faults/F50")
    login = snapshot.components["user-login"]
    assert (snapshot.root_causes, str(login.state), str(login.reason)) == ((), "unknown", "credentials")
    assert login.detail.startswith("step login: the credentials of the exporter were refused: status 401")
