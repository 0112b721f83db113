"""One run of one check, within its deadline.

Used by the scheduler, `/probe` and `check`; when to run and what a failure means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from staging_exporter.clock import now
from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import (
    INCONCLUSIVE,
    Component,
    Observation,
    Outcome,
    ProbeDegraded,
    ProbeFailed,
    Reason,
)
from staging_exporter.core.redaction import Masker, clean, clean_facts
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.engine.revealed import Revealed
from staging_exporter.net.context import Cache, ProbeContext
from staging_exporter.net.failures import classify
from staging_exporter.net.google import GoogleTokens
from staging_exporter.net.resolve import Resolver
from staging_exporter.options.check import Check, observed

_GRACE = 0.25  # seconds a cancelled run has to end before it is abandoned
_CLEAN_UP = 0.9  # seconds that it has when the exporter stops, to clean up what it made
# What a stall of our own loop can cause; a refusal or a response is valid whenever it was read.
_STALLABLE = frozenset({Reason.TIMEOUT, Reason.SLOW, Reason.CLOSED, Reason.RESOLVER})
_LISTENED = 0.8  # share of its timeout, stalls not counted, that a run has waited when it counts as a timeout


class Prober:
    """Runs checks; a run that ignores its cancellation is abandoned and blocks only its own component."""

    def __init__(
        self,
        resolver: Resolver | None = None,
        loop_lag: LoopLagMonitor | None = None,
        pushed: Callable[[str], Path] | None = None,
        resolvers: Mapping[str, Resolver] | None = None,
        owners: Mapping[str, str] | None = None,
        google: GoogleTokens | None = None,
        observed: Collection[str] = (),
    ) -> None:
        """`loop_lag`, when running, gives a run back the time of a stall, and makes what one can cause `probe_error`.

        `pushed` gives the directory of the pushed reports of a component. `resolvers` are those of single components,
        `owners` are components by the host that they probe, `google` are the tokens of Google Cloud that runs share,
        `observed` are components that steps of other checks observe.
        """
        self._observed = frozenset(observed)
        self._resolvers, self._owners = resolvers or {}, owners or {}
        self._resolver = resolver or Resolver()
        self._loop_lag = loop_lag or LoopLagMonitor()
        self._pushed = pushed
        self._cache = Cache()
        self._google = google or GoogleTokens(self._resolver)
        self.running = 0  # probes at this moment
        self._abandoned: dict[str, asyncio.Task[None]] = {}
        self._revealed = Revealed()

    async def attempt(
        self, component: Component, check: Check, lag: float = 0.0, investigating: bool = False
    ) -> Observation:
        """One run, over within the component's timeout plus a quarter second. Raises nothing but CancelledError.

        A stall of our own loop does not count: a run is given back as much, at most its timeout once more.
        """
        context = self.context(component.timeout)
        context.investigating = investigating
        return await self.attempt_with(component, check, context, lag)

    def context(self, timeout: float) -> ProbeContext:
        """The context of one run of at most `timeout` seconds."""
        context = ProbeContext(timeout, self._resolver, self._cache)
        context.google = self._google
        return context

    async def attempt_with(
        self, component: Component, check: Check, context: ProbeContext, lag: float = 0.0
    ) -> Observation:
        """Like `attempt`, with a `context()` of the caller, whose log can be read afterwards."""
        context.pushed = self._pushed(component.name) if self._pushed else None
        context.resolver = self._resolvers.get(component.name, context.resolver)
        started = now()
        context.stalled = lambda: self._loop_lag.stalled_since(started)
        error = await self._run(component, check, context)
        duration, stalled = now() - started, context.stalled()
        self._revealed.add(component.name, context.secrets)
        masker = Masker(context.secrets, self._revealed.masker() if check.runs_programs else None)
        slower_than = check.degraded.slower_than
        resolution = context.phases.get("resolve", 0.0)  # which says nothing about the target
        spent = duration - resolution if context.latency is None else context.latency
        if error is None and slower_than is not None and spent > slower_than:
            error = ProbeDegraded(Reason.SLOW, f"took {spent:.2f} s, expected under {format_duration(slower_than)}")
        reason, detail = (Reason.OK, "") if error is None else classify(error, context)
        hosts = [*(helper.host for helper in context.helpers), *context.helper_hosts]
        helpers = [self._owners[host] for host in hosts if host in self._owners]
        if reason == Reason.CREDENTIALS and helpers and helpers[0] != component.name:
            detail += f"; this server is the component {helpers[0]}"
        enough = {Reason.TIMEOUT: component.timeout * _LISTENED, Reason.SLOW: slower_than}.get(reason)
        took = (spent if reason == Reason.SLOW else duration) - stalled
        doubtful = stalled > 0 and reason in _STALLABLE and (enough is None or took < enough)
        if doubtful:
            reason, detail = Reason.PROBE_ERROR, f"event loop stalled for {stalled:.2f} s; the run ended with: {detail}"
        detail = clean(detail, masker)
        context.log(f"{reason}: {detail}" if detail else str(reason))
        seen = Observation(
            component=component.name,
            started=started,
            duration=duration,
            outcome=_outcome(error, reason),
            reason=reason,
            detail=detail,
            lag=lag,
            stalled=doubtful,
            phases=dict(context.phases),
            facts=clean_facts(context.facts, masker),
        )
        also = tuple(self._of_steps(seen, check, context, masker))
        return replace(seen, also=also) if also else seen

    def _of_steps(self, run: Observation, check: Check, context: ProbeContext, masker: Masker) -> Iterator[Observation]:
        """What the run says about the components that its steps observe; an inconclusive run says nothing of them."""
        failed = next((name for name, part in context.steps.items() if _is_failure(part.error)), None)
        missed = f"not reached: {run.detail if failed is None else f'step {failed} failed'}"
        for name, steps in observed(run.component, check).items():
            if name not in self._observed:
                continue
            parts = [context.steps[step] for step in steps if step in context.steps]
            errors = [part.error for part in parts if part.error is not None]
            error = min(errors, key=lambda each: isinstance(each, ProbeDegraded), default=None)
            if run.stalled and error is not None:
                error = ProbeFailed(Reason.PROBE_ERROR, run.detail)
            elif len(parts) < len(steps) and not _is_failure(error):
                error = ProbeFailed(run.reason if run.outcome is Outcome.UNKNOWN else Reason.NO_EVIDENCE, missed)
            reason = Reason.OK if error is None else error.reason
            yield Observation(
                component=name,
                started=run.started + (parts[0].began if parts else 0.0),
                duration=parts[-1].began + parts[-1].seconds - parts[0].began if parts else run.duration,
                outcome=_outcome(error, reason),
                reason=reason,
                detail=clean(error.detail, masker) if error else "",
                lag=run.lag,
                stalled=run.stalled,
                facts=clean_facts({k: v for part in parts for k, v in part.facts.items()}, masker),
            )

    async def _run(self, component: Component, check: Check, context: ProbeContext) -> BaseException | None:
        """What the run raised, None for a pass; `TimeoutError` when the deadline cut it off."""
        if (stuck := self._abandoned.get(component.name)) and not stuck.done():
            return ProbeFailed(Reason.PROBE_ERROR, "the previous run ignored its cancellation and still runs")
        task = asyncio.create_task(check.run(context), name=f"probe {component.name}")
        self.running += 1
        task.add_done_callback(self._ended)
        try:
            while not task.done() and (left := context.remaining) > 0:  # more is left after a stall
                await asyncio.wait({task}, timeout=left)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_GRACE)
                return self._cut_off(component.name, task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=_CLEAN_UP)  # a program that it runs must end before the loop does
            raise
        return asyncio.CancelledError() if task.cancelled() else task.exception()

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self.running -= 1

    def _cut_off(self, name: str, task: asyncio.Task[None]) -> BaseException:
        if not task.done():
            self._abandoned[name] = task
        elif not task.cancelled() and isinstance(error := task.exception(), ProbeFailed):
            return error  # it failed at the deadline, with a better reason
        return TimeoutError()


def _is_failure(error: ProbeFailed | None) -> bool:
    return error is not None and not isinstance(error, ProbeDegraded)


def _outcome(error: BaseException | None, reason: Reason) -> Outcome:
    if error is None:
        return Outcome.PASS
    if reason in INCONCLUSIVE:
        return Outcome.UNKNOWN
    return Outcome.DEGRADED if isinstance(error, ProbeDegraded) else Outcome.FAIL
