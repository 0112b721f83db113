"""Values that are fetched again before they end."""

from __future__ import annotations

import asyncio
import time

import pytest
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.renewed import Fetched, Renewed

REFUSED = ProbeFailed(Reason.CREDENTIALS, "refused")


class Source:
    """Gives 1, 2, 3 ..., each fresh and usable for so many seconds; an error in `error` instead."""

    def __init__(self, fresh: float = 60.0, usable: float = 60.0) -> None:
        self.fresh, self.usable = fresh, usable
        self.error: Exception | None = None
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Fetched[int]:
        self.calls += 1
        await self.open.wait()
        if self.error:
            raise self.error
        now = time.monotonic()
        return Fetched(self.calls, now + self.fresh, now + self.usable)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_fresh_value_is_fetched_once() -> None:
    source = Source()
    kept = Renewed(source)
    assert await asyncio.gather(*(kept.get(1.0) for _ in range(9)), kept.get(1.0)) == [1] * 10
    assert await kept.get(1.0) == 1


async def test_a_usable_value_is_given_out_while_the_next_is_fetched() -> None:
    source = Source(fresh=-1.0)
    kept = Renewed(source, pause=0.0)
    await kept.get(1.0)
    source.open.clear()
    assert [await kept.get(0.0), await kept.get(0.0)] == [1, 1]
    await settle()
    source.open.set()
    await settle()
    assert (await kept.get(0.0), source.calls) == (2, 2)


async def test_renewals_of_a_usable_value_have_a_pause() -> None:
    source = Source(fresh=-1.0)
    kept = Renewed(source)
    for _ in range(5):
        assert await kept.get(1.0) == 1
        await settle()
    assert source.calls == 1


async def test_a_failed_renewal_keeps_the_usable_value() -> None:
    source = Source(fresh=-1.0)
    kept = Renewed(source, pause=0.0)
    await kept.get(1.0)
    source.error = REFUSED
    for _ in range(3):
        assert await kept.get(1.0) == 1
        await settle()


async def test_a_value_that_is_no_longer_usable_is_not_given_out() -> None:
    kept = Renewed(Source(fresh=-1.0, usable=-1.0))
    assert [await kept.get(1.0), await kept.get(1.0)] == [1, 2]


async def test_a_failure_is_repeated_for_a_moment_without_asking_again() -> None:
    source = Source()
    source.error = REFUSED
    kept = Renewed(source)
    for _ in range(3):
        with pytest.raises(ProbeFailed, match="refused"):
            await kept.get(1.0)
    assert source.calls == 1


async def test_a_fetch_goes_on_for_the_next_who_asks() -> None:
    source = Source()
    source.open.clear()
    kept = Renewed(source)
    with pytest.raises(TimeoutError):
        await kept.get(0.01)
    source.open.set()
    assert (await kept.get(1.0), source.calls) == (1, 1)


async def test_a_forgotten_value_is_fetched_again() -> None:
    kept = Renewed(Source())
    await kept.get(1.0)
    kept.forget()
    assert await kept.get(1.0) == 2
