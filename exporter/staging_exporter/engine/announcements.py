"""Snapshots to those who follow them: each change, and each of the verdict or of being online. Imported by `app`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from staging_exporter.clock import now
from staging_exporter.core.board import Board
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import Snapshot

Follower = Callable[[Snapshot], None]


class Announcements:
    """Looks at a board several times a second, once every check has run."""

    def __init__(self, on_change: Sequence[Follower], on_verdict: Follower) -> None:
        """`on_verdict` is called when no open round affects the verdict."""
        self._on_change, self._on_verdict = on_change, on_verdict
        self._verdict: tuple[State, tuple[str, ...], bool] | None = None
        self._seen_changes = -1

    def restart(self) -> None:
        """Another board is looked at from now on."""
        self._seen_changes = -1

    def look(self, board: Board) -> None:
        """Call the followers for what changed since the last look."""
        if board.changes == self._seen_changes or board.unheard:
            return
        self._seen_changes = board.changes
        snapshot = board.snapshot(now())
        for follower in self._on_change:
            follower(snapshot)
        verdict = (snapshot.state, board.roots, snapshot.online)
        undecided = snapshot.pending and (self._verdict is None or board.roots == self._verdict[1])
        if verdict != self._verdict and not undecided:
            self._verdict = verdict
            self._on_verdict(snapshot)
