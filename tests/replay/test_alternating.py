"""A share of `python -m tests.replay.alternating` for every test run."""

from __future__ import annotations

from tests.replay.alternating import watch


async def test_an_edge_before_a_backend_that_fails_every_second_request_is_no_root_cause() -> None:
    backends, edges = await watch(pairs=6, seconds=20.0)
    assert edges == set()
    assert backends
