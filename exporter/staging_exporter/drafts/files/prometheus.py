"""Who calls whom, as Prometheus knows it: the service graph of traces, or the metrics of Istio.

The input is the JSON of `/api/v1/query` or `/api/v1/series` for one or both of these metrics. Labels:
https://grafana.com/docs/tempo/latest/metrics-from-traces/service_graphs/ and
https://istio.io/latest/docs/reference/config/metrics/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from staging_exporter.drafts.files.drafting import Drafting, Found
from staging_exporter.drafts.files.reading import Source, mapping, sequence, text
from staging_exporter.drafts.parts import Edge

GRAPH, GRAPH_FAILED, ISTIO = (
    "traces_service_graph_request_total",
    "traces_service_graph_request_failed_total",
    "istio_requests_total",
)
QUERIES = (
    f"group by (__name__, client, server, connection_type) ({GRAPH})",
    "group by (__name__, source_canonical_service, source_workload, destination_canonical_service, "
    f"destination_service_name) ({ISTIO})",
)
_HERE = "http://localhost:9090"
_NOBODY = frozenset({"", "unknown", "user", "PassthroughCluster", "BlackHoleCluster"})
_ENTRY = {"messaging_system": "platform", "database": "infrastructure"}


class _Call(NamedTuple):
    """One edge: who calls whom, the matcher that selects the calls, what sort of peer it is."""

    client: str
    server: str
    metric: str
    label: str
    sort: str


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add the services that are called, with a check of their error ratio, and the edges between them."""
    url = next((each.url for each in sources if each.url), None)
    calls = list(dict.fromkeys(call for source in sources for call in _calls(source, drafting)))
    parts = {}
    for call in calls:
        if call.server not in parts and call.server not in _NOBODY:
            layer = _ENTRY.get(call.sort, "service")
            check = Found(_check(call, url or _HERE), f"{call.metric}{{{call.label}={call.server!r}}}")
            parts[call.server] = drafting.add(call.server, f"{call.metric}.{call.label}", check, layer=layer)
    for call in calls:
        source = f"{call.metric}: {call.client} calls {call.server}"
        if call.client in _NOBODY or call.server in _NOBODY or call.client == call.server:
            continue
        if call.client not in parts:
            drafting.leave_out(source, f"nothing calls {call.client}: add it with a check of its own")
        elif drafting.draft.reaches(parts[call.server].name, parts[call.client].name):
            drafting.leave_out(source, "the other way round as well, or a circle: keep the edge that is a dependency")
        else:
            parts[call.client].needs.append(Edge((parts[call.server].name,), source))
    if url is None and parts:
        drafting.draft.notes.append(f"Replace {_HERE} by the URL of your Prometheus.")
    drafting.draft.notes.append(
        "An error ratio says nothing without traffic, and little about why: add checks of the components themselves."
    )


def _calls(source: Source, drafting: Drafting) -> Iterator[_Call]:
    """The edges of the answers in a file."""
    for document in source.documents:
        data = mapping(document).get("data")
        rows = sequence(data) or sequence(mapping(data).get("result"))
        if not rows:
            drafting.leave_out(source.name, "no series: the query found nothing, or it is no answer of Prometheus")
        for row in map(mapping, rows):
            labels = mapping(row.get("metric")) or row
            yield from _call(labels, drafting, source.name)


def _call(labels: Mapping[str, Any], drafting: Drafting, at: str) -> Iterator[_Call]:
    if "client" in labels and "server" in labels:
        sort = text(labels.get("connection_type"))
        yield _Call(text(labels["client"]), text(labels["server"]), GRAPH, "server", sort)
        return
    client = text(labels.get("source_canonical_service")) or text(labels.get("source_workload"))
    for label in ("destination_canonical_service", "destination_service_name"):
        if server := text(labels.get(label)):
            yield _Call(client, server, ISTIO, label, "")
            return
    drafting.leave_out(
        at, f"a series without client and server: {', '.join(sorted(map(str, labels)))[:100] or 'no labels'}"
    )


def _check(call: _Call, url: str) -> dict[str, Any]:
    """At most one of twenty calls fails; without calls there is no evidence."""
    selected = f'{call.label}="{_escaped(call.server)}"'
    if call.metric == GRAPH:
        failed, every = f"{GRAPH_FAILED}{{{selected}}}", f"{GRAPH}{{{selected}}}"
    else:
        failed, every = f'{ISTIO}{{{selected},response_code=~"5.."}}', f"{ISTIO}{{{selected}}}"
    query = f"(sum(rate({failed}[5m])) or vector(0)) / sum(rate({every}[5m]))"
    return {"kind": "promql", "url": url, "query": query, "expect": {"value": {"lt": 0.5}},
            "degraded": {"value": {"ge": 0.05}}}  # fmt: skip


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
