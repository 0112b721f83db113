"""What the pages link to, from the configuration."""

from __future__ import annotations

from staging_exporter.config.configuration import Config
from staging_exporter.core.model import Reason
from staging_exporter.views.page.tools import HERE, Tools


def tools(config: Config, exporter: str) -> Tools:
    """The links of the section `alerting`, and the next commands of the checks; `exporter` is our own URL.

    It may be that of a Unix socket, which no command of the pages can use.
    """
    alerting = config.alerting

    def command(name: str, reason: Reason) -> str | None:
        check = config.checks.get(config.observed.get(name, name))
        return check.next_command(reason) if check else None

    own = alerting.exporter or (exporter if exporter.startswith("http") else HERE)
    return Tools(own.rstrip("/"), alerting.dashboard, alerting.prometheus, alerting.logs, command)
