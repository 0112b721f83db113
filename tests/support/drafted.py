"""The reference environment in the fake Google Cloud, and what is drafted from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from staging_exporter.demo.googlecloud.reference import reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.drafts.gcp.graph import draft
from staging_exporter.drafts.gcp.inventory import Inventory, take_inventory
from staging_exporter.drafts.gcp.text import render
from staging_exporter.evidence.google.reader import GoogleReader
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import parse_url

REPOSITORY = Path(__file__).parents[2]
Change = Callable[[World], None]
PROJECT = "netra-staging"


async def inventory_of(fake: FakeGoogleCloud) -> Inventory:
    """What is in the fake."""
    reader = GoogleReader(parse_url(fake.url, ("http",)), None)
    return await take_inventory(reader, ProbeContext(30.0, Resolver()), PROJECT)


async def inventory(change: Change = lambda _: None) -> Inventory:
    """The reference environment, changed."""
    world = reference()
    change(world)
    async with FakeGoogleCloud(world) as fake:
        found = await inventory_of(fake)
        assert fake.refused == [], "a request that Google's documents do not know"
    return found


async def drafted(change: Change = lambda _: None) -> str:
    """The text of the draft."""
    return render(draft(await inventory(change)))
