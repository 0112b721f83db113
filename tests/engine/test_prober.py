"""One run: the deadline holds, exceptions become reasons, secrets and control characters stay inside."""

from __future__ import annotations

import asyncio
import errno
import re
import ssl
import time
from dataclasses import replace
from typing import Any, Literal

import pytest
from staging_exporter.clock import now
from staging_exporter.core.model import (
    Component,
    Layer,
    Observation,
    Outcome,
    Priority,
    ProbeDegraded,
    ProbeFailed,
    Reason,
)
from staging_exporter.core.redaction import MAX_DETAIL
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.engine.on_demand import OnDemand
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.options.check import Check, Degraded
from staging_exporter.options.secrets import FromEnv
from staging_exporter.probes import load

from tests.support.waiting import until

TARGET = Component("target", Layer.SERVICE, Priority.P1, kind="scripted", timeout=0.2)
PATIENT = replace(TARGET, timeout=60.0)  # where the run decides when it ends


class Scripted(Check):
    """A kind whose run is given by the test."""

    kind: Literal["scripted"] = "scripted"
    script: Any

    async def run(self, context: ProbeContext) -> None:
        await self.script(context)


async def hang(_context: ProbeContext) -> None:
    await asyncio.sleep(60)


def raising(error: BaseException) -> Scripted:
    async def script(_trace: ProbeContext) -> None:
        raise error

    return Scripted(script=script)


