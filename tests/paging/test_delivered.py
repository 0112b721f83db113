"""What Alertmanager delivers: of an outage in Google Cloud the crash line or field, of a flow the step that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.paging.rig import Rig, rig
from tests.paging.stories import names_the_step
from tests.support.user_faults import SEEN

PAGES = {
    "a crash loop": (
        "G03",
        "P0 StagingRootCauseP0 cloud-run-backend",
        "failed, ModuleNotFoundError: No module named 'langchain_openai' (exit(3) ",
    ),
    "an instance that its owner stopped": (
        "G02",
        "P0 StagingRootCauseP0 cloud-sql",
        "failed, it was stopped by its owner: state is RUNNABLE, activationPolicy is NEVER",
    ),
    "a connector at its maximum": (
        "G01",
        "P1 StagingRootCauseP1 cloud-connector",
        "saturated, 10 of 10 instances, utilization 93%",
    ),
    "a revision that does not start": (
        "G04",
        "P1 StagingRootCauseP1 cloud-run-backend",
        "content, ModuleNotFoundError: No module named 'langchain_openai' (exit(3) ",
    ),
    "a managed certificate that expired": (
        "G05",
        "P0 StagingRootCauseP0 cloud-certificate",
        "tls_expired, it expired on",
    ),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("paging"), "--google-cloud") as made:
        yield made


@pytest.mark.parametrize("case", PAGES)
def test_the_notification_says_why(running: Rig, case: str) -> None:
    fault, page, evidence = PAGES[case]
    running.wait(running.healthy, "everything is up")
    running.fault(fault)
    try:
        running.wait(lambda: page in running.inbox.pages(), f"{page} is delivered")
        sent = next(n for n in running.inbox.all if str(n) == page)
        described = [
            alert["annotations"]["evidence"]
            for alert in sent.body["alerts"]
            if alert["labels"].get("component") == page.rpartition(" ")[2]
        ]
        assert described, json.dumps(sent.body)[:500]
        assert described[0].startswith(evidence)
    finally:
        running.reset()


def test_the_notification_names_the_step_that_failed_and_where_the_golden_path_is_blocked(running: Rig) -> None:
    fault = "F53"
    running.wait(running.healthy, "everything is up")
    running.fault(fault)
    try:
        running.wait(lambda: SEEN[fault].page in running.inbox.pages(), f"{SEEN[fault].page} is delivered")
        names_the_step(running, fault)
    finally:
        running.reset()
