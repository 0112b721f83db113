"""A run that is inconclusive because our event loop stalled is retried, and rounds wait for it."""

from __future__ import annotations

from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason, State

from tests.support.stage import COMPONENTS, SURE, Stage


def stalled_run(stage: Stage, name: str) -> None:
    stage.board.record(
        Observation(name, stage.now, 0.01, Outcome.UNKNOWN, Reason.PROBE_ERROR, "stood still", stalled=True)
    )


def test_a_stalled_run_is_retried_at_once_three_times() -> None:
    stage = Stage()
    stage.play(2)
    again = []
    for _ in range(5):
        stage.now += 1
        stalled_run(stage, "cache")
        again.append(stage.board.confirming("cache"))
    assert again == [True, True, True, False, False]
    stage.play(1)
    stage.now += 1
    stalled_run(stage, "cache")
    assert stage.board.confirming("cache")


def test_a_stall_while_a_cause_is_confirmed_names_no_other_root() -> None:
    other = Component("other", Layer.SERVICE, Priority.P1, "http", (("database",), ("secrets",)))
    secrets = Component("secrets", Layer.PLATFORM, Priority.P0)
    backend = Component("backend", Layer.APPLICATION, Priority.P0, "http", (("database",), ("secrets",)))
    database = Component("database", Layer.INFRASTRUCTURE, Priority.P0, "postgres")
    stage = Stage(database, secrets, backend, other)
    stage.play(2)
    seen = set()
    for turn in range(8):
        stage.now += 1
        for name in ("backend", "other"):
            stage.run(name, Reason.SERVER_ERROR)
        stalled_run(stage, "database") if turn in (0, 1) else stage.run("database", Reason.TIMEOUT)
        seen |= {root.component for root in stage.snapshot.root_causes}
    assert seen == {"database"}


def test_an_unknown_check_with_the_evidence_of_a_latent_is_inferred_or_its_suspect() -> None:
    other = Component("other", Layer.SERVICE, Priority.P1, "http", (("database",), ("secrets",)))
    secrets = Component("secrets", Layer.PLATFORM, Priority.P0)
    backend = Component("backend", Layer.APPLICATION, Priority.P0, "http", (("database",), ("secrets",)))
    database = Component("database", Layer.INFRASTRUCTURE, Priority.P1, "postgres")
    stage = Stage(database, secrets, backend, other)
    stage.play(2)
    run_without_database(stage, backend=Reason.SERVER_ERROR, other=Reason.SERVER_ERROR)
    (root,) = stage.snapshot.root_causes
    assert (root.component, root.suspects) == ("secrets", ("database",))
    assert stage["database"].state == State.UNKNOWN


def run_without_database(stage: Stage, **failing: Reason) -> None:
    for _ in range(SURE):
        stage.now += 1
        for name, reason in failing.items():
            stage.run(name, reason)
        stage.run("database", Reason.PROBE_ERROR, Outcome.UNKNOWN)


def behind_an_unknown_check() -> Stage:
    """The network fails, and with it the database, the cache, and the two that need the database and the secrets."""
    network, database, cache = COMPONENTS[:3]
    secrets = Component("secrets", Layer.PLATFORM, Priority.P0)
    backend = Component("backend", Layer.APPLICATION, Priority.P0, "http", (("database",), ("secrets",)))
    other = Component("other", Layer.SERVICE, Priority.P1, "http", (("database",), ("secrets",)))
    stage = Stage(network, database, cache, secrets, backend, other)
    stage.play(2)
    stage.play(SURE, database=Reason.TIMEOUT, cache=Reason.TIMEOUT, **BEHIND)
    assert stage.board.roots == ("network",)
    return stage


BEHIND = {"backend": Reason.SERVER_ERROR, "other": Reason.SERVER_ERROR}


def test_an_unknown_check_whose_dependents_fail_on_is_still_evidence_for_a_latent() -> None:
    stage = behind_an_unknown_check()
    run_without_database(stage, cache=Reason.TIMEOUT, **BEHIND)
    (root,) = stage.snapshot.root_causes
    assert (root.component, root.stale) == ("network", False)
    assert "inferred from the failures of cache and database" in root.detail


def test_a_stale_latent_still_explains_what_is_behind_an_unknown_check() -> None:
    stage = behind_an_unknown_check()
    stage.run("cache", Reason.PROBE_ERROR, Outcome.UNKNOWN)
    run_without_database(stage, **BEHIND)
    (root,) = stage.snapshot.root_causes
    assert (root.component, root.stale) == ("network", True)


def _slow(stage: Stage, names: str, seconds: int = 8) -> None:
    """What has these names takes two seconds in place of one hundredth; the API fails by a timeout."""
    for _ in range(seconds):
        stage.now += 1
        stage.run("api", Reason.TIMEOUT)
        for name in stage.checked:
            if name != "api":
                took = 2.0 if name in names.split() else 0.01
                stage.board.record(Observation(name, stage.now, took, Outcome.PASS, Reason.OK))
        stage.board.tick(stage.now + 0.5)


def test_where_most_components_are_slow_it_is_the_exporter_and_none_of_them_is_at_fault() -> None:
    api = Component("api", Layer.SERVICE, Priority.P1, "http", (("database",),))
    others = [Component(name, Layer.PLATFORM, Priority.P1, "tcp") for name in ("database", "queue", "mail")]
    found = {}
    for names in ("database", "database queue mail"):
        stage = Stage(api, *others)
        stage.play(20)
        _slow(stage, names, 20)
        found[names] = [root.component for root in stage.snapshot.root_causes]
    assert found == {"database": ["database"], "database queue mail": ["api"]}
