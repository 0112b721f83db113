"""Kind `gcp_run`: the fields of a service, and the crash line of its logs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from staging_exporter.core.model import Outcome, Reason, State
from staging_exporter.demo.googlecloud.logs import Writer
from staging_exporter.demo.googlecloud.reference import reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.engine.prober import Prober
from staging_exporter.evidence.google.check import Finding
from staging_exporter.evidence.google.crashes import Exits, find_cause, find_exits
from staging_exporter.evidence.google.logs import Crash
from staging_exporter.probes.gcp_run import (
    facts_of,
    judge,
    looked_at,
    startup_budget,
    traffic_of,
    with_conditions,
    with_crash,
)

from tests.support.googlecloud import BACKEND, of_world, run

LINE = "ModuleNotFoundError: No module named 'langchain_openai'"
OLD, NEW = "s/revisions/s-1", "s/revisions/s-2"
FAILED = {
    "type": "Ready",
    "state": "CONDITION_FAILED",
    "reason": "REVISION_FAILED",
    "message": "Revision 's-2' is not ready",
}
READY = {"type": "Ready", "state": "CONDITION_SUCCEEDED"}
BOTH = {"latestCreatedRevision": NEW, "latestReadyRevision": NEW}

TABLE: dict[str, tuple[dict[str, Any], State, str]] = {
    "deployed": ({**BOTH, "terminalCondition": READY}, State.UP, ""),
    "a revision failed, an older one serves": (
        {"latestCreatedRevision": NEW, "latestReadyRevision": OLD, "terminalCondition": FAILED},
        State.DEGRADED,
        "revision s-2 is not ready: REVISION_FAILED: Revision 's-2' is not ready; s-1 still serves",
    ),
    "the first revision failed": (
        {"latestCreatedRevision": NEW, "terminalCondition": FAILED},
        State.DOWN,
        "revision s-2 is not ready, and no other serves: REVISION_FAILED",
    ),
    "the newest revision is ready, the service is not": (
        {**BOTH, "terminalCondition": {"state": "CONDITION_FAILED", "message": "Route is not ready"}},
        State.DEGRADED,
        "revision s-2 is ready, the service is not: Route is not ready",
    ),
    "the first deployment is under way": (
        {"latestCreatedRevision": NEW, "reconciling": True, "terminalCondition": {"state": "CONDITION_RECONCILING"}},
        State.STARTING,
        "revision s-2 is being deployed: CONDITION_RECONCILING",
    ),
    "a later deployment is under way": (
        {
            "latestCreatedRevision": NEW,
            "latestReadyRevision": OLD,
            "reconciling": True,
            "terminalCondition": {"state": "CONDITION_PENDING"},
        },
        State.UP,
        "",
    ),
    "no ingress": ({**BOTH, "ingress": "INGRESS_TRAFFIC_NONE", "terminalCondition": READY}, State.DOWN, "no request"),
    "no condition": (BOTH, State.UNKNOWN, "terminalCondition.state is absent"),
    "a state of the future": (
        {**BOTH, "terminalCondition": {"state": "CONDITION_ASLEEP"}},
        State.UNKNOWN,
        "terminalCondition.state is CONDITION_ASLEEP",
    ),
    "traffic on an old revision, by intent": (
        {**BOTH, "terminalCondition": READY, "trafficStatuses": [{"revision": OLD, "percent": 100}]},
        State.UP,
        "",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_fields_decide(case: str) -> None:
    service, health, words = TABLE[case]
    finding = judge(service)
    assert finding.health == health
    assert words in finding.detail


def test_traffic_of_latest_is_that_of_the_latest_ready_revision() -> None:
    service = {
        "latestCreatedRevision": NEW,
        "latestReadyRevision": OLD,
        "trafficStatuses": [
            {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90},
            {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "s-0", "percent": 10},
            {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "s-3", "tag": "preview"},
        ],
    }
    assert traffic_of(service) == {"s-1": 90, "s-0": 10}
    assert looked_at(service) == "s-2"  # which failed
    assert looked_at({**service, "latestReadyRevision": NEW}) == "s-2"
    assert facts_of(
        {**service, "latestCreatedRevision": OLD, "trafficStatuses": [{"revision": "s-0", "percent": 100}]}
    )["old_traffic"]


@pytest.mark.parametrize(
    ("containers", "seconds"),
    [
        ([{"startupProbe": {"periodSeconds": 30, "failureThreshold": 20}}], 600.0),
        ([{"startupProbe": {"initialDelaySeconds": 10, "periodSeconds": 10, "failureThreshold": 24}}], 250.0),
        ([{"startupProbe": {}}], 30.0),
        ([{}], 240.0),
        ([{"name": "sidecar", "startupProbe": {"periodSeconds": 1}}, {"ports": [{}]}], 240.0),
    ],
)
def test_the_startup_budget_is_that_of_the_startup_probe(containers: list[Any], seconds: float) -> None:
    assert startup_budget({"template": {"containers": containers}}) == seconds


@pytest.mark.parametrize(
    ("condition", "health", "words"),
    [
        ({"state": "CONDITION_FAILED", "reason": "SECRETS_ACCESS_CHECK_FAILED"}, State.DOWN, "at fault: a secret"),
        ({"state": "CONDITION_FAILED", "reason": "VPC_NETWORK_NOT_FOUND"}, State.DOWN, "at fault: the VPC"),
        ({"state": "CONDITION_FAILED", "reason": "CONTAINER_MISSING"}, State.DOWN, "at fault: the image"),
        (
            {"state": "CONDITION_FAILED", "revisionReason": "HEALTH_CHECK_CONTAINER_ERROR"},
            State.DOWN,
            "the application",
        ),
        ({"state": "CONDITION_FAILED", "reason": "UNKNOWN", "message": "odd"}, State.DOWN, "UNKNOWN: odd"),
        ({"state": "CONDITION_PENDING", "revisionReason": "MIN_INSTANCES_WARMING"}, State.STARTING, "MIN_INSTANCES"),
    ],
)
def test_the_newest_revision_says_whose_fault_it_is(condition: dict[str, str], health: State, words: str) -> None:
    finding = judge({"latestCreatedRevision": NEW, "terminalCondition": FAILED})
    told = with_conditions(finding, {"conditions": [{"type": "Ready", **condition}]})
    assert told.health == health
    assert words in told.detail


def crashed(since: float = 100.0) -> Any:
    """A world whose backend crash-loops since so many seconds, though it was deployed."""
    return lambda world: world.loops.update({BACKEND: world.now() - since})


async def test_a_service_that_is_ready_and_crash_loops_is_down_with_its_crash_line() -> None:
    seen = await of_world("gcp_run", crashed(), investigating=True)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.FAILED)
    assert seen.detail.startswith(f"{LINE} (exit(3) 14 times in 91 s, every 7.0 s)")
    assert seen.facts["exits"] == 14
    assert seen.facts["error_group"] == "CPmZ0s3Q9eW8aw"


async def test_logs_are_read_only_while_something_fails() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        crashed()(fake.world)
        assert (await run("gcp_run", fake)).outcome == Outcome.PASS
        assert not fake.asked["logging.entries.list"]


async def test_logs_of_a_crash_loop_are_read_on_without_being_asked_and_once_a_minute() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        crashed()(fake.world)
        prober = Prober()
        await run("gcp_run", fake, prober, investigating=True)
        for _ in range(20):
            seen = await run("gcp_run", fake, prober, investigating=True)
            assert seen.outcome == Outcome.FAIL
        assert (await run("gcp_run", fake, prober)).outcome == Outcome.FAIL
        assert fake.asked["logging.entries.list"] == 2


async def test_logs_are_read_on_after_they_were_asked_for_since_an_exit_may_come_later() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        prober = Prober()
        assert (await run("gcp_run", fake, prober, investigating=True, cache="1ms")).outcome == Outcome.PASS
        crashed()(fake.world)
        await asyncio.sleep(0.002)
        assert (await run("gcp_run", fake, prober, cache="1ms")).outcome == Outcome.FAIL


async def test_a_single_exit_is_a_fact_and_no_crash_loop() -> None:
    seen = await of_world("gcp_run", crashed(8.0), investigating=True)
    assert (seen.outcome, seen.facts["exits"]) == (Outcome.PASS, 1)


async def test_a_crash_loop_that_ended_is_over() -> None:
    def ended(world: World) -> None:
        writer = Writer(world.project, world.region, BACKEND, f"{BACKEND}-00042-kem")
        entries = writer.loop(world.now() - 170.0, world.now() - 70.0)
        world.log_entries = lambda: entries  # type: ignore[method-assign]

    seen = await of_world("gcp_run", ended, investigating=True)
    assert (seen.outcome, seen.facts["exits"]) == (Outcome.PASS, 14)


def failed_deploy(world: World, *, older: bool) -> None:
    """The newest revision does not start; with `older` another one serves."""
    service = world.service(BACKEND)
    name = f"{world.at}/services/{BACKEND}/revisions/{BACKEND}-00043-bad"
    failed = {"type": "Ready", "state": "CONDITION_FAILED", "revisionReason": "HEALTH_CHECK_CONTAINER_ERROR"}
    world.revisions.append({"name": name, "service": BACKEND, "conditions": [failed]})
    service |= {"latestCreatedRevision": name, "terminalCondition": {**FAILED, "message": "Revision is not ready"}}
    if not older:
        del service["latestReadyRevision"]
    world.loops[BACKEND] = world.now() - 60.0


@pytest.mark.parametrize(("older", "outcome"), [(True, Outcome.DEGRADED), (False, Outcome.FAIL)])
async def test_a_failed_revision_quotes_its_crash_line_without_being_asked(older: bool, outcome: Outcome) -> None:
    seen = await of_world("gcp_run", lambda world: failed_deploy(world, older=older))
    assert seen.outcome == outcome
    assert seen.detail.startswith(f"{LINE} (exit(3) ")
    assert "at fault: the application" in seen.detail


async def test_without_logs_the_state_is_that_of_the_api() -> None:
    seen = await of_world("gcp_run", lambda world: failed_deploy(world, older=False), logs=False)
    assert seen.outcome == Outcome.FAIL
    assert LINE not in seen.detail


@pytest.mark.parametrize("trouble", ["forbidden", "throttled", "broken", "html", "half", "silent"])
async def test_logs_that_cannot_be_read_change_no_state(trouble: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["logging.googleapis.com"] = trouble
        seen = await run("gcp_run", fake, investigating=True, timeout=1.0)
        assert seen.outcome == Outcome.PASS
        assert "logging.googleapis.com" in seen.facts["logs"]
        failed_deploy(fake.world, older=False)
        seen = await run("gcp_run", fake, timeout=1.0)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.FAILED)
    assert "logs: logging.googleapis.com" in seen.detail


@pytest.mark.parametrize("trouble", ["forbidden", "throttled", "broken", "silent"])
async def test_logs_that_fail_in_mid_flight_end_no_crash_loop(trouble: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        crashed()(fake.world)
        prober = Prober()
        await run("gcp_run", fake, prober, investigating=True, cache="1ms")
        fake.troubles["logging.googleapis.com"] = trouble
        await asyncio.sleep(0.002)
        seen = await run("gcp_run", fake, prober, cache="1ms", timeout=1.0)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.FAILED)
    assert seen.detail.startswith(LINE)


def test_a_crash_loop_that_cannot_be_seen_any_more_is_unknown() -> None:
    finding = with_crash(Finding(State.UP), Crash(unread="logging.googleapis.com: 403", lost=True))
    assert finding.health == State.UNKNOWN
    assert finding.detail == "it crash-looped when its logs could be read; logs: logging.googleapis.com: 403"


def entry(at: float, text: str = "", **more: Any) -> dict[str, Any]:
    stamp = f"2026-11-25T10:00:{at:09.6f}Z"
    return {"timestamp": stamp, "textPayload": text, "labels": {"instanceId": "i"}, "insertId": f"at-{at}", **more}


def moment(at: float) -> float:
    exits = find_exits([entry(at, "Container called exit(1).")])
    assert exits is not None
    return exits.at


TRACE = "Traceback (most recent call last):\n  File x\n"
CAUSES: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "the earliest traceback, not the newest": (
        [entry(9.5, f"{TRACE}RuntimeError: outer"), entry(9.4, f"{TRACE}KeyError: 'DATABASE_URL'")],
        "KeyError: 'DATABASE_URL'",
    ),
    "the first exception of a chain": (
        [
            entry(
                9.4,
                f"{TRACE}ModuleNotFoundError: No module named 'x'\n\nThe above exception was the direct cause of the "
                f"following exception:\n\n{TRACE}RuntimeError: outer",
            )
        ],
        "ModuleNotFoundError: No module named 'x'",
    ),
    "a traceback during the handling of another": (
        [
            entry(
                9.4,
                f"{TRACE}OSError: first\n\nDuring handling of the above exception, another\n\n{TRACE}B: 2",
            )
        ],
        "OSError: first",
    ),
    "a traceback of an earlier life": ([entry(4.0, f"{TRACE}KeyError: 'old'")], None),
    "lines without a traceback": (
        [entry(9.0 + n / 10, text) for n, text in enumerate(("one", "two", "three", "four"))],
        "two | three | four",
    ),
    "structured logs": (
        [entry(9.0, jsonPayload={"message": "boom", "error": {"type": "ValueError", "value": "bad port"}})],
        "ValueError: bad port",
    ),
    "structured logs with a stack trace": ([entry(9.0, jsonPayload={"message": f"{TRACE}KeyError: 1"})], "KeyError: 1"),
    "nothing at all": ([], None),
    "a password in a URL": (
        [entry(9.4, f"{TRACE}OperationalError: postgresql://app:hunter2@10.0.0.3/netra")],
        "OperationalError: postgresql://***@10.0.0.3/netra",
    ),
    "a setting that is a secret": ([entry(9.4, f"{TRACE}ValueError: api_key=abc123")], "ValueError: api_key=***"),
}


@pytest.mark.parametrize("case", CAUSES)
def test_the_cause_of_an_exit(case: str) -> None:
    entries, line = CAUSES[case]
    cause = find_cause(entries, moment(10.0))
    assert (cause.line if cause else None) == line


def test_a_cause_is_cut() -> None:
    cause = find_cause([entry(9.4, f"{TRACE}ValueError: {'x' * 500}")], moment(10.0))
    assert cause is not None
    assert (len(cause.line), cause.line[-3:]) == (200, "...")


EXITS: dict[str, tuple[list[str], str | None, Reason]] = {
    "exits": (["Container called exit(3).", "Container called exit(3)."], "exit(3)", Reason.FAILED),
    "an exit without an error": (["Container called exit(0)."], "exit(0)", Reason.FAILED),
    "a signal": (["Uncaught signal: 6, pid=12, tid=12"], "signal 6", Reason.FAILED),
    "another text for a signal": (["Container terminated on signal 9."], "signal 9", Reason.FAILED),
    "memory": (
        ["Memory limit of 512 MiB exceeded with 530 MiB used. Consider increasing the memory limit"],
        "Memory limit of 512 MiB exceeded with 530 MiB used",
        Reason.SATURATED,
    ),
    "a start": (["Starting new instance. Reason: AUTOSCALING"], None, Reason.FAILED),
}


@pytest.mark.parametrize("case", EXITS)
def test_the_exits_of_a_revision(case: str) -> None:
    texts, what, reason = EXITS[case]
    exits = find_exits([entry(float(n), text) for n, text in enumerate(texts)])
    assert (exits.what if exits else None) == what
    assert exits is None or (exits.count, exits.reason) == (len(texts), reason)


@pytest.mark.parametrize(
    ("texts", "loop"),
    [
        (["Container called exit(3)."] * 3, True),
        (["Container called exit(3)."] * 2, False),
        (["Container called exit(0)."] * 9, False),
        (["Uncaught signal: 15, pid=1"] * 9, False),
        (["Container called exit(0)."] * 9 + ["Container called exit(1)."] * 2, False),
        (["Container called exit(0)."] * 9 + ["Container called exit(1)."] * 3, True),
    ],
)
def test_a_scale_in_is_no_crash_loop(texts: list[str], loop: bool) -> None:
    exits = find_exits([entry(float(n), text) for n, text in enumerate(texts)])
    assert exits is not None
    assert exits.is_loop(exits.at + 1.0) is loop
    assert not exits.is_loop(exits.at + 61.0)


def test_how_often_it_exits() -> None:
    assert Exits(15, "exit(3)", "i", 198.0, 100.0).often == "exit(3) 15 times in 98 s, every 7.0 s"
    assert Exits(1, "exit(3)", "i", 100.0, 100.0).often == "exit(3)"
