"""What a notification says of a root cause beside its name: the evidence, since when, how certain, and what with it.

All of it is in annotations, by queries: a label of an alert that changed would resolve it and fire another one.
"""

from __future__ import annotations

from staging_exporter.core import names
from staging_exporter.core.model import Certainty
from staging_exporter.generate.alerts import OF_COMPONENT, ask, series

EVIDENCE = (
    f"{{{{ with {ask(names.ROOT_CAUSE_INFO, OF_COMPONENT)} }}}}{{{{ with . | first }}}}{{{{ .Labels.reason }}}}"
    "{{ if .Labels.detail }}, {{ .Labels.detail }}{{ end }}{{ end }}{{ else }}unknown{{ end }}"
)
CERTAINTY = series(names.CERTAINTY, OF_COMPONENT, "certainty", " == 1", nothing="unknown")


def _related(relation: str, before: str, after: str) -> str:
    """A sentence about the components of this relation, nothing without one."""
    selection = f'{OF_COMPONENT},relation="{relation}"'
    return series(names.RELATED, selection, "related", before=f" {before}", after=after, nothing="")


_LIKELY = ask(names.CERTAINTY, f'{OF_COMPONENT},certainty="{Certainty.LIKELY}"', " == 1")
DESCRIPTION = (
    f" Evidence: {EVIDENCE}.{{{{ with {ask(names.STATE_SINCE, OF_COMPONENT)} }}}}"
    f" Since: {{{{ . | first | value | humanizeTimestamp }}}}.{{{{ end }}}}"
    f"{{{{ $likely := {_LIKELY} }}}}{{{{ if $likely }}}} It is likely, not certain.{{{{ end }}}}"
    + _related("suspect", "{{ if $likely }}Alternatives{{ else }}Suspects{{ end }}: ", ".")
    + _related("not_recovered_from", "It has not recovered since ", " came back.")
    + _related("coincides_with", "It began to fail at the same time as ", ", to which no dependency is configured.")
    + _related(
        "contradicted_by",
        "Up although they depend on it: ",
        ". The problem is the network path from the exporter, the dependency is wrong, or the check is shallow.",
    )
    + _related("through", "Not noticed by the checks of: ", ".")
)
