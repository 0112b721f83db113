"""How many series a healthy component has, counted on a real server with TLS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from staging_exporter.core import names
from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Layer, Priority, Topology
from staging_exporter.engine.prober import Prober
from staging_exporter.net.resolve import Resolver
from staging_exporter.probes import load
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.exposition import TEXT
from staging_exporter.views.metrics import Metrics

from tests.support.web import Web, ca_file, response, server_tls, serving

BACKEND = "netra-backend"


async def scrape(options: dict[str, object]) -> list[str]:
    """The lines about a component, after some runs, with a dependency beside it."""
    needed = Component("postgres", Layer.INFRASTRUCTURE, Priority.P0, "tcp")
    component = Component(BACKEND, Layer.SERVICE, Priority.P0, "http", depends_on=(("postgres",),))
    board = Board(Topology("netra-staging", {"postgres": needed, BACKEND: component}), at=0.0)
    check, prober = load("http").model_validate({"kind": "http", **options}), Prober(Resolver())
    for _ in range(20):
        board.record(replace(await prober.attempt(component, check), scheduled=True))
    text = "".join(Metrics().pieces(board.snapshot(0.0), ExporterStatus(reload_successful=True, loaded_at=0.0), TEXT))
    lines = [line for line in text.splitlines() if f'component="{BACKEND}"' in line]
    assert any(line.startswith(names.COMPONENT_UP.name) and line.endswith(" 1.0") for line in lines)
    return lines


async def test_a_healthy_http_component_has_at_most_40_series(tmp_path: Path) -> None:
    async with serving(Web({"*": response(200, b"{}")}), server_tls("localhost")) as address:
        url = f"https://{address.replace('127.0.0.1', 'localhost')}/health"
        secured = await scrape({"url": url, "tls": {"ca_file": ca_file(tmp_path)}})
    async with serving(Web({"*": response(200, b"{}")})) as address:
        plain = await scrape({"url": f"http://{address}/health"})
    assert len(plain) < len(secured) <= 40
    # Half of it are the two labels of each series; a name and the labels alone take 3.6 KB.
    assert len("\n".join(plain)) < 3700
    assert len("\n".join(secured)) < 4450


async def test_durations_and_times_have_no_digits_of_chance() -> None:
    async with serving(Web({"*": response(200, b"{}")})) as address:
        lines = await scrape({"url": f"http://{address}/health"})
    values = {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines}
    for metric, digits in ((names.PROBE_PHASE, 6), (names.LAST_RUN, 3), (names.STATE_SINCE, 3)):
        value = values[metric.name]
        assert float(value) == round(float(value), digits), (metric.name, value)
