"""Status document -> annotations and a step summary (Markdown) for GitHub Actions.

Workflow commands: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from staging_exporter.core.snapshot import JourneyState
from staging_exporter.views.document_types import RootCauseDocument, StatusDocument
from staging_exporter.views.gate import FAILED, PASSED, Gate
from staging_exporter.views.queries import conflicts

_MOST = 50  # rows and annotations: GitHub shows fewer annotations, and accepts a summary of 1 MiB
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_IN_LINKS = {ord(character): f"%{ord(character):02X}" for character in "<>|"}
_ICONS = {PASSED: "✅", FAILED: "❌"}
_OF_JOURNEY: dict[str, str] = {JourneyState.UP: "✅", JourneyState.BLOCKED: "❌"}


def workflow_commands(document: StatusDocument, gate: Gate) -> str:
    """One error per root cause that counts; one warning per conflict and per undetermined component."""
    lines = [*_errors(document, gate), *_warnings(document, gate)][:_MOST]
    return "".join(f"{line}\n" for line in lines)


def _errors(document: StatusDocument, gate: Gate) -> Iterator[str]:
    for root in gate.root_causes(document):
        title = f"{root['component']} is the root cause ({root['priority']}, {root['reason']})"
        yield workflow_command("error", title, _evidence(document, root))


def _warnings(document: StatusDocument, gate: Gate) -> Iterator[str]:
    for sentence in conflicts(document):
        yield workflow_command("warning", "Conflicting evidence", sentence)
    for name, why in gate.undetermined(document).items():
        yield workflow_command("warning", why, document["components"][name]["detail"] or why)


def _evidence(document: StatusDocument, root: RootCauseDocument) -> str:
    lines = [root["detail"] or root["reason"]]
    lines += [f"affected: {', '.join(root['affected'])}"] if root["affected"] else []
    lines += [f"blocks: {', '.join(root['journeys'])}"] if root["journeys"] else []
    lines += [f"{about}: {phrase}" for about, phrase in root["remarks"].items()]
    links = document["components"][root["component"]]["links"]
    return "\n".join([*lines, *(f"{name}: {link}" for name, link in links.items())])


def workflow_command(level: str, title: str, message: str) -> str:
    """One annotation; `level` is `error`, `warning` or `notice`, and `message` may have several lines."""
    title = _plain(title).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    lines = [_plain(line).replace("%", "%25") for line in message.splitlines()]
    return f"::{level} title={title}::{'%0A'.join(lines)}"


def summary(document: StatusDocument, gate: Gate) -> str:
    """Markdown: the verdict, conflicts, root causes, journeys, undetermined components."""
    icon = _ICONS.get(gate.exit_code(document), "⚠️")
    parts = [
        [f"## {icon} {escaped(document['verdict'])}"],
        [f"check {escaped(gate.sentence(document))}"],
        [f"- ⚠️ {escaped(sentence)}" for sentence in conflicts(document)],
        table(("Root cause", "Priority", "Layer", "Reason", "Evidence", "Affected", "Remarks"), _root_rows(document)),
        table(("Journey", "State", "Blocked at", "Because of"), _journey_rows(document)),
        [f"- {escaped(why)}: {escaped(document['components'][name]['detail'])}"
         for name, why in gate.undetermined(document).items()],
    ]  # fmt: skip
    return "\n\n".join("\n".join(part[: _MOST + 2]) for part in parts if part) + "\n"


def _root_rows(document: StatusDocument) -> Iterator[tuple[str, ...]]:
    for root in document["root_causes"]:
        runbook = document["components"][root["component"]]["links"].get("runbook")
        name = escaped(root["component"])
        yield (
            f"**[{name}](<{runbook.translate(_IN_LINKS)}>)**" if runbook else f"**{name}**",
            root["priority"],
            root["layer"],
            escaped(root["reason"]),
            escaped(root["detail"]),
            escaped(", ".join(root["affected"])),
            escaped("; ".join(f"{about}: {phrase}" for about, phrase in root["remarks"].items())),
        )


def _journey_rows(document: StatusDocument) -> Iterator[tuple[str, ...]]:
    for name, journey in document["journeys"].items():
        icon = _OF_JOURNEY.get(journey["state"], "⚠️")
        because = ", ".join(journey["root_causes"])
        yield escaped(name), f"{icon} {journey['state']}", escaped(journey["blocked_at"] or ""), escaped(because)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table in Markdown, none without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines] if lines else []


def escaped(text: str) -> str:
    """The text on one line, escaped for Markdown and HTML."""
    plain = _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
