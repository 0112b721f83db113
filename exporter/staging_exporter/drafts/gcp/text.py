"""A draft as the text of a configuration: each edge with the field that it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from staging_exporter.drafts.gcp.parts import Draft, Edge, Part
from staging_exporter.drafts.gcp.role import grant_command

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_HEAD = """\
# Drafted by `staging-exporter init --from gcp {project}` from what is deployed.
# Each edge names the field that it came from; "a hint" is a plain environment variable. What only a person knows is
# missing: journeys, owners, credentials, what a right answer contains. To see later what changed in the cloud:
# staging-exporter validate --against gcp FILE
# It is meant for an exporter behind the VPC connector (deploy/cloud-run): elsewhere, private addresses do not answer.
# The account of the exporter needs this role:
# {grant}
environment: {project}
google: {{project: {project}{region}}}
defaults: {{interval: 15s, timeout: 5s, retry_interval: 1s, fall: 3, rise: 2}}
"""
_VANTAGE = """\
# Is the exporter online? While all of these fail, failing components are unknown, not down.
vantage:
  - {kind: tcp, address: "www.google.com:443"}
  - {kind: tcp, address: "one.one.one.one:443"}
"""


def render(draft: Draft) -> str:
    """The text of the file; it ends in a line end."""
    region = f", region: {draft.region}" if draft.region else ""
    lines = [_HEAD.format(project=flow(draft.project), region=region, grant=grant_command(draft.project))]
    if shared := [hosts for hosts in draft.shared if len(hosts) > 1]:
        lines.append("# Hosts behind one load balancer share the limits of its security policy.")
        lines.append(f"limits: {flow({'shared': shared})}\n")
    lines += [_VANTAGE, "components:"]
    for part in draft.parts.values():
        lines += [*_part(part), ""]
    lines += _remarks(draft)
    return "\n".join(lines)


def _part(part: Part) -> Iterator[str]:
    yield from (f"  # {_one_line(text)}" for text in part.comments)
    yield f"  {part.name}:"
    yield f"    layer: {part.layer}"
    yield f"    priority: {part.priority}"
    yield from _edges("depends_on", part.needs)
    yield from _edges("optional_depends_on", part.optional)
    if part.startup and part.check:
        yield f"    startup: {flow(part.startup)}"
    if part.check:
        yield from (f"    {key}: {value}" for key, value in part.timing.items())
        yield f"    check: {flow(part.check)}"


def _edges(key: str, edges: Sequence[Edge]) -> Iterator[str]:
    if edges:
        yield f"    {key}:"
    for edge in edges:
        names = edge.targets[0] if len(edge.targets) == 1 else flow(list(edge.targets))
        yield f"      - {names}  # {_one_line(edge.source)}"


def _remarks(draft: Draft) -> Iterator[str]:
    if draft.notes:
        yield "# To look at:"
        yield from (f"# - {_one_line(text)}" for text in dict.fromkeys(draft.notes))
        yield ""
    if draft.unseen:
        yield "# Could not be seen, so what is missing above may exist:"
        yield from (f"# - {_one_line(text)}" for text in draft.unseen)
        yield ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def flow(value: Any) -> str:
    """A value of JSON as YAML on one line, with quotes where a word would mean something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain or re.fullmatch(r"\d+(ms|s|m|h)", value) else json.dumps(value)
