"""The volume of the log: a root cause is logged when it begins, changes or ends, and not with each other change."""

from __future__ import annotations

from collections import Counter

import pytest
from staging_exporter.core.model import Reason
from staging_exporter.views.verdict_log import VerdictLog

from tests.support.stage import SURE, Stage


def test_a_known_root_cause_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "exporter")
    stage, log = Stage(), VerdictLog()
    stage.play(2)
    stage.play(SURE, database=Reason.REFUSED)
    for _ in range(20):
        stage.play(1, database=Reason.REFUSED)
        log(stage.snapshot)
    stage.play(SURE, cache=Reason.DENIED, database=Reason.REFUSED)
    for _ in range(20):
        log(stage.snapshot)
    stage.play(SURE + 120)
    log(stage.snapshot)
    lines = [(record.message, vars(record)["fields"].get("component")) for record in caplog.records]
    seen = Counter(line for line in lines if line[0] != "verdict")
    assert seen == {(f"root cause{end}", name): 1 for name in ("database", "cache") for end in ("", " ended")}
