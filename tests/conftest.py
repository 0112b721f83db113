"""The order of the tests, and the fixtures that more than one folder asks for.

Files that mostly wait for real processes come first, so that the workers end together.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.suite import Staging, staging

HERE = Path(__file__).parent
# The longest first; most of these run whole environments.
LONG = (
    "replay",
    "paging",
    "browser/test_scenes.py",
    "simulation/test_simulation.py",
    "alerts/test_delivery.py",
    "alerts/test_rules.py",
    "web/test_web_config.py",
    "demo/test_faults.py",
    "e2e",
    "packaging",
    "demo",
    "generate/test_dashboards_live.py",
    "browser",
    "test_check_waits.py",
    "test_running_exporter.py",
    "web",
)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job and all its children
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _place(item: pytest.Item) -> int:
    path = item.path.relative_to(HERE)
    return next((n for n, long in enumerate(LONG) if path.is_relative_to(long)), len(LONG))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    """An exporter whose target is down."""
    with staging(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    """An exporter whose target is up."""
    with staging(tmp_path_factory.mktemp("well"), up=True) as running:
        yield running
