"""The alert for root causes of each priority, with its configured receivers in words, without secrets."""

from __future__ import annotations

from urllib.parse import urlsplit

from staging_exporter.core.model import Priority
from staging_exporter.core.story import AlertPlan
from staging_exporter.generate.environment import ROOT_CAUSE
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.generate.receiver_options import Email, Receiver, Slack, Webhook


def alert_plans(options: AlertingOptions) -> dict[str, AlertPlan]:
    """By priority; one without receivers has those of the next more urgent one."""
    sent_to = tuple(each.url.shown for each in options.alertmanagers)
    plans, receivers = {}, tuple[str, ...]()
    for priority in Priority:
        given = getattr(options.receivers, priority, ()) if options.receivers else ()
        receivers = tuple(map(_described, given)) or receivers
        plans[str(priority)] = AlertPlan(f"{ROOT_CAUSE}{priority}", receivers, sent_to)
    return plans


def _described(receiver: Receiver) -> str:
    if isinstance(receiver, Email):
        return f"email {receiver.to}"
    if isinstance(receiver, Slack) and receiver.channel:
        return f"slack {receiver.channel}"
    if isinstance(receiver, Webhook):
        return f"webhook {urlsplit(receiver.url).hostname}"
    return receiver.kind
