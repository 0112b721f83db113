"""`generate`: configuration of Prometheus, Alertmanager and Grafana, made from ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from staging_exporter.commands.common import CONFIG_FILE, give_up, load
from staging_exporter.config import Config
from staging_exporter.generate.alertmanager import CONFIG_FILE as ALERTMANAGER_FILE
from staging_exporter.generate.alertmanager import TEMPLATE_FILE, NoReceivers, template_file
from staging_exporter.generate.alertmanager import config_file as alertmanager_config
from staging_exporter.generate.rules import OPERATOR_FILE, RULES_FILE, Refused, operator_file, rule_file

_OUTPUT = click.option(
    "--output", required=True, type=Path, metavar="DIR", help="Directory to write to; created when missing."
)
_NO_DASHBOARDS = "dashboards need the extra `dashboards`: pip install 'staging-exporter[dashboards]'"


@click.group()
def generate() -> None:
    """Generate alert rules, alert routing and dashboards."""


@generate.command()
@CONFIG_FILE
@_OUTPUT
def dashboards(config_file: Path, output: Path) -> None:
    """Write the Grafana dashboards, one JSON file each."""
    files = dashboard_files(load(config_file))
    if files is None:
        give_up(_NO_DASHBOARDS)
    write(output, files)


@generate.command()
@CONFIG_FILE
@_OUTPUT
@click.option(
    "--format",
    "form",
    type=click.Choice(["rules", "prometheusrule"]),
    default="rules",
    show_default=True,
    help="A rule file of Prometheus, or a PrometheusRule resource of the operator.",
)
def rules(config_file: Path, output: Path, form: str) -> None:
    """Write the alert rules for Prometheus or its operator."""
    write(output, rule_files(load(config_file), form))


@generate.command()
@CONFIG_FILE
@_OUTPUT
def alertmanager(config_file: Path, output: Path) -> None:
    """Write the configuration of Alertmanager and its templates."""
    try:
        write(output, alertmanager_files(load(config_file)))
    except NoReceivers as error:
        give_up(f"{config_file}: {error}")


@generate.command(name="all")
@CONFIG_FILE
@_OUTPUT
def everything(config_file: Path, output: Path) -> None:
    """Write everything, each part into a directory of its own.

    The directories are prometheus/, alertmanager/ and dashboards/.
    """
    config = load(config_file)
    write(output / "prometheus", rule_files(config))
    try:
        write(output / "alertmanager", alertmanager_files(config))
    except NoReceivers as error:
        click.echo(f"skipped the Alertmanager configuration: {error}", err=True)
    made = dashboard_files(config)
    if made is None:
        click.echo(f"skipped the dashboards: {_NO_DASHBOARDS}", err=True)
    else:
        write(output / "dashboards", made)


def rule_files(config: Config, form: str = "rules") -> dict[str, str]:
    """The rules by file name; exits 2 when an objective cannot be alerted on."""
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


def write(output: Path, files: Mapping[str, str]) -> None:
    """Write the files and print their names; exit 2 when one cannot be written."""
    try:
        for name, text in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}")
    except OSError as error:
        give_up(f"cannot write {error.filename}: {error.strerror}")
