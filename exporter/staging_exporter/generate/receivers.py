"""The alert for root causes of each priority, with its configured receivers in words, without secrets."""

from __future__ import annotations

from urllib.parse import urlsplit

from staging_exporter.core.model import Priority
from staging_exporter.core.story import AlertPlan
from staging_exporter.generate.environment import ROOT_CAUSE
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.generate.receiver_options import Email, Receiver, Slack, Webhook


def alert_plans(options: AlertingOptions) -> dict[str, AlertPlan]:
    """By priority."""
    sent_to = tuple(each.url.shown for each in options.alertmanagers)
    receivers = options.receivers.by_priority if options.receivers else dict.fromkeys(Priority, ())
    return {
        str(priority): AlertPlan(f"{ROOT_CAUSE}{priority}", tuple(map(_described, given)), sent_to)
        for priority, given in receivers.items()
    }


def _described(receiver: Receiver) -> str:
    if isinstance(receiver, Email):
        return f"email {receiver.to}"
    if isinstance(receiver, Slack) and receiver.channel:
        return f"slack {receiver.channel}"
    if isinstance(receiver, Webhook):
        return f"webhook {urlsplit(receiver.url).hostname}"
    return receiver.kind
