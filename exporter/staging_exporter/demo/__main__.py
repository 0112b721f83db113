"""`python -m staging_exporter.demo`: the environment in its own process; one line of JSON on stdout when it is ready.

It ends on SIGTERM and SIGINT and, with `--until-stdin-closes`, when its parent process ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import click

from staging_exporter.demo import DemoEnvironment, DemoError
from staging_exporter.demo.faults import FAULTS


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for its files.  [default: a temporary one]",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=click.Choice(list(FAULTS)),
    help="Start with this fault injected; repeatable.",
)
@click.option("--scale", type=click.FloatRange(0.05, 20), default=1.0, help="Multiply intervals, timeouts and faults.")
@click.option("--google-cloud", is_flag=True, help="Also probe the resources of a fake Google Cloud.")
@click.option(
    "--until-stdin-closes", is_flag=True, help="Stop when stdin closes, as it does when the parent process ends."
)
def main(
    state_dir: Path | None, faults: tuple[str, ...], scale: float, google_cloud: bool, until_stdin_closes: bool
) -> None:
    """Run a small staging environment on loopback until a signal."""
    try:
        asyncio.run(_run(DemoEnvironment(state_dir, faults, scale, cloud=google_cloud), until_stdin_closes))
    except DemoError as error:
        raise click.ClickException(str(error)) from None


async def _run(environment: DemoEnvironment, until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if until_stdin_closes:
        loop.add_reader(sys.stdin, _read_stdin, stopped)
    running = asyncio.create_task(_serve(environment))
    stop = asyncio.create_task(stopped.wait())
    await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, stop):
        task.cancel()
    ended = await asyncio.gather(running, stop, return_exceptions=True)
    if isinstance(ended[0], Exception):
        raise ended[0]


async def _serve(environment: DemoEnvironment) -> None:
    async with environment:
        click.echo(environment.ready())
        await asyncio.Event().wait()


def _read_stdin(stopped: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        stopped.set()


if __name__ == "__main__":
    main(prog_name="staging-exporter demo")
