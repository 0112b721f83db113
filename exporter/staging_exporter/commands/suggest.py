"""`suggest`: edges that incidents suggest or contradict, and checks that are shallow."""

from __future__ import annotations

import sqlite3
import sys
import textwrap
from pathlib import Path

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.clock import now
from staging_exporter.commands.common import Command, call_exporter, columns, config_files, give_up, load
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.core.coincidence import suggest as suggest_edges
from staging_exporter.core.graph import Graph
from staging_exporter.storage.directory import StorageRefused
from staging_exporter.storage.store import stored
from staging_exporter.views.document_types import SuggestionsDocument
from staging_exporter.views.suggestions import sections, suggestions_document


@click.command(cls=Command)
@config_files(required=False)
@click.option("--from", "url", metavar="URL", help="Ask the exporter that runs at this address.")
@click.option(
    "--storage.path",
    "storage",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With FILE: the directory in which `run` stored its state.",
)
@with_credentials
def suggest(config: tuple[Path, ...], url: str | None, storage: Path | None, credentials: Credentials) -> None:
    """Suggest better dependencies and checks.

    Lists missing and doubtful dependencies and shallow checks, with the times of the incidents. Asks a running
    exporter, or reads the stored incidents of the environment in FILE.
    """
    if bool(config) == (url is not None) or bool(config) != (storage is not None):
        give_up("give either --from URL, or FILE and --storage.path DIR")
    document = _stored(config, storage) if storage else _asked(str(url), credentials)
    found, width = sections(document), columns(sys.stdout)
    if not found:
        click.echo(f"no suggestions: the incidents of {document['environment']} fit its configuration")
    for number, (title, sentences) in enumerate(found.items()):
        click.echo(f"{chr(10) if number else ''}{title}:")
        for sentence in sentences:
            click.echo(_wrapped(f"  {sentence}", width))


def _asked(url: str, credentials: Credentials) -> SuggestionsDocument:
    return call_exporter(lambda: Client(url, credentials).suggestions())


def _stored(config: tuple[Path, ...], storage: Path) -> SuggestionsDocument:
    topology = load(config).topology
    try:
        journal = stored(storage, topology.environment).journal
    except FileNotFoundError:
        give_up(f"{storage} has no state of an exporter")
    except StorageRefused as error:
        give_up(f"{error}: ask it with --from URL")
    except (OSError, sqlite3.Error, ValueError, RecursionError) as error:
        give_up(f"cannot read the state in {storage}: {getattr(error, 'strerror', None) or error}")
    found = suggest_edges(Graph(topology.components), journal.incidents)
    return suggestions_document(topology.environment, now(), found)


def _wrapped(line: str, width: int | None) -> str:
    if width is None:
        return line
    return textwrap.fill(line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
