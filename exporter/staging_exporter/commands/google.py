"""What the commands that read Google Cloud share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import click

from staging_exporter.commands.common import give_up
from staging_exporter.core.model import ProbeFailed
from staging_exporter.core.redaction import Masker, clean
from staging_exporter.drafts.gcp.inventory import Inventory, take_inventory
from staging_exporter.drafts.gcp.role import grant_command
from staging_exporter.evidence.google.reader import reader_of
from staging_exporter.net.address import HostPort
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.google import GoogleTokens
from staging_exporter.net.google_credentials import require_google_auth
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import Url

_PATIENCE = 60.0  # seconds for all reads together


def inventory_of(
    project: str, regions: Iterable[str], endpoint: Url | None, servers: tuple[HostPort, ...] = ()
) -> Inventory:
    """Read a project, and say on stderr what could not be seen. Ends the command when nothing can be read."""
    if endpoint is None or endpoint.secure:
        try:
            require_google_auth()
        except ValueError as error:
            give_up(str(error))
    resolver = Resolver(servers)
    context = ProbeContext(_PATIENCE, resolver)
    context.google = GoogleTokens(resolver, endpoint)

    async def take() -> Inventory:
        return await take_inventory(reader_of(context, endpoint), context, project, regions)

    try:
        found = asyncio.run(take())
    except ProbeFailed as error:
        click.echo(f"to grant what is needed: {grant_command(project)}", err=True)
        give_up(f"cannot read project {project}: {clean(error.detail, Masker(context.secrets))}")
    for text in found.unseen:
        click.echo(f"could not see {clean(text, Masker(context.secrets))}", err=True)
    if found.denied:
        click.echo(f"to grant what is needed: {grant_command(project)}", err=True)
    return found
