"""JUnit XML as pytest, Maven, Jest, Playwright and Go write it, read as a stream in limited memory.

There is no standard: test cases are counted. Failures and errors that are outside of them, or that the attributes of
suites claim beyond them, count too. Document types, and so all entities, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from staging_exporter.evidence.testcases import MAX_MESSAGE, MAX_SIZE, Incomplete, Report, Unreadable, seconds

_MAX_TOKEN = 4 * 1024 * 1024  # bytes of one tag
_MAX_DEPTH = 100
# Expat's codes for a document that ends too early: expat.h, XML_ERROR_NO_ELEMENTS and others.
_INCOMPLETE = frozenset({3, 5, 6, 20})
# Control characters that XML forbids and tools write nevertheless, such as colour codes.
_CONTROLS = bytes(c if c >= 32 or c in b"\t\n\r" else ord("?") for c in range(256))
_ROOTS = frozenset({"testsuites", "testsuite", "testrun"})  # the last is of Eclipse
# Reports of other formats, and how their tools write JUnit XML.
_OTHERS = {
    "TestRun": "`dotnet test --logger junit` with the package JunitXml.TestLogger writes that",
    "assemblies": "`dotnet test --logger junit` with the package JunitXml.TestLogger writes that",
    "test-run": "NUnit writes that with `--result=FILE;transform=...` or the package JunitXml.TestLogger",
    "test-results": "NUnit writes that with `--result=FILE;transform=...` or the package JunitXml.TestLogger",
    "testng-results": "TestNG writes that into the directory `junitreports`",
    "robot": "`robot --xunit FILE` writes that",
}
_CHILDREN = {"failure": "failed", "error": "error", "skipped": "skipped"}
_RERUNS = frozenset({"rerunFailure", "rerunError", "flakyFailure", "flakyError"})
_BAD = ("failed", "error")
_NOT_RUN = frozenset({"notrun", "disabled", "skipped", "ignored"})
_FAILED = frozenset({"failed", "failure", "fail", "error", "errored", "broken"})


class JunitReader:
    """Feed it the bytes of a file, then finish; the cases are counted into `report`. Raises Unreadable."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: list[str] = []
        self._cases: list[_Case] = []  # those that are open: one may be inside of another
        self._text: list[str] | None = None
        self._suites: list[_Suite] = []  # those that are open, the root among them
        self._begun = 0  # suites so far
        self._outside: _Case | None = None  # a failure of no test case
        self._suite_times: list[float] = []
        self._case_times = 0.0
        self._fed = 0
        self._wide: bool | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.EntityDeclHandler = _refuse

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        if self._wide is None:
            self._wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
            data = data if self._wide else data.lstrip(b" \t\r\n")  # nothing may come before the declaration
        self._fed += len(data)
        self._parse(data if self._wide else data.translate(_CONTROLS), final=False)
        if self._fed > MAX_SIZE:
            raise Unreadable(f"more than {MAX_SIZE // 1024**2} MiB of XML")
        if self._fed - self._parser.CurrentByteIndex > _MAX_TOKEN:
            raise Unreadable("a single tag of more than 4 MiB")

    def finish(self) -> None:
        """No more bytes will come."""
        self._parse(b"", final=True)
        self._report.duration = sum(self._suite_times) or self._case_times

    def _parse(self, data: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            kind = Incomplete if error.code in _INCOMPLETE and final else Unreadable
            raise kind(f"XML: {expat.ErrorString(error.code)} in line {error.lineno}") from None
        except (ValueError, LookupError) as error:  # an unknown encoding
            raise Unreadable(f"XML: {error}") from None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if not self._open and tag not in _ROOTS:
            hint = f"; {_OTHERS[tag]}" if tag in _OTHERS else ""
            raise Unreadable(f"the root is <{tag[:50]}>, expected <testsuites> or <testsuite>{hint}")
        self._open.append(tag)
        if len(self._open) > _MAX_DEPTH:
            raise Unreadable(f"nested more than {_MAX_DEPTH} deep")
        if tag in _ROOTS:
            if name := attributes.get("name"):
                self._report.names.add_group(f"suite {name}")
            self._suites.append(_Suite(attributes.get("name", ""), _claimed(attributes)))
            self._begun += 1
        if tag == "testsuite":
            self._start_suite(attributes)
        elif tag == "testcase":
            self._start_case(attributes)
        elif self._cases and (tag in _CHILDREN or tag in _RERUNS):
            self._cases[-1].see(tag, attributes)
            self._text = self._cases[-1].message
        elif tag in ("failure", "error") and self._open[-2] in _ROOTS:
            name = next((suite.name for suite in reversed(self._suites) if suite.name), "without a name")
            self._outside = _Case(f"suite {name}", 0.0)
            self._outside.see(tag, attributes)
            self._text = self._outside.message

    def _start_suite(self, attributes: dict[str, str]) -> None:
        self._report.begin(attributes.get("timestamp", ""))
        if self._open.count("testsuite") > 1:
            return  # counted in the outer suite
        self._suite_times.append(seconds(attributes.get("time")))
        if (tests := attributes.get("tests", "")).isdecimal():
            self._report.claimed = (self._report.claimed or 0) + int(tests[:9])

    def _start_case(self, attributes: dict[str, str]) -> None:
        own = attributes.get("classname") or attributes.get("class") or attributes.get("file") or ""
        self._report.names.add_group(own)
        name = "::".join(part for part in (own, attributes.get("name", "")) if part)
        case = _Case(name, seconds(attributes.get("time")))
        self._cases.append(case)
        if attributes.get("ignored") == "true" or _NOT_RUN & {
            attributes.get("status", "").lower(),
            attributes.get("result", "").lower(),
        }:
            case.outcome = "skipped"
        elif _FAILED & {attributes.get("status", "").lower(), attributes.get("result", "").lower()}:
            case.outcome = "failed"

    def _characters(self, data: str) -> None:
        if self._text is not None and sum(map(len, self._text)) < MAX_MESSAGE:
            self._text.append(data[:MAX_MESSAGE])

    def _end(self, tag: str) -> None:
        closed = self._open.pop()
        self._text = None
        if closed in _ROOTS:
            self._close_suite()
        elif self._outside is not None and closed in ("failure", "error"):
            case, self._outside = self._outside, None
            self._report.add(case.name, case.outcome, "\n".join(case.message)[:MAX_MESSAGE])
        if closed == "testcase":
            case = self._cases.pop()
            self._case_times += case.seconds
            self._report.flaky += case.rerun and case.outcome == "passed"
            message = "\n".join(case.message)[:MAX_MESSAGE]
            self._report.add(case.name, case.outcome, message, str(self._begun), case.bad, case.seconds)

    def _close_suite(self) -> None:
        suite = self._suites.pop()
        bad = max(suite.claims, suite.inner)  # tools add up inner suites, or do not
        if self._suites:
            self._suites[-1].inner += bad
        else:
            self._report.claimed_bad = bad


@dataclass
class _Suite:
    """An open suite: the failures and errors that its attributes claim, and those that its inner suites claim."""

    name: str
    claims: int
    inner: int = 0


def _claimed(attributes: dict[str, str]) -> int:
    counts = [attributes.get(key, "") for key in ("failures", "errors")]
    return sum(int(count[:9]) for count in counts if count.isascii() and count.isdecimal())


class _Case:
    """The test case that is being read; of several outcomes the worst is used."""

    def __init__(self, name: str, took: float) -> None:
        self.name = name
        self.seconds = took
        self.outcome = "passed"
        self.message: list[str] = []
        self.rerun = False
        self._seen = 0  # failures and errors, those of further attempts among them

    @property
    def bad(self) -> int:
        """How many failures and errors it has; one that only an attribute shows is one."""
        return max(self._seen, self.outcome in _BAD)

    def see(self, tag: str, attributes: dict[str, str]) -> None:
        self._seen += tag != "skipped"
        if tag in _RERUNS:
            self.rerun = True
            return
        order = ("passed", "skipped", "failed", "error")
        self.outcome = max(self.outcome, _CHILDREN[tag], key=order.index)
        self.message += [attributes[key][:MAX_MESSAGE] for key in ("type", "message") if key in attributes]


def _refuse(*_declaration: object) -> None:
    raise Unreadable("XML: a document type is not accepted")