@pytest.mark.parametrize(
    ("error", "outcome", "reason", "detail"),
    [
        (ProbeFailed(Reason.CONTENT, "seen 1, expected 2"), Outcome.FAIL, Reason.CONTENT, "seen 1, expected 2"),
        (ProbeDegraded(Reason.CONTENT, "tired"), Outcome.DEGRADED, Reason.CONTENT, "tired"),
        (ProbeFailed(Reason.RATE_LIMITED, "429"), Outcome.UNKNOWN, Reason.RATE_LIMITED, "429"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Outcome.FAIL, Reason.REFUSED, "nothing listens"),
        (FileNotFoundError(errno.ENOENT, "x", "/run/pg"), Outcome.FAIL, Reason.REFUSED, "/run/pg"),
        (ConnectionResetError(errno.ECONNRESET, "x"), Outcome.FAIL, Reason.CLOSED, "hung up"),
        (EOFError(), Outcome.FAIL, Reason.CLOSED, "hung up"),
        (OSError(errno.EHOSTUNREACH, "x"), Outcome.FAIL, Reason.UNREACHABLE, "no route"),
        (TimeoutError(errno.ETIMEDOUT, "x"), Outcome.FAIL, Reason.TIMEOUT, "the connection timed out"),
        (OSError(errno.EMFILE, "x"), Outcome.UNKNOWN, Reason.PROBE_ERROR, "lacks a resource"),
        (OSError(errno.EADDRNOTAVAIL, "x"), Outcome.UNKNOWN, Reason.PROBE_ERROR, "lacks a resource"),
        (ZeroDivisionError("oops"), Outcome.UNKNOWN, Reason.PROBE_ERROR, "ZeroDivisionError: oops"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
async def test_what_a_run_raises_becomes_a_reason(
    error: BaseException, outcome: Outcome, reason: Reason, detail: str
) -> None:
    seen = await Prober().attempt(TARGET, raising(error))
    assert (seen.outcome, seen.reason) == (outcome, reason)
    assert detail in seen.detail


async def test_a_hanging_run_is_cut_off_and_keeps_its_facts() -> None:
    async def script(context: ProbeContext) -> None:
        context.facts["ip"] = "127.0.0.1"
        with context.phase("connect"):
            pass
        with context.phase("tls"):
            await asyncio.sleep(60)

    seen = await Prober().attempt(TARGET, Scripted(script=script))
    assert seen.reason == Reason.TIMEOUT
    assert seen.detail == "no answer within 200ms in phase tls"
    assert set(seen.phases) == {"connect", "tls"}
    assert seen.facts == {"ip": "127.0.0.1"}


async def test_a_run_that_ignores_its_cancellation_blocks_only_its_component_and_is_not_run_twice() -> None:
    released = asyncio.Event()

    async def script(_trace: ProbeContext) -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    prober = Prober()
    stubborn = Scripted(script=script)
    first = await prober.attempt(TARGET, stubborn)
    second = await prober.attempt(TARGET, stubborn)
    assert first.reason == Reason.TIMEOUT
    assert second.reason == Reason.PROBE_ERROR
    assert "still runs" in second.detail
    released.set()
    await until(lambda: all(task.done() for task in asyncio.all_tasks() if task.get_name().startswith("probe")))
    third = await prober.attempt(TARGET, raising(EOFError()))
    assert third.reason == Reason.CLOSED


async def test_running_probes_are_counted() -> None:
    prober, go = Prober(), asyncio.Event()

    async def script(_trace: ProbeContext) -> None:
        await go.wait()

    runs = [asyncio.create_task(prober.attempt(PATIENT, Scripted(script=script))) for _ in range(3)]
    await until(lambda: prober.running == 3)
    go.set()
    await asyncio.gather(*runs)
    await until(lambda: prober.running == 0)


async def test_a_correct_but_slow_response_is_degraded() -> None:
    async def script(_trace: ProbeContext) -> None:
        await asyncio.sleep(0.05)

    slow = Scripted(script=script, degraded=Degraded(slower_than="10ms"))
    seen = await Prober().attempt(PATIENT, slow)
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.SLOW)
    assert "expected under 10ms" in seen.detail


async def attempt_with_stalls(target: Component, check: Scripted, *stalls: float) -> Observation:
    """One run; our own loop is stalled for each of these seconds, a tenth of a second after the run began or so."""
    loop_lag = LoopLagMonitor()
    loop_lag.start()
    try:
        run = asyncio.create_task(Prober(loop_lag=loop_lag).attempt(target, check))
        for seconds in stalls:
            await asyncio.sleep(0.1)
            time.sleep(seconds)
        return await run
    finally:
        loop_lag.stop()


async def test_a_stall_of_our_own_loop_is_given_back_to_the_run() -> None:
    """It spans the deadline; the response comes some time after it, well within what is left without it."""

    async def script(_trace: ProbeContext) -> None:
        await asyncio.sleep(0.2)
        await asyncio.sleep(0.3)

    seen = await attempt_with_stalls(replace(TARGET, timeout=2.0), Scripted(script=script), 2.5)
    assert seen.outcome == Outcome.PASS


async def test_what_hangs_is_a_failure_whatever_the_stalls_of_our_own_loop() -> None:
    seen = await attempt_with_stalls(replace(TARGET, timeout=1.0), Scripted(script=hang), 0.2, 0.2, 0.2)
    assert (seen.outcome, seen.reason, seen.stalled) == (Outcome.FAIL, Reason.TIMEOUT, False)
    assert seen.duration > 1.3


async def test_a_stall_that_is_longer_than_the_timeout_leaves_the_run_inconclusive() -> None:
    seen = await attempt_with_stalls(replace(TARGET, timeout=0.5), Scripted(script=hang), 2.0)
    assert (seen.outcome, seen.reason, seen.stalled) == (Outcome.UNKNOWN, Reason.PROBE_ERROR, True)
    assert "the run ended with: no answer within 500ms" in seen.detail


@pytest.mark.parametrize(("slower_than", "reason"), [("50ms", Reason.SLOW), ("400ms", Reason.PROBE_ERROR)])
async def test_slow_is_what_would_be_slow_without_a_stall(slower_than: str, reason: Reason) -> None:
    async def script(_trace: ProbeContext) -> None:
        await asyncio.sleep(0.2)

    check = Scripted(script=script, degraded=Degraded(slower_than=slower_than))
    assert (await attempt_with_stalls(PATIENT, check, 0.5)).reason == reason


async def test_a_part_of_a_run_ends_before_a_deadline_that_moved() -> None:
    async def script(context: ProbeContext) -> None:
        with pytest.raises(TimeoutError):
            async with context.until_deadline(0.1):
                await asyncio.sleep(60)
        raise ProbeFailed(Reason.TIMEOUT, "its own words")

    seen = await attempt_with_stalls(replace(TARGET, timeout=1.0), Scripted(script=script), 0.3)
    assert (seen.reason, seen.detail) == (Reason.TIMEOUT, "its own words")
    assert seen.duration > 1.15


async def test_a_stall_of_our_own_loop_is_not_a_failure_of_the_target() -> None:
    async def script(_trace: ProbeContext) -> None:
        time.sleep(0.3)
        raise EOFError

    loop_lag = LoopLagMonitor()
    loop_lag.start()
    try:
        seen = await Prober(loop_lag=loop_lag).attempt(TARGET, Scripted(script=script))
    finally:
        loop_lag.stop()
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.PROBE_ERROR)
    assert re.search(r"event loop stalled for \d", seen.detail)  # longer than the stall on a busy machine


async def test_a_refusal_is_valid_even_when_our_loop_stalled() -> None:
    async def script(_trace: ProbeContext) -> None:
        time.sleep(0.3)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "x")

    loop_lag = LoopLagMonitor()
    loop_lag.start()
    try:
        seen = await Prober(loop_lag=loop_lag).attempt(TARGET, Scripted(script=script))
    finally:
        loop_lag.stop()
    assert seen.reason == Reason.REFUSED


