"""`validate`: every error of a configuration, and warnings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.commands.common import Command, call_exporter, config_files, give_up, load
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.commands.google import inventory_of
from staging_exporter.config import Config, missing_secrets
from staging_exporter.config.advice import advice
from staging_exporter.core.words import verb
from staging_exporter.drafts.gcp.compare import differences
from staging_exporter.options.secrets import EMPTY
from staging_exporter.views.document_types import SuggestionsDocument
from staging_exporter.views.suggestions import doubtful, shallow


@click.command(cls=Command)
@config_files()
@click.option(
    "--against",
    type=click.Choice(["gcp"]),
    help="Also warn of differences to what is deployed in `google.project`.",
)
@click.option(
    "--from",
    "url",
    metavar="URL",
    help="Also warn of edges and checks that incidents at this exporter contradicted.",
)
@with_credentials
def validate(config: tuple[Path, ...], url: str | None, against: str | None, credentials: Credentials) -> None:
    """Report every error in a configuration.

    Exits 2 when there is one. Warnings and advice change no exit code.
    """
    loaded, names = load(config), ", ".join(map(str, config))
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    if empty := list(_empty_tokens(loaded)):
        give_up("\n".join(f"{names}: {text}" for text in empty))
    if url is not None:
        for text in _of_incidents(loaded, call_exporter(lambda: Client(url, credentials).suggestions())):
            click.echo(f"warning: {names}: {text}", err=True)
    if against is not None:
        for text in _of_the_cloud(loaded):
            click.echo(f"warning: {names}: {text}", err=True)
    for text in advice(loaded):
        click.echo(f"advice: {names}: {text}", err=True)
    latent = len(loaded.topology.components) - len(loaded.checks) - len(loaded.observed)
    checks = f"{len(loaded.checks)} {verb(loaded.checks, 'check', 'checks')}"
    click.echo(f"{names} {'is' if len(config) == 1 else 'are'} valid: {checks}, {latent} latent.")


def _of_the_cloud(config: Config) -> Iterator[str]:
    """What is different in Google Cloud."""
    if config.google.project is None:
        give_up("--against gcp needs google.project in the configuration")
    regions = {config.google.region, *(getattr(check, "region", None) for check in config.checks.values())} - {None}
    found = inventory_of(config.google.project, sorted(map(str, regions)), config.google.endpoint, config.servers)
    yield from differences(found, config.topology.components, config.checks)


def _empty_tokens(config: Config) -> Iterator[str]:
    """Tokens that are there and have nothing in them; one that is missing may be on another machine."""
    for error, users in asyncio.run(missing_secrets(config)).items():
        yield from (f"{user}: {error}" for user in users if user in config.api.secrets and error.startswith(EMPTY))


def _of_incidents(config: Config, document: SuggestionsDocument) -> Iterator[str]:
    """Warnings about edges and checks that this configuration still has."""
    components = config.topology.components
    for (name, other), text in doubtful(document):
        if name in components and other in components[name].hard:
            yield f"components.{name}.depends_on: {text}"
    for name, text in shallow(document):
        if name in config.checks:
            yield f"components.{name}.check: {text}"
