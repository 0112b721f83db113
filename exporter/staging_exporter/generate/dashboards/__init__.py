"""Configuration -> Grafana dashboards as JSON, for Grafana 10 and later; needs the extra `dashboards`.

`words` has the codes and colours of states, `queries` the PromQL, `panels` the kinds of panels, `board` what all
dashboards share; each of the other modules is one dashboard.
"""

from __future__ import annotations

import warnings

from staging_exporter.core.model import Topology

# The SDK warns of the classic model of a dashboard, which every Grafana from 10 on reads; the newer one needs 13.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from staging_exporter.generate.dashboards import component, dependency_graph, exporter_slo, golden_path
    from staging_exporter.generate.dashboards.queries import Queries

__all__ = ["dashboards"]


def dashboards(topology: Topology) -> dict[str, str]:
    """Text by file name."""
    queries = Queries(topology.environment)
    return {
        f"{golden_path.NAME}.json": golden_path.dashboard(queries, topology),
        f"{dependency_graph.NAME}.json": dependency_graph.dashboard(queries, len(topology.components)),
        f"{component.NAME}.json": component.dashboard(queries),
        f"{exporter_slo.NAME}.json": exporter_slo.dashboard(queries),
    }
