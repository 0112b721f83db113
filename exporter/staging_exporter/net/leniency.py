"""Response heads that every other client accepts, made valid for the parser; what was wrong with them is noted.

One connection has one response here, so that nothing can be smuggled into another one. What leaves the length of the
body open (lengths that differ, unknown transfer codings), and NUL bytes, stay as they are: the parser refuses them.
"""

from __future__ import annotations

import re

from staging_exporter.net.chunks import Chunks

_STATUS = re.compile(rb"(?i:HTTP)/(1\.[01])[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?")
_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NEWLINE = re.compile(rb"\r?\n")

_END = re.compile(rb"\r?\n\r?\n")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:[ \t]*chunked[ \t]*\r?$")
_UPGRADED = re.compile(rb"HTTP/1\.[01] 101")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)")
_MAX_HEAD = 64 * 1024  # bytes; the parser refuses what is longer

Fields = list[tuple[bytes, bytes]]


class Repairs:
    """Repairs the heads in the bytes of a response, interim ones and the final one, and the lines of its chunks.

    Without `has_body` what follows the head is left as it is.
    """

    def __init__(self) -> None:
        self.has_body = True
        self._notes: list[str] = []
        self._held: bytearray | None = bytearray()
        self._chunks: Chunks | None = None

    @property
    def notes(self) -> list[str]:
        """What was not valid until now."""
        return [*self._notes, *(self._chunks.notes if self._chunks else ())]

    def feed(self, data: bytes) -> bytes:
        """What the parser may have now; empty while a head is incomplete, and for the end of the stream `b""` too."""
        if self._held is None:
            return self._chunks.feed(data) if self._chunks else data
        begin = max(0, len(self._held) - 3)
        self._held += data
        if not data or len(self._held) > _MAX_HEAD:
            return self._release()
        valid = b""
        while self._held is not None and (end := _END.search(self._held, begin)):
            head, notes = repair(bytes(self._held[: end.end()]))
            self._notes += notes
            valid += head
            del self._held[: end.end()]
            begin = 0
            if not _INTERIM.match(head):
                chunked = self.has_body and _CHUNKED.search(head) and not _UPGRADED.match(head)
                self._chunks = Chunks() if chunked else None
                body = self._release()
                valid += self._chunks.feed(body) if self._chunks else body
        return valid

    def _release(self) -> bytes:
        held, self._held = bytes(self._held or b""), None
        return held


def repair(head: bytes) -> tuple[bytes, list[str]]:
    """The head of a response with its empty line, valid where it can be, and what was not valid in it."""
    first, *lines = _NEWLINE.split(head.rstrip(b"\r\n"))
    notes: list[str] = []
    status = _status_line(first, notes)
    fields = _lengths(_transfer_codings(_fields(_unfolded(lines), notes), notes), notes)
    if not notes:
        return head, []
    return b"\r\n".join([status, *(name + b": " + value for name, value in fields), b"", b""]), notes


def _status_line(line: bytes, notes: list[str]) -> bytes:
    match = _STATUS.fullmatch(line)
    if not match:
        return line
    valid = b"HTTP/%s %s %s" % (match[1], match[2], _CONTROL.sub(b" ", match[3] or b""))
    if line.rstrip() != valid.rstrip():
        notes.append(f"status line {line[:60].decode('latin-1')!r}")
    return valid


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Lines that continue the one before are joined to it: RFC 9112 section 5.2."""
    joined: list[bytes] = []
    for line in lines:
        if line.startswith((b" ", b"\t")) and joined:
            joined[-1] += b" " + line.strip()
        else:
            joined.append(line)
    return joined


def _fields(lines: list[bytes], notes: list[str]) -> Fields:
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        shown = name[:40].decode("latin-1")
        if not colon:
            notes.append(f"a line without a colon: {shown!r}")
        elif not _TOKEN.fullmatch(name.rstrip(b" \t")):
            notes.append(f"the header name {shown!r}")
        else:
            if name != name.rstrip(b" \t"):
                notes.append(f"white space before the colon of {shown.rstrip()}")
            if _CONTROL.search(value):
                notes.append(f"a control character in {shown.rstrip()}")
            fields.append((name.rstrip(b" \t"), _CONTROL.sub(b" ", value).strip(b" \t")))
    return fields


def _transfer_codings(fields: Fields, notes: list[str]) -> Fields:
    """`identity` is no coding since RFC 7230, and `chunked` counts once; anything else is for the parser."""
    found = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    codings = [coding.strip().lower() for value in found for coding in value.split(b",")]
    if not found or codings == [b"chunked"] or set(codings) - {b"identity", b"chunked", b""}:
        return fields
    notes.append(f"Transfer-Encoding {b', '.join(codings).decode('latin-1')}")
    others = [field for field in fields if field[0].lower() != b"transfer-encoding"]
    return [*others, (b"Transfer-Encoding", b"chunked")] if b"chunked" in codings else others


def _lengths(fields: Fields, notes: list[str]) -> Fields:
    """A length that is repeated, and one beside chunks, which count: RFC 9112 section 6.3."""
    found = [value for name, value in fields if name.lower() == b"content-length"]
    lengths = [length.strip() for value in found for length in value.split(b",")]
    if any(name.lower() == b"transfer-encoding" for name, _ in fields) and found:
        notes.append("Content-Length beside Transfer-Encoding")
        return [field for field in fields if field[0].lower() != b"content-length"]
    if len(lengths) > 1 and len(set(lengths)) == 1:
        notes.append("Content-Length more than once")
        others = [field for field in fields if field[0].lower() != b"content-length"]
        return [*others, (b"Content-Length", lengths[0])]
    return fields
