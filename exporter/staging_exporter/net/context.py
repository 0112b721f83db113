"""What a run is given and what it has seen so far: phases, facts, a log. It survives a deadline that ends the run."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.background import in_background
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.tokens import GoogleTokenSource, date_of, token_end

if TYPE_CHECKING:
    from staging_exporter.net.exchange import Response  # which is made with a context

T = TypeVar("T")

_MARGIN = 0.15  # seconds before the deadline when waiting for a file ends, so that it is the file that is named
_MAX_LINES = 200
_MAX_CACHED = 2000


class Readable(Protocol):
    """A secret: where it is kept; it is read again for each use."""

    async def obtain(self, context: ProbeContext) -> str:
        """The value now, within the run. Raises ProbeFailed (`probe_error`, `credentials`)."""


class Helper(NamedTuple):
    """A server that a run needs before it reaches its target, and the reason when that server fails."""

    name: str
    reason: Reason | None
    host: str = ""


class Expired(NamedTuple):
    """A credential of our own that has expired, and what that can look like."""

    text: str
    symptoms: frozenset[Reason]


class StepResult(NamedTuple):
    """How a step of a run went: what it raised, when it began, in seconds since the run did, and how long it took."""

    error: ProbeFailed | None
    began: float
    seconds: float
    facts: Mapping[str, Any] = {}


class Cache:
    """What runs keep for later runs, such as tokens. Safe to use from threads.

    Each value has a key, and may have an end, by `time.monotonic()`. Beyond 2,000 values the oldest is dropped.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Hashable, tuple[Any, float]] = {}

    def get(self, key: Hashable) -> Any:
        """The value, None when there is none or it has expired."""
        value, end = self._entries.get(key, (None, 0.0))
        return value if end > time.monotonic() else None

    def put(self, key: Hashable, value: object, until: float = math.inf) -> None:
        """Keep `value` until that moment."""
        with self._lock:
            self._entries.pop(key, None)  # so that a new value is the youngest
            self._entries[key] = (value, until)
            if len(self._entries) > _MAX_CACHED:
                del self._entries[next(iter(self._entries))]

    def forget(self, key: Hashable) -> None:
        """Drop the value, if there is one."""
        with self._lock:
            self._entries.pop(key, None)


