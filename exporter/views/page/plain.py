"""Snapshot -> the page at `/`: a plain table for now, readable without a script or a style sheet of others."""

from __future__ import annotations

from html import escape

from exporter.core.snapshot import Snapshot
from exporter.views.report import text

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}
pre{white-space:pre-wrap;background:#8881;padding:1em;border-radius:6px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3em .6em;border-bottom:1px solid #8884}
:root{color-scheme:light dark}"""


def page(snapshot: Snapshot) -> str:
    """The whole HTML document."""
    rows = "\n".join(
        f"<tr><td>{escape(name)}<td>{escape(status.component.layer)}<td>{escape(status.state)}"
        f"<td>{escape(status.reason)}<td>{escape(', '.join(status.root_causes))}<td>{escape(status.detail)}"
        for name, status in snapshot.components.items()
    )
    title = f"{escape(snapshot.environment)} is {escape(snapshot.state)}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head><body>
<pre>{escape(text(snapshot))}</pre>
<table><thead><tr><th>Component<th>Layer<th>State<th>Reason<th>Suffers from<th>Detail</thead><tbody>
{rows}
</tbody></table>
<p><a href="metrics">Metrics</a> <a href="api/v1/status">Status as JSON</a></p>
</body></html>
"""
