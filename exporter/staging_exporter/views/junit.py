"""The document -> JUnit XML, one case per component: root causes fail, what suffers from them is skipped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

from staging_exporter.core.model import LATENT, State
from staging_exporter.core.rules import FAILS
from staging_exporter.views.gate import Gate
from staging_exporter.views.questions import Document, root_of

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets


def junit(document: Document, gate: Gate) -> str:
    """The whole report; what does not count by its name is left out, what does not count by its urgency is skipped."""
    cases = {name: component for name, component in document["components"].items() if gate.covers(name)}
    root = ElementTree.Element("testsuites", name="staging-exporter")
    suite = ElementTree.SubElement(root, "testsuite", name=_clean(document["environment"]), tests=str(len(cases)))
    tallies = {"failure": 0, "error": 0, "skipped": 0}
    for name, component in cases.items():
        case = ElementTree.SubElement(suite, "testcase", classname=component["layer"], name=name, time="0")
        tag, kind, message = _outcome(name, component, document, gate)
        if tag:
            tallies[tag] += 1
            element = ElementTree.SubElement(case, tag, type=kind, message=_clean(message))
            element.text = _clean(component["explanation"]) if tag != "skipped" else None
    suite.set("failures", str(tallies["failure"]))
    suite.set("errors", str(tallies["error"]))
    suite.set("skipped", str(tallies["skipped"]))
    suite.set("timestamp", datetime.fromtimestamp(document["generated_at"], UTC).isoformat(timespec="seconds"))
    suite.set("time", "0")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _outcome(name: str, component: Document, document: Document, gate: Gate) -> tuple[str, str, str]:
    """Element, type and message; an empty element for a pass."""
    state, reason, said = component["state"], component["reason"], component["detail"] or component["reason"]
    root = root_of(document, name)
    if root is not None and root in gate.roots(document):
        return "failure", reason, f"root cause ({root['priority']}, {reason}): {root['detail'] or said}"
    if root is not None:
        return "skipped", reason, f"root cause below {gate.fail_on}, {root['priority']}: {root['detail'] or said}"
    if (untold := gate.untold(document).get(name)) is not None:
        return "error", reason, f"{untold} ({reason}): {said}"
    if state in FAILS:
        return "skipped", reason, _suffers(component)
    if component["conflicts"]:
        return "skipped", "conflict", f"passes although it covers what is down: {', '.join(component['conflicts'])}"
    if state == State.MAINTENANCE or (state == State.UNKNOWN and component["kind"] != LATENT):
        return "skipped", reason, f"{state} ({reason}): {said}"
    return "", "", ""


def _suffers(component: Document) -> str:
    if component["root_causes"]:
        return f"suffers from {', '.join(component['root_causes'])}"
    if component["recovering_from"]:
        return f"recovering from {', '.join(component['recovering_from'])}"
    return str(component["explanation"])


def _clean(text: str) -> str:
    return _ILLEGAL.sub("?", text)
