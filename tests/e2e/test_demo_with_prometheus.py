"""The main job, end to end: the demo, the exporter on it, a real Prometheus; faults come and go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.live import Demo, demo, prometheus, query, wait_for

ROOTS = "staging_component_root_cause == 1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, str]]:
    directory = tmp_path_factory.mktemp("live")
    with demo(directory, "--scale", "0.4") as environment:
        environment.wait_healthy()
        with prometheus(directory, environment.url.removeprefix("http://")) as url:
            wait_for(lambda: query(url, "staging_component_root_cause"), "Prometheus has scraped")
            yield environment, url


@pytest.mark.parametrize(
    ("fault", "root", "symptoms"),
    [
        pytest.param("F03", "backend", {"edge-api", "websocket"}, id="F03 blames the backend, not the database"),
        pytest.param("F01", "postgres", {"backend", "websocket"}, id="F01 blames the database, not the backend"),
        pytest.param("F25", "vpc-connector", {"postgres", "redis"}, id="F25 blames what nothing can probe"),
    ],
)
def test_prometheus_names_the_root_cause(running: tuple[Demo, str], fault: str, root: str, symptoms: set[str]) -> None:
    environment, url = running
    environment.wait_healthy()
    wait_for(lambda: query(url, ROOTS) == {}, "no root stands before")
    environment.inject(fault)
    try:
        wait_for(lambda: query(url, ROOTS) == {root: 1.0}, f"{root} is the only root cause")
        affected = f'staging_component_affected_by_info{{root_cause="{root}"}}'
        wait_for(lambda: symptoms <= query(url, affected).keys(), f"{symptoms} are affected by it")
        verdicts = query(url, "staging_component_root_cause")
        assert all(verdicts[symptom] == 0.0 for symptom in symptoms)
        assert query(url, "staging_component_effective_priority") == {root: 0.0}
    finally:
        environment.clear_faults()
    wait_for(lambda: query(url, ROOTS) == {}, "no root stands after")