async def test_secrets_are_masked_in_details_facts_and_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2-and-more")

    async def script(context: ProbeContext) -> None:
        password = await context.reveal(FromEnv(env="PASSWORD"))
        context.facts["echo"] = {"seen": [f"user:{password}"]}
        raise ProbeFailed(Reason.DENIED, f"login as x with {password} refused")

    context = ProbeContext(1.0, Resolver())
    seen = await Prober().attempt_with(PATIENT, Scripted(script=script), context)
    assert "hunter2" not in f"{seen} {context.lines}"
    assert seen.detail == "login as x with *** refused"


async def test_a_missing_secret_is_a_probe_error() -> None:
    async def script(context: ProbeContext) -> None:
        await context.reveal(FromEnv(env="STAGING_EXPORTER_NO_SUCH_VARIABLE"))

    seen = await Prober().attempt(PATIENT, Scripted(script=script))
    assert seen.reason == Reason.PROBE_ERROR
    assert seen.detail == "environment variable STAGING_EXPORTER_NO_SUCH_VARIABLE is not set"


async def test_details_are_bounded_and_clean() -> None:
    seen = await Prober().attempt(TARGET, raising(ProbeFailed(Reason.CONTENT, "\x1b[31m\u202e" + "ä" * 1000)))
    assert len(seen.detail.encode()) <= MAX_DETAIL
    assert seen.detail.startswith("[31m")
    assert seen.detail.endswith("...")
    assert "\u202e" not in seen.detail


# Controls, marks that turn the direction of text around (UAX 9), and what ends a line (UAX 14).
UNFIT = [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]


@pytest.mark.parametrize("unfit", [*map(chr, UNFIT)], ids=[*map("U+{:04X}".format, UNFIT)])
async def test_no_control_character_leaves_a_run(unfit: str) -> None:
    async def script(context: ProbeContext) -> None:
        context.facts[f"a{unfit}b"] = {"said": [f"c{unfit}d"]}
        raise ProbeFailed(Reason.CONTENT, f"e{unfit}f")

    seen = await Prober().attempt(TARGET, Scripted(script=script))
    assert (seen.detail, seen.facts) == ("e f", {"a b": {"said": ["c d"]}})


async def test_half_a_surrogate_pair_is_replaced() -> None:
    async def script(context: ProbeContext) -> None:
        context.facts.update({"said \ud800": {"\udfff": ["\ud800"]}})
        context.log("heard \ud800")
        raise ProbeFailed(Reason.CONTENT, "$.status is \ud800, expected ok")

    seen = await Prober().attempt(TARGET, Scripted(script=script))
    assert seen.detail == "$.status is ?, expected ok"
    assert seen.facts == {"said ?": {"?": ["?"]}}


async def test_a_slow_failure_keeps_its_reason() -> None:
    async def script(_trace: ProbeContext) -> None:
        await asyncio.sleep(0.02)
        raise ProbeFailed(Reason.CONTENT, "seen 1, expected 2")

    seen = await Prober().attempt(PATIENT, Scripted(script=script, degraded=Degraded(slower_than="10ms")))
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.CONTENT)


