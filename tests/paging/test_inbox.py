"""How the inbox counts joint notifications, on those that a real Alertmanager sent for F01, F03, F11, F14 and F44.

They were recorded with durations times 0.1: once with a group interval of 30 s, which is shorter than the 65 s after
which Prometheus sends resolved alerts again, and once with that of the generated routes.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.paging.inbox import Inbox

RECORDED = Path(__file__).parent.parent / "recorded"
PAGED = ("postgres", "backend", "edge-app", "websocket", "backend-revision", "postgres")


def played(group_interval: str) -> tuple[Inbox, int]:
    """An inbox that got the recorded notifications, and how many they were."""
    box = Inbox()
    lines = (RECORDED / f"joint-notifications-{group_interval}.jsonl").read_text().splitlines()
    for line in lines:
        box.accept("P0", json.loads(line))
    return box, len(lines)


def pages(*components: str) -> list[str]:
    return [f"P0 StagingRootCauseP0 {component}" for component in components]


def test_each_root_cause_is_one_page_although_joint_notifications_list_it_several_times() -> None:
    box, notifications = played("75s")
    assert (box.pages(), notifications) == (pages(*PAGED), 9)


def test_each_root_cause_is_resolved_once() -> None:
    box, _ = played("75s")
    assert Counter(box.resolved()) == Counter(pages(*PAGED))
    assert box.unresolved() == set()


def test_a_notification_without_news_is_counted_as_another_page() -> None:
    box, notifications = played("30s")
    extra = Counter(box.pages()) - Counter(pages(*PAGED))
    assert notifications == 16
    assert [extra[page] for page in pages("edge-app", "websocket", "postgres", "backend-revision")] == [4, 2, 3, 3]
    assert extra.total() == 12
