"""Receivers of the configuration -> the integrations of Alertmanager's receivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from staging_exporter.generate.receiver_options import (
    Discord,
    Email,
    IncidentIo,
    Jira,
    Mattermost,
    Opsgenie,
    PagerDuty,
    Receiver,
    Slack,
    Teams,
    Telegram,
    Webhook,
)

_TITLE, _TEXT = '{{ template "staging.title" . }}', '{{ template "staging.text" . }}'
_LINK = '{{ template "staging.link" . }}'
_RUNBOOK = '{{ template "staging.runbook" . }}'
# Opsgenie has P1, critical, to P5, informational.
_OPSGENIE = (
    '{{ if eq .CommonLabels.priority "P0" }}P1{{ else if eq .CommonLabels.priority "P1" }}P3{{ else }}P5{{ end }}'
)


def integrations(receivers: Sequence[Receiver]) -> dict[str, list[dict[str, Any]]]:
    """The keys of a receiver of Alertmanager."""
    found: dict[str, list[dict[str, Any]]] = {}
    for receiver in receivers:
        found.setdefault(f"{receiver.integration or receiver.kind}_configs", []).append(
            _WRITERS[type(receiver)](receiver)
        )
    return found


def _given(**options: Any) -> dict[str, Any]:
    return {"send_resolved": True, **{key: value for key, value in options.items() if value is not None}}


def _pagerduty(to: PagerDuty) -> dict[str, Any]:
    return _given(
        routing_key_file=to.routing_key,
        description=_TITLE,
        severity='{{ or .CommonLabels.severity "error" }}',
        # By default Alertmanager sends every label and annotation of every alert as well.
        details={"text": _TEXT, "firing": "", "resolved": ""},
        client="staging-exporter",
        client_url=_LINK,
        links=[{"href": _LINK, "text": "Status"}, {"href": _RUNBOOK, "text": "Runbook"}],
    )


def _slack(to: Slack) -> dict[str, Any]:
    return _given(api_url_file=to.url, channel=to.channel, title=_TITLE, title_link=_LINK, text=_TEXT)


def _opsgenie(to: Opsgenie) -> dict[str, Any]:
    return _given(
        api_key_file=to.key,
        api_url=to.api_url,
        message=_TITLE,
        description=_TEXT,
        priority=_OPSGENIE,
    )


def _webhook(to: Webhook) -> dict[str, Any]:
    bearer = {"authorization": {"credentials_file": to.bearer}} if to.bearer else None
    return _given(url=to.url, http_config=bearer)


def _email(to: Email) -> dict[str, Any]:
    return _given(
        to=to.to,
        smarthost=to.server,
        auth_username=to.username,
        auth_password_file=to.password,
        require_tls=None if to.starttls and not to.server.endswith(":465") else False,
        headers={"Subject": _TITLE},
        text=_TEXT,
        html="",
    ) | {"from": to.sender}


def _teams(to: Teams) -> dict[str, Any]:
    return _given(webhook_url_file=to.url, title=_TITLE, text=_TEXT)


def _discord(to: Discord) -> dict[str, Any]:
    return _given(webhook_url_file=to.url, title=_TITLE, message=_TEXT)


def _telegram(to: Telegram) -> dict[str, Any]:
    return _given(bot_token_file=to.token, chat_id=to.chat, parse_mode="", message=f"{_TITLE}\n{_TEXT}")


def _jira(to: Jira) -> dict[str, Any]:
    return _given(
        api_url=to.api_url,
        project=to.project,
        issue_type=to.issue_type,
        summary=_TITLE,
        description=_TEXT,
        resolve_transition=to.resolve_transition,
        reopen_transition=to.reopen_transition,
        http_config={"basic_auth": {"username": to.username, "password_file": to.token}},
    )


def _incidentio(to: IncidentIo) -> dict[str, Any]:
    return _given(url=to.url, alert_source_token_file=to.token)


def _mattermost(to: Mattermost) -> dict[str, Any]:
    attachment = {"fallback": _TITLE, "title": _TITLE, "title_link": _LINK, "text": _TEXT}
    return _given(webhook_url_file=to.url, channel=to.channel, text="", attachments=[attachment])


_WRITERS: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    PagerDuty: _pagerduty,
    Slack: _slack,
    Opsgenie: _opsgenie,
    Webhook: _webhook,
    Email: _email,
    Teams: _teams,
    Discord: _discord,
    Telegram: _telegram,
    Jira: _jira,
    IncidentIo: _incidentio,
    Mattermost: _mattermost,
}
