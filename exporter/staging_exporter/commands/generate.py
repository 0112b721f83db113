"""`generate`: alert rules, Alertmanager configuration, dashboards, runbooks and examples, from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from staging_exporter.commands.common import Command, config_files, give_up, load
from staging_exporter.config import Config
from staging_exporter.generate.alertmanager import CONFIG_FILE as ALERTMANAGER_FILE
from staging_exporter.generate.alertmanager import TEMPLATE_FILE, NoReceivers, template_file
from staging_exporter.generate.alertmanager import config_file as alertmanager_config
from staging_exporter.generate.examples import examples, runbooks
from staging_exporter.generate.marker import is_generated
from staging_exporter.generate.rules import OPERATOR_FILE, RULES_FILE, Refused, operator_file, rule_file

_OUTPUT = click.option(
    "--output", required=True, type=Path, metavar="DIR", help="Directory to write to; created when missing."
)
_FORCE = click.option("--force", is_flag=True, help="Also overwrite files that were not generated.")
_MERGE = (
    "\nto keep yours: write to another directory with --output; copy staging.tmpl from there, and what is below "
    "`routes`, `receivers`, `inhibit_rules`, `templates` and `time_intervals` into yours; then `amtool check-config`"
)
_NO_DASHBOARDS = "dashboards need the extra `dashboards`: pip install 'staging-exporter[dashboards]'"


class _Group(click.Group):
    command_class = Command


@click.group(cls=_Group)
def generate() -> None:
    """Generate alert rules, alert routing, dashboards and more."""


@generate.command()
@config_files()
@_OUTPUT
@_FORCE
def dashboards(config: tuple[Path, ...], output: Path, force: bool) -> None:
    """Write the Grafana dashboards, one JSON file each."""
    files = dashboard_files(load(config))
    if files is None:
        give_up(_NO_DASHBOARDS)
    write(output, files, force=force)


@generate.command()
@config_files()
@_OUTPUT
@_FORCE
@click.option(
    "--format",
    "form",
    type=click.Choice(["rules", "prometheusrule"]),
    default="rules",
    show_default=True,
    help="A rule file of Prometheus, or a PrometheusRule resource of the operator.",
)
def rules(config: tuple[Path, ...], output: Path, force: bool, form: str) -> None:
    """Write the alert rules for Prometheus or its operator."""
    write(output, rule_files(load(config), form), force=force)


@generate.command()
@config_files()
@_OUTPUT
@_FORCE
def alertmanager(config: tuple[Path, ...], output: Path, force: bool) -> None:
    """Write the configuration of Alertmanager and its templates."""
    try:
        files = alertmanager_files(load(config))
    except NoReceivers as error:
        give_up(f"{config[0]}: {error}")
    write(output, files, force=force)


@generate.command(name="all")
@config_files()
@_OUTPUT
@_FORCE
def everything(config: tuple[Path, ...], output: Path, force: bool) -> None:
    """Write everything, each part into a directory of its own.

    The directories are alertmanager/, ci/, dashboards/, grafana/, kubernetes/, prometheus/, runbooks/ and systemd/.
    """
    loaded = load(config)
    environment, exporter = loaded.topology.environment, loaded.alerting.exporter
    files = {**examples(environment, exporter), **_below("runbooks", runbooks(environment, exporter))}
    for form in ("rules", "prometheusrule"):
        files |= _below("prometheus", rule_files(loaded, form))
    try:
        files |= _below("alertmanager", alertmanager_files(loaded))
    except NoReceivers as error:
        click.echo(f"skipped the Alertmanager configuration: {error}", err=True)
    boards = dashboard_files(loaded)
    if boards is None:
        click.echo(f"skipped the dashboards: {_NO_DASHBOARDS}", err=True)
    else:
        files |= _below("dashboards", boards)
    write(output, files, force=force)


def _below(directory: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{directory}/{name}": text for name, text in files.items()}


def rule_files(config: Config, form: str = "rules") -> dict[str, str]:
    """The rules by file name; exits 2 with the objectives that alerts are not possible for, if there are any."""
    name, text = (OPERATOR_FILE, operator_file) if form == "prometheusrule" else (RULES_FILE, rule_file)
    try:
        return {name: text(config.topology, config.slo, config.alerting)}
    except Refused as error:
        give_up(str(error))


def alertmanager_files(config: Config) -> dict[str, str]:
    """Alertmanager's configuration by file name. Raises NoReceivers."""
    return {
        ALERTMANAGER_FILE: alertmanager_config(config.topology.environment, config.alerting),
        TEMPLATE_FILE: template_file(),
    }


def dashboard_files(config: Config) -> dict[str, str] | None:
    """The dashboards by file name; None without the extra that builds them."""
    try:
        from staging_exporter.generate.dashboards import dashboards
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("staging_exporter"):
            raise
        return None
    return dashboards(config.topology)


def write(output: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write the files and print their paths.

    Exits 2, with nothing written, when a file exists that was not generated, unless `force`; and 2 when a file cannot
    be written.
    """
    try:
        foreign = [] if force else [output / name for name, text in files.items() if _is_foreign(output / name, text)]
        if foreign:
            exist = "\n".join(f"{path} exists and was not generated by staging-exporter" for path in foreign)
            merge = _MERGE if any(path.name == ALERTMANAGER_FILE for path in foreign) else ""
            give_up(f"{exist}\nnothing was written; --force overwrites these files{merge}")
        for name, text in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}")
    except OSError as error:
        give_up(f"cannot write {error.filename}: {error.strerror}")


def _is_foreign(path: Path, text: str) -> bool:
    """Whether there is a file that `generate` did not write; one with the same content may as well be ours."""
    if not path.is_file():
        return False
    present = path.read_bytes()
    return present != text.encode() and not is_generated(present.decode(errors="replace"))
