"""The faults of the demo that only a user sees, and what must be said about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from staging_exporter.demo.accounts import COOKIE, SESSION
from staging_exporter.demo.chat import CHAT


@dataclass(frozen=True)
class Seen:
    """The root cause, the step that its detail names, and where the golden path is blocked."""

    component: str
    state: str
    reason: str
    step: str
    blocked_at: str | None
    detail: str

    @property
    def page(self) -> str:
        """Its page: a root cause that is degraded and blocks nothing is P1."""
        priority = "P0" if self.blocked_at else "P1"
        return f"{priority} StagingRootCause{priority} {self.component}"

    @property
    def journeys(self) -> str:
        """What its notification says about the journeys."""
        return f"golden-path at {self.blocked_at}" if self.blocked_at else "none"


SEEN: Mapping[str, Seen] = {
    "F51": Seen("user-login", "down", "content", "login", "login", "there is no cookie netra_session"),
    "F52": Seen("user-login", "down", "content", "login", "login", "token has the wrong claims: claim aud is"),
    "F53": Seen("chat-history", "down", "status", "history", "history", "status 404, expected 2xx"),
    "F54": Seen(
        "chat",
        "down",
        "content",
        "chat",
        "chat",
        "connection 2 received agent_completed, expected only connection 1 to receive it",
    ),
    "F55": Seen("chat", "down", "content", "chat", "chat", "tool_completed came out of order, expected tool_executing"),
    "F56": Seen("chat", "down", "content", "chat", "chat", "tool_executing came twice, with the same id"),
    "F57": Seen("chat", "degraded", "content", "chat", None, "json fallback is true, degraded when true"),
    "F58": Seen("chat", "down", "content", "chat", "chat", "expected tool_executing within"),
}
OUR_PASSWORD = "F50"  # is wrong: the exporter's own trouble, no root cause


def leaked(text: str, password: str) -> set[str]:
    """What is in the text of the values that a run captures: password, token, cookie, session, id of the chat."""
    return {secret for secret in (password, "eyJ", f"{COOKIE}=", SESSION, CHAT) if secret in text}
