"""Reads Google's APIs for all components at once: kept for a while, one at a time, limited per API.

A failure is kept as long as an answer, so that sixty components without a permission cost one read, not sixty.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.evidence.google.answers import Answer, merged, missing
from staging_exporter.evidence.google.errors import ApiFailed, refusal
from staging_exporter.evidence.google.reads import ApiRead
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response
from staging_exporter.net.failures import as_evidence
from staging_exporter.net.google import tokens_of
from staging_exporter.net.http import HttpRequest, Transport, fetch
from staging_exporter.net.url import Url

LIMITS: Mapping[str, int] = {"logging.googleapis.com": 10}  # requests in a minute; the project's own is about 60
LIMIT = 20  # of every other API
EARLY = 7  # reads in a minute that come before their time, since a component fails
_WINDOW = 60.0
_LONGEST = 10.0  # seconds of a read that several runs wait for
_MARGIN = 0.1  # seconds before the deadline of a run when waiting ends: a silent API says nothing about the component
_USABLE = 300.0  # seconds that an answer can be used for while the limit allows no new one
_MAX_BODY = 8 * 1024 * 1024
_MAX_PAGES = 10
_MAX_EMPTY = 3
_MAX_KEPT = 500


class TokenSource(Protocol):
    """Where access tokens come from, and what is sent with them."""

    @property
    def quota_headers(self) -> dict[str, str]:
        """The project whose quota is used, where the credentials name one."""

    async def access_token(self, timeout: float) -> str:
        """A valid token, within `timeout` seconds. Raises ProbeFailed (`credentials`)."""

    def refused(self, token: str) -> None:
        """An API answered 401 to this token: the next one must be a new one."""


@dataclass(slots=True)
class _Kept:
    """What the last read gave: an answer, or why there is none."""

    at: float
    answer: Answer | None = None
    failure: ApiFailed | None = None

    def use(self, now: float) -> Answer:
        """The answer with its age. Raises the failure again."""
        if self.answer is None:
            assert self.failure is not None
            raise ApiFailed(self.failure.reason, self.failure.detail, self.failure.wait, self.failure.status)
        return self.answer._replace(age=now - self.at)


@dataclass(slots=True)
class _Flight:
    """A read under way, and how many runs wait for it."""

    task: asyncio.Task[Answer]
    context: ProbeContext
    waiting: int = 0


@dataclass(slots=True)
class _Api:
    """The requests to an API in the last minute, and until when it must not be asked."""

    limit: int
    sent: deque[float] = field(default_factory=deque)
    blocked_until: float = 0.0

    def has_room(self, now: float, limit: float) -> bool:
        """True when one more request is within the limit."""
        while self.sent and self.sent[0] <= now - _WINDOW:
            self.sent.popleft()
        return len(self.sent) < limit


class GoogleReader:
    """Reads for one endpoint; `tokens` None sends no token. Used by one event loop."""

    def __init__(
        self,
        endpoint: Url | None = None,
        tokens: TokenSource | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint, self._tokens, self._clock = endpoint, tokens, clock
        self._kept: dict[ApiRead, _Kept] = {}
        self._flights: dict[ApiRead, _Flight] = {}
        self._apis: dict[str, _Api] = {}
        self._early = _Api(EARLY)

    async def read(self, context: ProbeContext, wanted: ApiRead, max_age: float, period: float = _WINDOW) -> Answer:
        """All pages, at most `max_age` seconds old, in phase `read` where they are not kept.

        `period` is how often answers are meant to be read anew: below a minute the limits are raised in proportion. A
        read that comes before the period is over, because a component fails, may get an answer that is kept.

        Raises ApiFailed, whose reason is `credentials`, `rate_limited`, `no_evidence` or `probe_error`.
        """
        now, kept = self._clock(), self._kept.get(wanted)
        if kept is not None and now - kept.at < max_age:
            return kept.use(now)
        flight = self._flights.get(wanted)
        if flight is None:
            if (refused := self._refusal(wanted, kept, now, period)) is not None:
                return refused.use(now)
            flight = self._take_off(context, wanted)
        return await self._join(context, wanted, flight)

    def _refusal(self, wanted: ApiRead, kept: _Kept | None, now: float, period: float) -> _Kept | None:
        """What to use instead of a new read; None when one is allowed. Raises ApiFailed when there is nothing."""
        api, more = self._api(wanted.host), max(1.0, _WINDOW / period)
        if now < api.blocked_until:
            wait = api.blocked_until - now
            text = f"{wanted.host}: not asked: it answered 429, next request in {wait:.0f} s"
            raise ApiFailed(Reason.RATE_LIMITED, text, wait)
        if kept is not None and now - kept.at < period:
            if not self._early.has_room(now, EARLY * more):
                return kept
            self._early.sent.append(now)
        if api.has_room(now, api.limit * more):
            api.sent.append(now)  # before the request is: many may begin at once
            return None
        if kept is not None and kept.answer is not None and now - kept.at < _USABLE:
            return kept
        text = f"{wanted.host}: not asked: the exporter reads it at most {api.limit * more:.0f} times a minute"
        raise ApiFailed(Reason.NO_EVIDENCE, text)

    def _api(self, host: str) -> _Api:
        return self._apis.setdefault(host, _Api(LIMITS.get(host, LIMIT)))

    def _take_off(self, context: ProbeContext, wanted: ApiRead) -> _Flight:
        inner = ProbeContext(_LONGEST, context.resolver, context.cache)
        task = asyncio.create_task(self._pages(inner, wanted), name=f"read {wanted.host}{wanted.path}")
        self._flights[wanted] = flight = _Flight(task, inner)
        task.add_done_callback(lambda done: self._landed(wanted, flight, done))
        return flight

    async def _join(self, context: ProbeContext, wanted: ApiRead, flight: _Flight) -> Answer:
        """Wait for a read within the time of this run; the last one that leaves ends it."""
        flight.waiting += 1
        try:
            with context.phase("read"):
                async with context.until_deadline(_MARGIN):
                    return await asyncio.shield(flight.task)
        except TimeoutError:
            late = f"{wanted.host}: no answer within {format_duration(context.timeout)}"
            raise ApiFailed(Reason.NO_EVIDENCE, late) from None
        finally:
            context.secrets |= flight.context.secrets
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                self._flights.pop(wanted, None)  # nobody may join what is about to end

    def _landed(self, wanted: ApiRead, flight: _Flight, done: asyncio.Task[Answer]) -> None:
        """Keep what the read gave."""
        if self._flights.get(wanted) is flight:
            del self._flights[wanted]
        kept = _Kept(self._clock())
        if done.cancelled():
            kept.failure = ApiFailed(Reason.NO_EVIDENCE, f"{wanted.host}: no answer in the time of the last probe")
        elif (error := done.exception()) is None:
            kept.answer = done.result()
        elif isinstance(error, ApiFailed):
            kept.failure = error
        else:
            kept.failure = ApiFailed(Reason.PROBE_ERROR, f"{wanted.host}: {type(error).__name__}: {error}")
        self._kept.pop(wanted, None)
        self._kept[wanted] = kept
        if len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _pages(self, context: ProbeContext, wanted: ApiRead) -> Answer:
        pages = [await self._page(context, wanted)]
        while isinstance(token := pages[-1].pop("nextPageToken", None), str) and token:
            if wanted.newest and (pages[-1] or len(pages) > _MAX_EMPTY):
                break
            if len(pages) == _MAX_PAGES:
                return Answer(merged(pages), f"more than {_MAX_PAGES} pages")
            self._api(wanted.host).sent.append(self._clock())
            pages.append(await self._page(context, wanted.page(token)))
        whole = merged(pages)
        return Answer(whole, missing(whole))

    async def _page(self, context: ProbeContext, wanted: ApiRead) -> dict[str, Any]:
        """One page; after a 401 once more, with a new token."""
        try:
            return await self._request(context, wanted)
        except ApiFailed as error:
            if error.status != 401 or self._tokens is None:
                raise
            self._api(wanted.host).sent.append(self._clock())
            return await self._request(context, wanted)

    async def _request(self, context: ProbeContext, wanted: ApiRead) -> dict[str, Any]:
        headers = {"Host": wanted.host, "Accept": "application/json"}
        if wanted.body:
            headers["Content-Type"] = "application/json"
        token = await self._token(context)
        if token and self._tokens is not None:
            headers |= {"Authorization": f"Bearer {token}", **self._tokens.quota_headers}
        try:
            request = HttpRequest(self._url(wanted), wanted.method, headers, wanted.body.encode())
            response = await fetch(context, request, Transport(), follow=False, max_body=_MAX_BODY, cookies=False)
            if response.status == 200 and response.fault is not None:
                raise response.fault
        except Exception as error:  # whatever it is, it says nothing about the component
            reason, detail = as_evidence(error, context)
            raise ApiFailed(reason, f"{wanted.host}: {detail}") from None
        if response.status == 200:
            return _document(wanted.host, response)
        failure = refusal(wanted.host, response)
        if response.status == 401 and self._tokens is not None:
            self._tokens.refused(token)
        api = self._api(wanted.host)
        api.blocked_until = max(api.blocked_until, self._clock() + failure.wait)
        raise failure

    async def _token(self, context: ProbeContext) -> str:
        """The access token, masked from now on; empty where none is sent."""
        if self._tokens is None:
            return ""
        try:
            token = await self._tokens.access_token(context.remaining)
        except ProbeFailed as error:
            raise ApiFailed(error.reason, error.detail) from None
        context.secrets.add(token)
        return token

    def _url(self, wanted: ApiRead) -> Url:
        if self._endpoint is None:
            return Url("https", wanted.host, 443, wanted.target)
        return self._endpoint._replace(target=self._endpoint.target.rstrip("/") + wanted.target)


def _document(host: str, response: Response) -> dict[str, Any]:
    try:
        document = response.document
    except ValueError:
        document = None
    if not isinstance(document, dict):
        what = response.header("content-type") or "something without a content type"
        raise ApiFailed(Reason.NO_EVIDENCE, f"{host}: the answer is no JSON object but {what[:60]}")
    return document


def reader_of(context: ProbeContext, endpoint: Url | None) -> GoogleReader:
    """The reader that all components with this endpoint share.

    Over plain HTTP, as to an emulator, no token is sent: everybody on the way could read it.
    """
    key = ("google", str(endpoint))
    reader: GoogleReader | None = context.cache.get(key)
    if reader is None:
        reader = GoogleReader(endpoint, None if endpoint and not endpoint.secure else tokens_of(context))
        context.cache.put(key, reader)
    return reader