async def test_a_cancelled_run_ends_before_its_caller() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def script(_trace: ProbeContext) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):  # as a program that is killed takes turns of the loop to end
                await asyncio.sleep(0)
            ended.set()

    attempt = asyncio.create_task(Prober().attempt(TARGET, Scripted(script=script)))
    await began.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert ended.is_set()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (9, Reason.TLS_EXPIRED),  # not valid yet
        (10, Reason.TLS_EXPIRED),
        (62, Reason.TLS_NAME),
        (64, Reason.TLS_NAME),  # the address, where there is no name
        (18, Reason.TLS_UNTRUSTED),
        (20, Reason.TLS_UNTRUSTED),
        (23, Reason.TLS),  # revoked
    ],
)
async def test_a_certificate_error_of_openssl_becomes_a_reason(code: int, reason: Reason) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "so it is"
    seen = await Prober().attempt(TARGET, raising(error))
    assert (seen.reason, seen.detail) == (reason, "certificate refused: so it is")


async def test_a_stall_counts_while_it_lasts() -> None:
    loop_lag = LoopLagMonitor()
    loop_lag.start()
    began = now()
    time.sleep(0.3)  # the very stall: the heart cannot beat before we are asked
    assert 0.2 < loop_lag.stalled_since(began) < 5.0
    loop_lag.stop()


async def test_the_first_requester_may_disconnect_without_ending_the_run_of_the_others() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def script(_trace: ProbeContext) -> None:
        entered.set()
        await go_on.wait()

    targets = {"target": (replace(TARGET, timeout=5.0), Scripted(script=script))}
    demand = OnDemand(targets, Prober(), RateLimiter(None, [], targets))
    first, second = (asyncio.create_task(demand.probe("target")) for _ in range(2))
    await entered.wait()
    first.cancel()
    await asyncio.wait({first})
    go_on.set()
    assert (first.cancelled(), (await second).seen.outcome) == (True, Outcome.PASS)


async def test_stopping_cancels_runs_on_demand() -> None:
    entered = asyncio.Event()

    async def script(_trace: ProbeContext) -> None:
        entered.set()
        await asyncio.Event().wait()

    targets = {"target": (replace(TARGET, timeout=60.0), Scripted(script=script))}
    demand = OnDemand(targets, Prober(), RateLimiter(None, [], targets))
    asked = asyncio.create_task(demand.probe("target"))
    await entered.wait()
    await demand.stop()
    with pytest.raises(asyncio.CancelledError):
        await asked


def test_the_log_of_a_run_is_bounded() -> None:
    context = ProbeContext(1.0, Resolver())
    for number in range(300):
        context.log(f"line {number}")
    assert (len(context.lines), context.lines[-1][1]) == (200, "line 199")


def revealing(*secrets: str) -> Scripted:
    async def script(context: ProbeContext) -> None:
        context.secrets.update(secrets)

    return Scripted(script=script)


async def _printed(prober: Prober, text: str) -> str:
    check = load("exec").model_validate({"kind": "exec", "command": ["echo", text], "exit_codes": {"up": [3]}})
    return str((await prober.attempt(replace(TARGET, name="program"), check)).detail)


async def test_programs_print_no_secret_of_the_last_runs_of_other_checks() -> None:
    prober = Prober()
    for number in range(600):
        await prober.attempt(TARGET, revealing("sesame-of-another", f"token-of-run-{number:06}"))
    shown = await _printed(prober, "a sesame-of-another, token-of-run-000599, token-of-run-000598")
    assert shown == "exit status 0, expected 3; output: a ***, ***, ***"


async def test_secrets_of_the_checks_that_ran_longest_ago_are_forgotten_first() -> None:
    prober = Prober()
    for number in (*range(300), 5):
        await prober.attempt(replace(TARGET, name=f"check-{number}"), revealing(3 * f"{number:03}"))
    shown = [await _printed(prober, 3 * f"{number:03}") for number in (5, 299, 150, 0)]
    assert [text.rpartition(" ")[2] for text in shown] == ["***", "***", "***", "000000000"]


async def test_a_program_costs_the_same_however_many_tokens_other_checks_have_had() -> None:
    """Tokens are new in every run of a flow: the output of programs is searched for the last ones alone."""
    prober, kept = Prober(), set()
    await _printed(prober, "anything")
    for number in range(300):
        await prober.attempt(TARGET, revealing(*(f"token-{at}-of-run-{number:06}" for at in range(5))))
        kept.add(len(prober._revealed.masker()))
    assert max(kept) == 10
