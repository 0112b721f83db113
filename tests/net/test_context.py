"""What a run is given: the cache that outlives it, helpers that are at fault, requests beside the target's."""

from __future__ import annotations

import time

import pytest
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import Cache, ProbeContext
from staging_exporter.net.failures import as_evidence, classify
from staging_exporter.net.resolve import Resolver


def test_a_cached_value_is_returned_until_its_end() -> None:
    cache = Cache()
    cache.put("forever", 1)
    cache.put("valid", 2, time.monotonic() + 60)
    cache.put("expired", 3, time.monotonic() - 1)
    assert [cache.get(key) for key in ("forever", "valid", "expired", "unknown")] == [1, 2, None, None]


def test_a_forgotten_value_is_gone() -> None:
    cache = Cache()
    cache.put("token", "x")
    cache.forget("token")
    cache.forget("token")
    assert cache.get("token") is None


def test_the_cache_drops_the_value_that_was_put_first() -> None:
    cache = Cache()
    for number in (*range(2000), 0, 2000):
        cache.put(number, str(number))
    assert [cache.get(key) for key in (0, 1, 2, 2000)] == ["0", None, "2", "2000"]


REFUSED = ConnectionRefusedError(111, "x")
# The helpers in use, what went wrong, and the reason of a run and of a query for evidence.
HELPERS: dict[str, tuple[dict[str, Reason | None], Exception, Reason, Reason]] = {
    "no helper": ({}, REFUSED, Reason.REFUSED, Reason.NO_EVIDENCE),
    "a proxy keeps the reason": ({"proxy": None}, REFUSED, Reason.REFUSED, Reason.NO_EVIDENCE),
    "a token server": ({"token": Reason.CREDENTIALS}, REFUSED, Reason.CREDENTIALS, Reason.CREDENTIALS),
    "a token server behind a proxy": (
        {"token": Reason.CREDENTIALS, "proxy": None},
        REFUSED,
        Reason.CREDENTIALS,
        Reason.CREDENTIALS,
    ),
    "a token server with too many requests": (
        {"token": Reason.CREDENTIALS},
        ProbeFailed(Reason.RATE_LIMITED, "status 429"),
        Reason.RATE_LIMITED,
        Reason.RATE_LIMITED,
    ),
}


@pytest.mark.parametrize(("helpers", "error", "reason", "evidence"), HELPERS.values(), ids=HELPERS)
def test_a_helper_that_fails_is_named_and_decides_the_reason(
    helpers: dict[str, Reason | None], error: Exception, reason: Reason, evidence: Reason
) -> None:
    context = ProbeContext(1.0, Resolver())
    for name, its_reason in helpers.items():
        context.helper(name, its_reason).__enter__()
    seen, detail = classify(error, context)
    assert seen == reason
    assert detail.startswith("".join(f"{name}: " for name in helpers))
    assert as_evidence(error, context)[0] == evidence


def test_a_helper_that_worked_is_not_named() -> None:
    context = ProbeContext(1.0, Resolver())
    with context.helper("token server", Reason.CREDENTIALS):
        pass
    assert classify(REFUSED, context) == (Reason.REFUSED, "nothing listens: connection refused")


def test_a_request_aside_shares_secrets_and_cache_and_no_facts() -> None:
    context = ProbeContext(1.0, Resolver())
    other = context.for_another_request(60.0)
    other.secrets.add("s3cret")
    other.cache.put("key", "value")
    other.facts["status"] = 200
    assert other.timeout <= 1.0
    assert (context.secrets, context.cache.get("key"), context.facts) == ({"s3cret"}, "value", {})
