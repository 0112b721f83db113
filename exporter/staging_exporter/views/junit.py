"""Status document -> JUnit XML, one test case per component: root causes fail, affected components are skipped.

Each component that a test suite covers has a further case, skipped when the suite passes although it is down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree

from staging_exporter.core.model import LATENT, Certainty, State
from staging_exporter.core.rules import FAILS
from staging_exporter.views.document_types import ComponentDocument, StatusDocument
from staging_exporter.views.gate import Gate
from staging_exporter.views.queries import conflict, root_cause_of

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets


def junit(document: StatusDocument, gate: Gate) -> str:
    """The whole report. Components outside the gate's scope are left out; less urgent root causes are skipped."""
    cases = {name: component for name, component in document["components"].items() if gate.covers(name)}
    root = ElementTree.Element("testsuites", name="staging-exporter")
    suite = ElementTree.SubElement(root, "testsuite", name=_clean(document["environment"]))
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for name, component in cases.items():
        case = ElementTree.SubElement(suite, "testcase", classname=component["layer"], name=name, time="0")
        tag, kind, message = _outcome(name, component, document, gate)
        if tag:
            counts[tag] += 1
            element = ElementTree.SubElement(case, tag, type=kind, message=_clean(message))
            element.text = _clean(component["explanation"]) if tag != "skipped" else None
    for tests, name, message in _covered(cases):
        case = ElementTree.SubElement(suite, "testcase", classname=f"{tests} covers", name=name, time="0")
        if message:
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", type="conflict", message=_clean(message))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    suite.set("timestamp", datetime.fromtimestamp(document["generated_at"], UTC).isoformat(timespec="seconds"))
    suite.set("time", "0")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _covered(cases: Mapping[str, ComponentDocument]) -> Iterator[tuple[str, str, str]]:
    """Suite, component that it covers, and the sentence on their conflict, empty without one."""
    for suite, component in cases.items():
        for name in component["covers"]:
            yield suite, name, conflict(suite, component, name) if name in component["conflicts"] else ""


def _outcome(name: str, component: ComponentDocument, document: StatusDocument, gate: Gate) -> tuple[str, str, str]:
    """Element, type and message; an empty element for a pass."""
    state, reason, detail = component["state"], component["reason"], component["detail"] or component["reason"]
    root = root_cause_of(document, name)
    if root is not None and root in gate.root_causes(document):
        found = "" if root["certainty"] == Certainty.OBSERVED else f", {root['certainty']}"
        return "failure", reason, f"root cause ({root['priority']}, {reason}{found}): {root['detail'] or detail}"
    if root is not None:
        return "skipped", reason, f"root cause, {root['priority']} is below {gate.fail_on}: {root['detail'] or detail}"
    if (why := gate.undetermined(document).get(name)) is not None:
        return "error", reason, f"{why} ({reason}): {detail}"
    if state in FAILS:
        return "skipped", reason, _cause_of_symptom(component)
    if state == State.MAINTENANCE or (state == State.UNKNOWN and component["kind"] != LATENT):
        return "skipped", reason, f"{state} ({reason}): {detail}"
    return "", "", ""


def _cause_of_symptom(component: ComponentDocument) -> str:
    if component["root_causes"]:
        return f"affected by {', '.join(component['root_causes'])}"
    if component["recovering_from"]:
        return f"recovering from {', '.join(component['recovering_from'])}"
    return component["explanation"]


def _clean(text: str) -> str:
    return _ILLEGAL.sub("?", text)
