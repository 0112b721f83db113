"""Who is called for which change of a board."""

from __future__ import annotations

from staging_exporter.core.model import Reason
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.engine.announcements import Announcements

from tests.support.stage import SURE, Stage


def test_a_verdict_and_the_loss_of_the_own_connection_are_announced_once() -> None:
    stage, seen = Stage(vantage=True), list[Snapshot]()
    announcements = Announcements((), seen.append)

    def said() -> list[tuple[str, bool, int]]:
        announcements.look(stage.board)
        announcements.look(stage.board)
        return [(str(each.state), each.online, len(each.root_causes)) for each in seen]

    stage.play(5)
    assert said() == [("up", True, 0)]
    stage.play(4, vantage=False)
    assert said()[1:] == [("up", False, 0)], "everything passes, and we are offline"
    stage.play(4)
    assert said()[2:] == [("up", True, 0)]
    stage.play(SURE, database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    assert said()[3:] == [("down", True, 1)]
