"""`incidents`: what happened, by a running exporter; notes and acknowledgement."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.commands.common import Command, call_exporter, columns, give_up
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.core.words import joined, span
from staging_exporter.views.document_types import IncidentDetailDocument, IncidentDocument


@click.command(cls=Command)
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--from", "url", required=True, metavar="URL", help="Address of the exporter, or unix:/PATH.")
@with_credentials
@click.option("--component", metavar="NAME", help="Only those of which this was a root cause.")
@click.option("--priority", type=click.Choice(["P0", "P1", "P2"]), help="Only those with a root cause of it.")
@click.option("--state", type=click.Choice(["open", "over"]), help="Only those that last, or are over.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="At most so many.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True,
    help="Format of the output; markdown is a draft of a post-mortem.",
)  # fmt: skip
@click.option("--note", default="", metavar="TEXT", help="Add this note to the incident; requires a token.")
@click.option("--acknowledge", is_flag=True, help="Say that you take care of the incident; requires a token.")
def incidents(
    id_: str | None, url: str, credentials: Credentials, form: str, note: str, acknowledge: bool, **wanted: Any
) -> None:
    """List incidents, or tell the story of one.

    The newest comes first. An ID is the time at which the incident began, as in the list; `last` is the newest.
    """
    client = call_exporter(lambda: Client(url, credentials))
    if id_ is None:
        if note or acknowledge or form == "markdown":
            give_up("give the ID of an incident, or `last`")
        found = call_exporter(lambda: client.incidents(**wanted))
        click.echo(json.dumps(found, indent=2) if form == "json" else _table(found))
        return
    name = _named(client, id_)
    if note or acknowledge:
        call_exporter(lambda: client.annotate(name, note, acknowledge=acknowledge))
    if form == "markdown":
        click.echo(call_exporter(lambda: client.postmortem(name)), nl=False)
        return
    incident = call_exporter(lambda: client.incident(name))
    click.echo(json.dumps(incident, indent=2) if form == "json" else _story(incident))


def _named(client: Client, id_: str) -> str:
    if id_ != "last":
        return id_
    newest = call_exporter(lambda: client.incidents(limit=1))
    if not newest:
        give_up("there are no incidents")
    return newest[0]["id"]


def _table(found: list[IncidentDocument]) -> str:
    if not found:
        return "no incidents"
    width = columns(sys.stdout) or 200
    return "\n".join(_row(incident)[:width] for incident in found)


def _row(incident: IncidentDocument) -> str:
    names = joined(dict.fromkeys(root["component"] for root in incident["roots"]))
    seen = f"{incident['roots'][0]['reason']}: {incident['roots'][0]['detail']}" if incident["roots"] else ""
    return f"{incident['id']}  {incident['priority']}  {_took(incident):>9}  {names}  {seen}"


def _took(incident: IncidentDocument) -> str:
    return "lasts" if incident["duration"] is None else span(incident["duration"])


def _story(incident: IncidentDetailDocument) -> str:
    lines = [f"incident {incident['id']}, {incident['priority']}, {_took(incident)}"]
    lines += [f"affected: {', '.join(incident['affected']) or 'none'}"]
    lines += [f"blocked journeys: {', '.join(incident['journeys']) or 'none'}", ""]
    for event in incident["timeline"]:
        lines.append(f"{event['at']}  {event['event']:<13}  {event['text']}")
        lines += [f"{'':41}{event['detail']}"] if event["detail"] else []
    return "\n".join(lines)
