"""One run of one check: a deadline that holds, and the one place where exceptions become Reasons.

Used by the runner, by `/probe` and by `check`; knows nothing of when to run or of what a failure means.
"""

from __future__ import annotations

import asyncio
import errno
import re
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.core.model import INCONCLUSIVE, Component, Observation, Outcome, ProbeDegraded, ProbeFailed, Reason
from exporter.net.check import Check
from exporter.net.clock import now
from exporter.net.errors import error_text
from exporter.net.options import format_duration
from exporter.net.redaction import mask
from exporter.net.resolve import Resolver
from exporter.net.trace import Trace
from exporter.stall import StallWatch

MAX_DETAIL = 500  # bytes of a detail
_MAX_TEXT = 4 * MAX_DETAIL  # characters of it that are looked at for secrets, which may be longer than their mask
_GRACE = 0.25  # seconds a cancelled run has to end before it is abandoned
# Controls, what ends a line, and marks that turn the direction of text around (unicode.org/reports/tr9, table 3).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")

# OpenSSL's X509_V_ERR_*: x509_vfy.h
_CERTIFICATE_CODES = {9: Reason.TLS_EXPIRED, 10: Reason.TLS_EXPIRED, 62: Reason.TLS_NAME, 64: Reason.TLS_NAME}
_UNTRUSTED_CODES = frozenset({2, 18, 19, 20, 21, 24, 27})
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.ENETDOWN})
# What a stall of our own loop could have caused; a refusal or an answer stands whenever it was read.
_STALLABLE = frozenset({Reason.TIMEOUT, Reason.SLOW, Reason.CLOSED, Reason.RESOLVER})
_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Prober:
    """Runs checks; a run that ignores its cancellation is left behind and keeps only its own component waiting."""

    def __init__(
        self,
        resolver: Resolver | None = None,
        stalls: StallWatch | None = None,
        pushed: Callable[[str], Path] | None = None,
    ) -> None:
        """`stalls`, when running, makes a failure that a stall of our own loop could have caused a `probe_error`.

        `pushed` says where the reports are that were pushed for a component.
        """
        self._resolver = resolver or Resolver()
        self._stalls = stalls or StallWatch()
        self._pushed = pushed
        self._abandoned: dict[str, asyncio.Task[None]] = {}

    async def attempt(self, component: Component, check: Check, lag: float = 0.0) -> Observation:
        """One run, over within the component's timeout plus a quarter second. Never raises but for cancellation."""
        return await self.attempt_traced(component, check, self.trace(component.timeout), lag)

    def trace(self, timeout: float) -> Trace:
        """What one run of at most `timeout` seconds is recorded on."""
        return Trace(timeout, self._resolver)

    async def attempt_traced(self, component: Component, check: Check, trace: Trace, lag: float = 0.0) -> Observation:
        """Like `attempt`, on a `trace()` of the caller's, whose log can be read afterwards."""
        trace.pushed = self._pushed(component.name) if self._pushed else None
        started = now()
        error = await self._run(component, check, trace)
        duration = now() - started
        slower_than = check.degraded.slower_than
        if error is None and slower_than is not None and duration > slower_than:
            error = ProbeDegraded(Reason.SLOW, f"took {duration:.2f} s, expected under {format_duration(slower_than)}")
        reason, detail = (Reason.OK, "") if error is None else explain(error, trace)
        stall = self._stalls.longest_since(started) if reason in _STALLABLE else 0.0
        if stall:
            reason, detail = Reason.PROBE_ERROR, f"the exporter itself stood still for {stall:.2f} s; it saw: {detail}"
        detail = clean(detail, trace.secrets)
        trace.log(f"{reason}: {detail}" if detail else str(reason))
        return Observation(
            component=component.name,
            started=started,
            duration=duration,
            outcome=_outcome(error, reason),
            reason=reason,
            detail=detail,
            lag=lag,
            stalled=stall > 0,
            phases=dict(trace.phases),
            facts=_clean_facts(trace.facts, trace.secrets),
        )

    async def _run(self, component: Component, check: Check, trace: Trace) -> BaseException | None:
        """What the run raised, None for a pass; `TimeoutError` when the deadline cut it off."""
        if (stuck := self._abandoned.get(component.name)) and not stuck.done():
            return ProbeFailed(Reason.PROBE_ERROR, "the previous run ignored its cancellation and still runs")
        task = asyncio.create_task(check.run(trace), name=f"probe {component.name}")
        try:
            await asyncio.wait({task}, timeout=trace.remaining)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_GRACE)
                return self._cut_off(component.name, task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE)  # a program that it runs must end before the loop does
            raise
        return asyncio.CancelledError() if task.cancelled() else task.exception()

    def _cut_off(self, name: str, task: asyncio.Task[None]) -> BaseException:
        if not task.done():
            self._abandoned[name] = task
        elif not task.cancelled() and isinstance(error := task.exception(), ProbeFailed):
            return error  # it failed on the very deadline, and knows better than we do
        return TimeoutError()


