"""Failed logins: counted, logged now and then, limited for each address and user. Imported by `access` and `users`."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from staging_exporter.logs import event

log = logging.getLogger("exporter")
_BURST = 10.0  # failures that are accepted at once
_RECOVERY = 6.0  # seconds after which one more is
_KEPT = 10_000  # addresses and users that are remembered
_QUIET = 60.0  # seconds between two lines about one address

Key = tuple[str, str]  # address, and the name of a user that exists, or empty


class FailedLogins:
    """How often logins of an address or user failed lately."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Key, tuple[float, float]] = OrderedDict()  # weight, and when it was that
        self._logged: OrderedDict[str, float] = OrderedDict()
        self.total = 0

    def count(self, address: str, user: str = "") -> None:
        """One more failure."""
        self.total += 1
        self._failures[address, user] = (self._weight(address, user) + 1.0, self._clock())
        self._failures.move_to_end((address, user))
        if len(self._failures) > _KEPT:
            self._failures.popitem(last=False)
        moment = self._clock()
        if moment - self._logged.get(address, -_QUIET) >= _QUIET:
            self._logged[address] = moment
            self._logged.move_to_end(address)
            if len(self._logged) > _KEPT:
                self._logged.popitem(last=False)
            event(log, "login failed", logging.WARNING, address=address)

    def too_many(self, address: str, user: str = "") -> bool:
        """Whether another attempt is refused without a look at the password."""
        return self._weight(address, user) >= _BURST

    def _weight(self, address: str, user: str) -> float:
        weight, at = self._failures.get((address, user), (0.0, 0.0))
        return max(0.0, weight - (self._clock() - at) / _RECOVERY)
