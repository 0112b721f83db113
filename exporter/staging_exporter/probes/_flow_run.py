"""One run of a flow: which step comes next, how long it may take, and what is recorded of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Mapping, Sequence

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext, StepResult
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.failures import classify
from staging_exporter.options.reuse import Login, keep_login, kept_login
from staging_exporter.options.secrets import AnySecret
from staging_exporter.options.values import Values
from staging_exporter.probes._flow_steps import FlowStep

_MARGIN = 0.1  # seconds before the deadline when steps end, so that the failing one can be named
_CLEANING = 1.0  # seconds that a step for cleaning up gets, unless it says how many
_MOST_CLEANING = 0.25  # of the run
_INTERRUPTED = 0.8  # seconds at most for cleaning up after a run that is cancelled: the exporter stops within two
_KEPT = (Fact.STATUS, Fact.CLOSE_CODE, "event_seconds")  # facts of a step
_EARLIEST = (Fact.CREDENTIAL_NOT_AFTER, Fact.TOKEN_NOT_AFTER)


class Walk:
    """A walk through the steps, each user with cookies of its own."""

    def __init__(
        self, context: ProbeContext, steps: Sequence[FlowStep], secrets: Mapping[str, AnySecret], key: Hashable
    ) -> None:
        """`key` is that of the flow, under which logins are kept."""
        self._context, self._steps, self._key = context, steps, key
        self._values = Values(secrets)
        self._jars: dict[str, Cookies] = {}
        self._reused: list[int] = []
        self._number = 0  # of the step that is taken now
        self._failed: ProbeFailed | None = None
        self._failed_at = ""  # the name of that step
        self._degraded: ProbeFailed | None = None

    async def run(self) -> None:
        """Raises ProbeFailed of the first step that failed, else ProbeDegraded of the first that was degraded.

        The detail names the step.

        When it is cancelled, the steps that clean up are taken first.
        """
        try:
            await self._take_all()
        except asyncio.CancelledError:
            await asyncio.create_task(self._clean_up())  # a task that is cancelled has no timeouts
            raise
        if (decisive := self._failed or self._degraded) is not None:
            raise decisive

    async def _take_all(self) -> None:
        while self._number < len(self._steps):
            error = await self._next(self._number)
            if error is not None and error.reason == Reason.DENIED and self._reused:
                self._number = self._log_in_again(error)
                continue
            if isinstance(error, ProbeDegraded):
                self._degraded = self._degraded or error
            elif error is not None and self._failed is None:
                self._failed, self._failed_at = error, self._steps[self._number].name
            self._number += 1

    async def _clean_up(self) -> None:
        """Take the steps that clean up and are not over, in the time that is kept for them, each with its share."""
        steps = [step for step in self._steps[self._number :] if step.always and not self._values.missing(step.needs)]
        end = self._context.elapsed + min(self._reserved(self._number - 1), _INTERRUPTED)
        for number, step in enumerate(steps):
            left = min(end - self._context.elapsed, self._context.remaining - _MARGIN)
            if left > 0:
                await self._take(step, left / (len(steps) - number))

    async def _next(self, number: int) -> ProbeFailed | None:
        """Take a step, unless nothing is left to do: it is not reached, or its result is known."""
        step = self._steps[number]
        missing = self._values.missing(step.needs)
        if (self._failed is not None and not step.always) or (missing and step.always):
            return None
        if missing:
            detail = f"step {step.name}: no step captured {{{{{missing[0]}}}}}"
            return ProbeFailed(Reason.CONTENT, detail)
        if step.reuse is not False and (login := kept_login(self._context, (self._key, step.name))) is not None:
            self._take_over(number, login)
            return None
        reserved = 0.0 if step.always else self._reserved(number)
        return await self._take(step, max(0.0, self._context.remaining - _MARGIN - reserved))

    def _take_over(self, number: int, login: Login) -> None:
        step, context = self._steps[number], self._context
        self._reused.append(number)
        self._values.keep(login.values)
        self._jar(step).update(login.cookies)
        context.facts[Fact.TOKEN_NOT_AFTER] = min(login.ends, context.facts.get(Fact.TOKEN_NOT_AFTER, login.ends))
        context.log(f"{step.name}: reused, it was made {time.time() - login.made:.0f} s ago")
        context.steps[step.name] = StepResult(None, context.elapsed, 0.0)

    def _log_in_again(self, error: ProbeFailed) -> int:
        """Forget logins that are no longer valid; returns the number of the first one, where the walk goes on."""
        self._context.log(f"{error.detail}: logging in again")
        for number in self._reused:
            self._context.cache.forget((self._key, self._steps[number].name))
        first, self._reused = self._reused[0], []
        for step in self._steps[first:]:  # what they showed was the old login's
            self._context.steps.pop(step.name, None)
        self._jars.clear()
        return first

    def _reserved(self, number: int) -> float:
        """Seconds that are kept for cleaning up after step `number`."""
        wanted = sum(step.within or _CLEANING for step in self._steps[number + 1 :] if step.always)
        return min(wanted, self._context.timeout * _MOST_CLEANING)

    def _jar(self, step: FlowStep) -> Cookies:
        return self._jars.setdefault(step.user, Cookies())

    async def _take(self, step: FlowStep, left: float) -> ProbeFailed | None:
        """Run one step in `left` seconds and record how it went; what it raised, classified, with the step's name."""
        inner = self._context.for_another_request(min(left, step.within or left))
        inner.cookies, inner.captured = self._jar(step), {}
        error: ProbeFailed | None = None
        try:
            async with inner.until_deadline(0.0):
                await step.run(inner, self._values)
        except Exception as raised:
            error = _classified(step, raised, inner) if left else _late(step)
        finally:
            self._context.secrets.update(inner.cookies.values())
            self._values.keep(inner.captured)
            self._record(step, inner, error)
        if step.reuse is not False and (error is None or isinstance(error, ProbeDegraded)):
            seconds = None if step.reuse is True else step.reuse
            login = keep_login(self._context, (self._key, step.name), inner.captured, inner.cookies, seconds)
            if login is not None:
                self._keep_earliest({Fact.TOKEN_NOT_AFTER: login.ends})
        return error

    def _record(self, step: FlowStep, inner: ProbeContext, error: ProbeFailed | None) -> None:
        context, began, seconds = self._context, inner.started - self._context.started, inner.elapsed
        context.phases[step.name] = seconds
        for at, text in inner.lines:
            context.log(f"{step.name}: {text}", began + at)
        context.log(f"{step.name} took {seconds * 1000:.1f} ms")
        shown = {name: value.text[:200] for name, value in inner.captured.items() if not value.secret}
        facts = {name: inner.facts[name] for name in _KEPT if name in inner.facts}
        if error is not None and self._failed is not None:  # it proves nothing: what it cleans up may not exist
            error = ProbeFailed(Reason.NO_EVIDENCE, f"after step {self._failed_at} failed: {error.detail}")
        context.steps[step.name] = StepResult(error, began, seconds, {**facts, **shown})
        context.facts.update(shown)
        context.helper_hosts += [helper.host for helper in inner.helpers]
        if Fact.RETRY_AFTER in inner.facts:
            context.facts[Fact.RETRY_AFTER] = inner.facts[Fact.RETRY_AFTER]
        self._keep_earliest(inner.facts)

    def _keep_earliest(self, facts: Mapping[str, float]) -> None:
        for name in _EARLIEST:
            if (end := facts.get(name)) is not None:
                self._context.facts[name] = min(end, self._context.facts.get(name, end))


def _classified(step: FlowStep, raised: Exception, inner: ProbeContext) -> ProbeFailed:
    reason, detail = classify(raised, inner)
    if step.login and reason == Reason.DENIED:
        reason, detail = Reason.CREDENTIALS, f"the credentials of the exporter were refused: {detail}"
    return (ProbeDegraded if isinstance(raised, ProbeDegraded) else ProbeFailed)(reason, f"step {step.name}: {detail}")


def _late(step: FlowStep) -> ProbeFailed:
    return ProbeFailed(Reason.TIMEOUT, f"step {step.name}: no time was left for it")
