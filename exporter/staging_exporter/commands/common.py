"""What the commands share: their common options, the loop they run on, and how they give up."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import click
import uvloop

from staging_exporter.client import ClientError
from staging_exporter.config import Config, ConfigError, load_config
from staging_exporter.core.durations import parse_duration
from staging_exporter.net.address import HostPort

T = TypeVar("T")
CONFIG_FILE = click.option(
    "--config.file", "config_file", required=True, type=Path, metavar="FILE", help="The configuration file."
)


class Listen(click.ParamType[HostPort]):
    """The type of a listen address."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> HostPort:
        """`:9877`, `127.0.0.1:9877` or `[::1]:0`."""
        if isinstance(value, HostPort):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not an address; write it like :9877 or 127.0.0.1:9877", param, ctx)
        return HostPort(host.strip("[]"), int(port))


class Period(click.ParamType[float]):
    """The type of a duration, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """`30s`, `10m`, `1h30m`."""
        try:
            return value if isinstance(value, float) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def load(config_file: Path) -> Config:
    """The configuration; says everything that is wrong with it and exits 2 when it is bad."""
    try:
        return load_config(config_file)
    except ConfigError as error:
        give_up(str(error))


def ask(call: Callable[[], T]) -> T:
    """What a running exporter answers; says why and exits 2 when it does not."""
    try:
        return call()
    except ClientError as error:
        give_up(str(error))


def colours(stream: TextIO) -> bool:
    """True when it is a terminal, and nobody asked for no colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def columns(stream: TextIO) -> int | None:
    """How wide the terminal is; None when it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def split(values: Iterable[str]) -> list[str]:
    """The names of an option that may be repeated, and may list several: `A,B`."""
    return [name.strip() for several in values for name in several.split(",")]


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def give_up(message: str) -> NoReturn:
    """Say what is wrong and exit 2."""
    click.echo(message, err=True)
    sys.exit(2)