class ProbeContext:
    """What a run is given, and where it records what it sees.

    `phases` are seconds by phase, added up when a phase is repeated (redirects). `facts` are JSON values.
    `lines` are (seconds since start, text), the log of this run. `secrets` are the values that the run has read: the
    prober masks them in everything that leaves the run. `cookies` are those that several requests share, None where
    each begins without; `response` is the last response, `captured` are values of responses and messages by name.
    `helpers` are the helpers (a proxy, a token server) that were in use when the run failed. `cache` outlives the run.
    `steps` are those that it came to, by name. `pushed` is the directory of the reports that were pushed for the
    component, None where none are accepted. `google` are the tokens of Google Cloud that runs share.
    `investigating` is true when the run was requested because another component fails, or by a person: what is cached
    may be too old for it. `stalled` gives the seconds that our own event loop was stalled during the run: the deadline
    moves by as much, at most by the timeout.
    """

    def __init__(self, timeout: float, resolver: Resolver, cache: Cache | None = None) -> None:
        self.started = time.monotonic()
        self.timeout = timeout
        self.resolver = resolver
        self.cache = cache or Cache()
        self.phases: dict[str, float] = {}
        self.facts: dict[str, Any] = {}
        self.lines: list[tuple[float, str]] = []
        self.secrets: set[str] = set()
        self.cookies: Cookies | None = None
        self.response: Response | None = None
        self.captured: dict[str, Any] = {}
        self.current: list[str] = []  # the phases that are open now
        self.target = ""  # the address of the last connection, for the detail
        self.helpers: list[Helper] = []
        self.helper_hosts: list[str] = []  # of the helpers that were in use when a step failed
        self.expired: list[Expired] = []
        self.latency: float | None = None  # seconds that `slower_than` judges, when not those of the run
        self.hint = ""  # appended to the detail of any failure
        self.pushed: Path | None = None
        self.google: GoogleTokenSource | None = None
        self.steps: dict[str, StepResult] = {}
        self.investigating = False
        self.stalled: Callable[[], float] = lambda: 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """Seconds until the deadline of the whole run, never negative."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def deadline(self) -> float:
        """When the run ends, by `time.monotonic()`."""
        return self.started + self.timeout + min(self.stalled(), self.timeout)

    @asynccontextmanager
    async def until_deadline(self, margin: float) -> AsyncIterator[None]:
        """Ends what it contains `margin` seconds before the deadline, wherever that has moved. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        timer: asyncio.Handle

        def look() -> None:
            nonlocal timer
            if (left := self.remaining - margin) > 0:
                timer = loop.call_later(left, look)
            else:
                limit.reschedule(loop.time())

        timer = loop.call_soon(look)
        try:
            async with asyncio.timeout(None) as limit:
                yield
        finally:
            timer.cancel()

    def for_another_request(self, timeout: float) -> ProbeContext:
        """A context for another request of this run, beside the target's: own phases and facts, shared secrets."""
        other = ProbeContext(min(timeout, self.remaining), self.resolver, self.cache)
        other.secrets, other.expired, other.google = self.secrets, self.expired, self.google
        other.captured = self.captured
        stalled, before = self.stalled, self.stalled()
        other.stalled = lambda: max(0.0, stalled() - before)
        return other

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase. One that is cut off keeps its time and stays `current`, so that the detail can name it."""
        begin = time.monotonic()
        self.current.append(name)
        try:
            yield
        except BaseException:
            self._add(name, begin)
            raise
        self._add(name, begin)
        self.current.pop()

    @contextmanager
    def helper(self, name: str, reason: Reason | None = None, host: str = "") -> Iterator[None]:
        """Details of failures inside begin with `name`: the helper is at fault, the target was not reached.

        With a `reason`, failures inside have that one, whatever went wrong with the helper.
        """
        self.helpers.append(Helper(name, reason, host))
        yield
        self.helpers.pop()  # not after a failure: classify() reads it

    def _add(self, name: str, begin: float) -> None:
        took = time.monotonic() - begin
        self.phases[name] = self.phases.get(name, 0.0) + took
        self.log(f"{name} took {took * 1000:.1f} ms")

    def log(self, text: str, at: float | None = None) -> None:
        """Add a line to the log of this run, by default at this moment of it; at most 200 are kept."""
        if len(self.lines) < _MAX_LINES:
            self.lines.append((self.elapsed if at is None else at, text))

    async def reveal(self, secret: Readable) -> str:
        """The value of a secret, masked from now on. Raises ProbeFailed (`probe_error`, `credentials`)."""
        value = await secret.obtain(self)
        self.secrets.add(value)
        if (end := token_end(value)) is not None:
            self.credential("the token", end, Reason.DENIED)
        return value

    def credential(self, what: str, end: float, *symptoms: Reason) -> None:
        """Record when a credential of our own ends: fact `credential_not_after`, the first of them.

        A failure with one of `symptoms` after that is our own, reason `credentials`.
        """
        self.facts[Fact.CREDENTIAL_NOT_AFTER] = min(end, self.facts.get(Fact.CREDENTIAL_NOT_AFTER, end))
        if end <= time.time():
            self.expired.append(Expired(f"{what} expired on {date_of(end)}", frozenset(symptoms)))

    async def in_background(self, role: str, place: object, call: Callable[[], T], key: Hashable = None) -> T:
        """The result of `call`, which may block, in a thread; calls with the same key share one.

        Raises ProbeFailed (`probe_error`) when it gives nothing within the run, and whatever `call` raises.
        """
        late = ProbeFailed(Reason.PROBE_ERROR, f"{role} gave nothing in time: {place}")
        try:
            async with asyncio.timeout(max(self.remaining - _MARGIN, self.remaining / 2)) as timer:
                return await in_background(call, key)
        except TimeoutError:
            if not timer.expired():
                raise  # that of a file system: it is an OSError too
            raise late from None
        except asyncio.CancelledError:
            if self.remaining > _MARGIN:
                raise
            raise late from None  # the deadline, of the run or a little before it: what it was spent on is the reason
