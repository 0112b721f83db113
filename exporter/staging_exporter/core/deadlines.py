"""When each of many things is due, so that nobody has to look at all of them to find those that are over."""

from __future__ import annotations

import heapq


class Deadlines:
    """At most one deadline a name, in Unix seconds; one that is set later replaces it."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []  # one entry a name, at its deadline or before

    def set(self, name: str, at: float) -> None:
        """This one is due at `at`, which is not before its deadline until now."""
        if name not in self._due:
            heapq.heappush(self._heap, (at, name))
        self._due[name] = at

    def over(self, now: float) -> list[str]:
        """Those whose deadline was before `now`; they have none any more."""
        found = []
        while self._heap and self._heap[0][0] < now:
            name = heapq.heappop(self._heap)[1]
            if self._due[name] >= now:
                heapq.heappush(self._heap, (self._due[name], name))
            else:
                del self._due[name]
                found.append(name)
        return found
