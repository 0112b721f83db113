"""The commands: what they take, what they print, how they exit."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import uvloop

from exporter.app import App
from exporter.client import Client, ClientError
from exporter.config import Config, ConfigError, json_schema, load_config
from exporter.core.model import Priority, State
from exporter.core.snapshot import Snapshot
from exporter.demonstration import DemoFailed, demonstrate
from exporter.logs import set_up
from exporter.net.options import HostPort
from exporter.once import settle
from exporter.probes import kinds as all_kinds
from exporter.probes import page
from exporter.storage import Storage
from exporter.views.document import document
from exporter.views.report import Paint, exit_code, text

T = TypeVar("T")
_CONFIG_FILE = click.option("--config.file", "config_file", required=True, type=Path, help="The configuration file.")


class _Listen(click.ParamType[HostPort]):
    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> HostPort:
        """`:9877`, `127.0.0.1:9877` or `[::1]:0`."""
        if isinstance(value, HostPort):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not an address; write it like :9877 or 127.0.0.1:9877", param, ctx)
        return HostPort(host.strip("[]"), int(port))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="staging-exporter", message="staging-exporter, version %(version)s")
def main() -> None:
    """Names the root cause when a staging environment breaks, as Prometheus metrics."""


@main.command()
@_CONFIG_FILE
@click.option("--web.listen-address", "listen", type=_Listen(), default=":9877", show_default=True)
@click.option("--log.level", "level", type=click.Choice(["debug", "info", "warn", "error"]), default="info")
@click.option("--log.format", "form", type=click.Choice(["logfmt", "json"]), default="logfmt")
@click.option(
    "--storage.path", "storage", type=Path, help="Keep over a restart what must not be lost, in this directory."
)
def run(config_file: Path, listen: HostPort, level: str, form: Any, storage: Path | None) -> None:
    """Run the exporter."""
    set_up(level, form)
    config = _load(config_file)
    try:
        kept = Storage(storage) if storage else None
    except OSError as error:
        _give_up(f"cannot store anything in {storage}: {error.strerror or error}")

    async def serve() -> None:
        await App(config_file, config, storage=kept).run(listen)

    try:
        _run(serve())
    except OSError as error:
        _give_up(f"cannot listen on {listen}: {error.strerror or error}")


@main.command()
@_CONFIG_FILE
@click.option("--fail-on", type=click.Choice([*Priority]), default="P2", show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(config_file: Path, fail_on: str, form: str) -> None:
    """Probe everything once, confirm, and print the verdict.

    Exit 1: a root cause of effective priority --fail-on or more urgent. 2: usage or configuration.
    3: a component of such priority cannot be told. 0: all is well.
    """
    config = _load(config_file)
    terminal = sys.stderr.isatty() and form == "text"
    snapshot = _run(settle(config, _Progress(len(config.checks)) if terminal else lambda _: None))
    if terminal:
        click.echo("\r\x1b[K", nl=False, err=True)
    if form == "json":
        click.echo(json.dumps(document(snapshot), indent=2, ensure_ascii=False))
    else:
        click.echo(text(snapshot, colour=sys.stdout.isatty()), nl=False)
    sys.exit(exit_code(snapshot, Priority(fail_on)))


@main.command()
@click.option("--fault", "faults", multiple=True, help="A fault that is on from the start, such as F03; repeatable.")
@click.option("--scale", type=float, help="A factor on intervals, timeouts and faults; 0.2 is five times as fast.")
@click.option("--web.listen-address", "listen", type=_Listen(), default="127.0.0.1:9877", show_default=True)
def demo(faults: tuple[str, ...], scale: float | None, listen: HostPort) -> None:
    """Start a small staging environment on this machine, probe it, break it, and see who is blamed."""
    set_up("warn", "logfmt")
    arguments = [word for fault in faults for word in ("--fault", fault)]
    arguments += [] if scale is None else ["--scale", str(scale)]
    try:
        _run(demonstrate(arguments, listen, click.echo, colour=sys.stdout.isatty()))
    except (DemoFailed, OSError) as error:
        _give_up(str(error))


@main.command()
@_CONFIG_FILE
def validate(config_file: Path) -> None:
    """Say everything that is wrong with a configuration file; exit 2 when anything is."""
    config = _load(config_file)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    latent = len(config.topology.components) - len(config.checks)
    click.echo(f"{config_file} is valid: {len(config.checks)} checks, {latent} latent components.")


@main.command()
@click.argument("kind", required=False)
def kinds(kind: str | None) -> None:
    """List the kinds of checks, or print the page of one."""
    if kind is None:
        for name in all_kinds():
            first = next(line for line in page(name).splitlines()[1:] if line.strip())
            click.echo(f"{name:<12}{first}")
        return
    try:
        click.echo(page(kind), nl=False)
    except KeyError:
        _give_up(f"there is no kind {kind!r}; there are {', '.join(all_kinds())}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))


@main.command(name="explain")
@click.argument("component")
@click.option("--config.file", "config_file", type=Path, help="Probe what this configuration describes.")
@click.option("--from", "url", help="Ask the exporter that runs at this URL.")
def explain_(component: str, config_file: Path | None, url: str | None) -> None:
    """Say in words why a component is as it is, and who is to blame."""
    if (config_file is None) == (url is None):
        _give_up("give either --config.file or --from")
    if url is not None:
        components = _ask(lambda: Client(url).status())["components"]
    else:
        assert config_file
        config = _load(config_file)
        _must_exist(component, config.topology.components)
        components = document(_run(settle(config)))["components"]
    _must_exist(component, components)
    click.echo(components[component]["explanation"])


_TO = click.option("--to", "url", required=True, help="The exporter, such as http://127.0.0.1:9877.")
_TOKEN = click.option(
    "--token", envvar="STAGING_EXPORTER_TOKEN", show_envvar=True, help="Its api.token, if it has one."
)
_COMPONENTS = click.option("--component", "components", multiple=True, required=True, help="Repeatable.")


@main.command()
@_TO
@_TOKEN
@_COMPONENTS
@click.option("--duration", required=True, help="How long, such as 30m or 2h.")
def maintenance(url: str, token: str | None, components: tuple[str, ...], duration: str) -> None:
    """Tell a running exporter that components are in maintenance from now on: they are probed, but page nobody."""
    _ask(lambda: Client(url, token).maintain(list(components), duration))
    click.echo(f"{', '.join(components)}: in maintenance for {duration}.")


@main.command()
@_TO
@_TOKEN
@_COMPONENTS
@click.option("--revision", default="", help="What was deployed.")
def deploy(url: str, token: str | None, components: tuple[str, ...], revision: str) -> None:
    """Tell a running exporter that components were deployed just now: their startup budget begins."""
    _ask(lambda: Client(url, token).deploy(list(components), revision))
    click.echo(f"{', '.join(components)}: deployed {revision}".rstrip() + ".")


class _Progress:
    """One line on the terminal, rewritten as results come."""

    def __init__(self, checks: int) -> None:
        self._checks = checks
        self._paint = Paint(colour=True)

    def __call__(self, snapshot: Snapshot) -> None:
        checked = [status for status in snapshot.components.values() if not status.component.latent]
        done = sum(status.last_probe is not None for status in checked)
        failing = [s.component.name for s in checked if s.state in (State.DOWN, State.FLAPPING, State.DEGRADED)]
        line = f"probed {done} of {self._checks}"
        line += f", failing: {', '.join(failing)}" if failing else ""
        line += ", confirming ..." if done == self._checks and snapshot.pending else ""
        width = max(20, (click.get_current_context().terminal_width or 100) - 1)
        click.echo(f"\r\x1b[K{self._paint(line[:width], 'dim')}", nl=False, err=True)


def _load(config_file: Path) -> Config:
    try:
        return load_config(config_file)
    except ConfigError as error:
        _give_up(str(error))


def _ask(call: Callable[[], T]) -> T:
    try:
        return call()
    except ClientError as error:
        _give_up(str(error))


def _must_exist(name: str, components: Collection[str]) -> None:
    if name not in components:
        _give_up(f"there is no component {name!r}; there are {', '.join(components)}")


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _give_up(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)
