"""Options, option types and helpers that several commands share."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import click
import uvloop

from staging_exporter.client import ClientError, Credentials
from staging_exporter.config import Config, ConfigError, load_config
from staging_exporter.core.durations import parse_duration
from staging_exporter.core.model import ProbeFailed
from staging_exporter.net.address import HostPort

T = TypeVar("T")
CONFIG_OPTION = click.option(
    "--config.file", "config_file", multiple=True, type=Path, metavar="FILE",
    help="A configuration file, or a directory of them; repeatable, they are merged.",
)  # fmt: skip
TO = click.option(
    "--to", "url", required=True, metavar="URL", help="Address of the exporter: http://127.0.0.1:9877, unix:/PATH."
)
COMPONENTS = click.option(
    "--component", "components", multiple=True, required=True, metavar="A,B", help="Names of components; repeatable."
)


_GOOGLE = 15.0  # seconds that a token may take
CONFIG_VARIABLE = "STAGING_EXPORTER_CONFIG"


class Command(click.Command):
    """A command that refuses an option given twice, of which others take the last one without a word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises UsageError."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        for param, count in Counter(order).items():
            if count > 1 and isinstance(param, click.Option) and not (param.multiple or param.is_flag):
                raise click.UsageError(f"{param.opts[0]} is given {count} times, and takes one value", ctx)
        return super().parse_args(ctx, args)


def config_files(*, required: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`FILE...` and `--config.file FILE`, repeatable, or else the variable of the environment, as `config`: paths."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @click.argument("files", nargs=-1, type=Path, metavar="[FILE]...")
        @CONFIG_OPTION
        @wraps(function)
        def command(config_file: tuple[Path, ...], files: tuple[Path, ...], **others: Any) -> None:
            function(config=chosen((*config_file, *files), required=required), **others)

        return command

    return decorate


def chosen(given: tuple[Path, ...], *, required: bool, takes_files: bool = True, or_else: str = "") -> tuple[Path, ...]:
    """The files that are given, or else the one that the environment names; none only when they are not required.

    For the error: `takes_files` when they may be given as arguments, `or_else` is what may be given instead.
    """
    named = os.environ.get(CONFIG_VARIABLE, "")
    if not given and required and not named:
        ways = f"{'FILE, ' if takes_files else ''}--config.file FILE, or the variable {CONFIG_VARIABLE}"
        give_up(f"give a configuration: {ways}{or_else}")
    return given or ((Path(named),) if required else ())


def credentials(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that asks a running exporter, as `credentials`."""

    @click.option("--token", envvar="STAGING_EXPORTER_TOKEN", show_envvar=True, help="A token of the exporter.")
    @click.option("--token-file", type=Path, metavar="FILE", help="File with a token of the exporter.")
    @click.option(
        "--user", envvar="STAGING_EXPORTER_USER", show_envvar=True, metavar="NAME:PASSWORD", help="For basic auth."
    )
    @click.option("--header", "headers", multiple=True, metavar="NAME: VALUE", help="Send this header; repeatable.")
    @click.option(
        "--google-id-token", "audience", metavar="AUDIENCE",
        help="Send an identity token of Google Cloud for this audience: for Cloud Run and IAP.",
    )  # fmt: skip
    @click.option("--ca-file", type=Path, metavar="FILE", help="Certificates of the authorities to trust.")
    @click.option("--cert-file", type=Path, metavar="FILE", help="Certificate of this client.")
    @click.option("--key-file", type=Path, metavar="FILE", help="Its key.")
    @wraps(function)
    def command(
        token: str | None,
        token_file: Path | None,
        user: str | None,
        headers: tuple[str, ...],
        audience: str | None,
        ca_file: Path | None,
        cert_file: Path | None,
        key_file: Path | None,
        **others: Any,
    ) -> None:
        token = _token_of(token_file) if token_file else token and token.strip()
        pairs = tuple(map(_header, headers))
        if audience is not None:
            pairs += (("Authorization", f"Bearer {_google_id_token(audience)}"),)
        function(credentials=Credentials(token, user, pairs, ca_file, cert_file, key_file), **others)

    return command


def _token_of(file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        give_up(f"cannot read the token in {file}: {getattr(error, 'strerror', None) or error}")
    if not token:
        give_up(f"the token in {file} is empty")
    return token


def _google_id_token(audience: str) -> str:
    """By Application Default Credentials; exits 2 without."""
    from staging_exporter.net.google import GoogleTokens
    from staging_exporter.net.resolve import Resolver

    try:
        return asyncio.run(GoogleTokens(Resolver()).id_token(audience, _GOOGLE))
    except ProbeFailed as error:
        give_up(f"--google-id-token: {error.detail}")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.strip().isprintable():
        give_up("--header: write it like 'Name: value'")  # what was given may be a secret
    return name, value.strip()


class Listen(click.ParamType[HostPort]):
    """The type of a listen address."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> HostPort:
        """`:9877`, `127.0.0.1:9877`, `[::1]:0` or `unix:/run/staging-exporter.sock`."""
        if isinstance(value, HostPort):
            return value
        if str(value).startswith("unix:/"):
            return HostPort(str(value).removeprefix("unix:"), 0)
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            self.fail(
                f"{value!r} is not an address; write it like :9877, 127.0.0.1:9877 or unix:/run/staging-exporter.sock",
                param,
                ctx,
            )
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


def load(config: Sequence[Path]) -> Config:
    """The configuration in these files; prints every error and exits 2 when it has any."""
    try:
        return load_config(config)
    except ConfigError as error:
        give_up(str(error))


def call_exporter(call: Callable[[], T]) -> T:
    """The result of a client call; prints the error and exits 2 when it fails."""
    try:
        return call()
    except ClientError as error:
        give_up(str(error))


def colours(stream: TextIO) -> bool:
    """True for a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def columns(stream: TextIO) -> int | None:
    """The width of the terminal, None when it is not one."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def split(values: Iterable[str]) -> list[str]:
    """The names of an option that may be repeated, and may list several: `A,B`."""
    return [name.strip() for several in values for name in several.split(",")]


def write_step_summary(markdown: str) -> None:
    """Append to the step summary of GitHub Actions, where there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as error:
        click.echo(f"cannot write the step summary {path}: {error.strerror or error}", err=True)


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def give_up(message: str) -> NoReturn:
    """Print the message on standard error and exit 2."""
    click.echo(message, err=True)
    sys.exit(2)
