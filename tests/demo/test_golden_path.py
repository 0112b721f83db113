"""The golden path as a flow, on the demo: each fault that only a user sees has its root cause and its step."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from staging_exporter.config import Config, load_config
from staging_exporter.engine.run_once import run_until
from staging_exporter.views.exposition import TEXT

from tests.demo.outputs import outputs
from tests.demo.running import Running, demo
from tests.support.user_faults import OUR_PASSWORD, SEEN, leaked
from tests.support.waiting import until

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
    return load_config(running.config)


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
    names = ("user-path", "user-login", "chat", "chat-history")
    states = {name: str(snapshot.components[name].state) for name in names}
    assert set(states.values()) == {"up"}, [status.detail for status in snapshot.components.values()]
    assert snapshot.journeys["golden-path"].state == "up"


@pytest.mark.parametrize("fault", SEEN)
async def test_a_fault_names_the_root_cause_and_the_step_and_shows_no_secret(
    fault: str, running: Running, config: Config, records: list[logging.LogRecord], tmp_path: Path
) -> None:
    wanted = SEEN[fault]
    running.ask("PUT", f"/faults/{fault}")
    try:
        snapshot = await run_until(config, lambda snapshot: bool(snapshot.root_causes), seconds=60)
        shown = await outputs(snapshot, config, "user-path", records, tmp_path)
    finally:
        running.ask("DELETE", f"/faults/{fault}")
    (root,) = snapshot.root_causes
    seen = (root.component, str(root.state), str(root.reason))
    assert seen == (wanted.component, wanted.state, wanted.reason), root.detail
    assert root.detail.startswith(f"step {wanted.step}: ")
    assert wanted.detail in root.detail
    journey = snapshot.journeys["golden-path"]
    assert journey.blocked_at == wanted.blocked_at
    assert {str(each.state) for each in journey.steps if each.component == wanted.component} == {wanted.state}
    for name in (*NAMES_THE_STEP, f"explain {wanted.component}", f"/components/{wanted.component}"):
        assert f"step {wanted.step}" in shown[name], name
    assert f"Blocked journeys in the environment: {wanted.journeys}." in shown["staging.text 0"]
    password = (running.config.parent / "secrets" / "user-password").read_text().strip()
    assert {name: found for name, text in shown.items() if (found := leaked(text, password))} == {}


async def test_a_wrong_password_of_ours_wakes_nobody(running: Running, config: Config) -> None:
    running.ask("PUT", f"/faults/{OUR_PASSWORD}")
    try:
        snapshot = await run_until(config, seconds=60)
    finally:
        running.ask("DELETE", f"/faults/{OUR_PASSWORD}")
    login = snapshot.components["user-login"]
    assert (snapshot.root_causes, str(login.state), str(login.reason)) == ((), "unknown", "credentials")
    assert login.detail.startswith("step login: the credentials of the exporter were refused: status 401")
