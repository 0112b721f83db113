"""Test reports: what is in a file, in whichever format."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from staging_exporter.evidence.json_reader import SHAPES, JsonReader
from staging_exporter.evidence.junit import JunitReader
from staging_exporter.evidence.runs import TooSlow
from staging_exporter.evidence.testcases import Incomplete, Report, Rules

Format = Literal["auto", "junit", "pytest-json", "playwright-json", "pytest-benchmark"]
_CHUNK = 64 * 1024


def read_file(path: Path, report_format: Format, rules: Rules, deadline: float) -> Report:
    """The content of the file, by `deadline`, a time.monotonic(). Raises Unreadable, OSError."""
    with path.open("rb") as file:
        return read_report(iter(lambda: file.read(_CHUNK), b""), report_format, rules, deadline)


def read_report(chunks: Iterable[bytes], report_format: Format, rules: Rules, deadline: float) -> Report:
    """Count the cases of a report by the `rules`. Raises Unreadable, Incomplete."""
    report = Report(rules)
    reader: JunitReader | JsonReader | None = None
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise TooSlow("reading it takes longer than the timeout allows")
        if reader is None:
            if not (start := chunk.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")):
                continue
            is_json = report_format in SHAPES or (report_format == "auto" and start.startswith(b"{"))
            reader = JsonReader(report, SHAPES.get(report_format)) if is_json else JunitReader(report)
        reader.feed(chunk)

    if reader is None:
        raise Incomplete("the file is empty")
    reader.finish()
    report.close()
    return report
