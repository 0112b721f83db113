"""The one clock: Unix seconds that never jump, because they are the monotonic clock moved to the epoch once."""

import time

_OFFSET = time.time() - time.monotonic()


def now() -> float:
    """Unix seconds, never going backwards even when the wall clock is set."""
    return time.monotonic() + _OFFSET
