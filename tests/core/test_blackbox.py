"""What a probe on demand says when it may not run."""

from __future__ import annotations

from staging_exporter.core.blackbox import RateLimitExceeded


def test_a_rate_limit_says_how_long_to_wait() -> None:
    error = RateLimitExceeded(1.6)
    assert (str(error), error.seconds) == ("2 s", 1.6)