def explain(error: BaseException, trace: Trace) -> tuple[Reason, str]:
    """The Reason and the detail of whatever a run raised: the only such place."""
    reason, detail = _explain(error, trace)
    return reason, ": ".join([*trace.blamed, detail]) + trace.hint


def _explain(error: BaseException, trace: Trace) -> tuple[Reason, str]:
    where = f" in phase {trace.current[-1]}" if trace.current else ""
    match error:
        case ProbeFailed():
            return error.reason, error.detail
        case ssl.SSLCertVerificationError():
            return _certificate(error, trace)
        case ssl.SSLError():
            return Reason.TLS, error_text(error)
        case TimeoutError() if error.errno is None:
            return Reason.TIMEOUT, f"no answer within {format_duration(trace.timeout)}{where}"
        case TimeoutError():
            return Reason.TIMEOUT, f"the network gave up{where}: {error.strerror}"
        case ConnectionRefusedError() | FileNotFoundError():
            return Reason.REFUSED, f"nothing listens{_at(trace)}: {error_text(error)}"
        case ConnectionError() | EOFError():
            return Reason.CLOSED, f"the peer hung up{where}: {error_text(error)}"
        case OSError() if error.errno in _UNREACHABLE:
            return Reason.UNREACHABLE, f"no route{_at(trace)}: {error_text(error)}"
        case OSError() if error.errno in _OUR_LIMITS:
            return Reason.PROBE_ERROR, f"the exporter is out of resources: {error_text(error)}"
    place = traceback.extract_tb(error.__traceback__)[-1:] or None
    at = f" at {place[0].name}:{place[0].lineno}" if place else ""
    return Reason.PROBE_ERROR, f"bug or bad option{where}: {type(error).__name__}: {error}{at}"


def clean(text: str, secrets: set[str]) -> str:
    """Text fit for a page, a log and an API: secrets masked, control characters out, at most `MAX_DETAIL` bytes."""
    text = _CONTROL.sub(" ", mask(text[:_MAX_TEXT], secrets)).strip()
    data = text.encode("utf-8", "replace")  # JSON may hold half of a surrogate pair, which no answer of ours can
    return data.decode() if len(data) <= MAX_DETAIL else data[: MAX_DETAIL - 3].decode("utf-8", "ignore") + "..."


def _clean_facts(facts: dict[str, Any], secrets: set[str]) -> dict[str, Any]:
    return {clean(key, secrets): _clean_value(value, secrets) for key, value in facts.items()}


def _clean_value(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, str):
        return clean(value, secrets)
    if isinstance(value, dict):
        return _clean_facts(value, secrets)
    if isinstance(value, list | tuple):
        return [_clean_value(item, secrets) for item in value]
    return value


def _outcome(error: BaseException | None, reason: Reason) -> Outcome:
    if error is None:
        return Outcome.PASS
    if reason in INCONCLUSIVE:
        return Outcome.UNKNOWN
    return Outcome.DEGRADED if isinstance(error, ProbeDegraded) else Outcome.FAIL


def _certificate(error: ssl.SSLCertVerificationError, trace: Trace) -> tuple[Reason, str]:
    untrusted = Reason.TLS_UNTRUSTED if error.verify_code in _UNTRUSTED_CODES else Reason.TLS
    reason = _CERTIFICATE_CODES.get(error.verify_code, untrusted)
    facts = trace.facts
    names = ", ".join(facts.get("tls_names", ())) or "no names"
    seen = f"; the certificate has {names}, issued by {facts['tls_issuer']}" if "tls_issuer" in facts else ""
    return reason, f"certificate refused: {error.verify_message}{seen}"


def _at(trace: Trace) -> str:
    return f" at {trace.target}" if trace.target else ""
