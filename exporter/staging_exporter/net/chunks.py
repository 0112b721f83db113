"""Chunked bodies whose lines end with LF alone, made valid for the parser; that it was so is noted.

curl, Chromium and nginx accept such lines, RFC 9112 section 7.1 does not. As one connection has one response here,
nothing can be smuggled into another one. Whatever else is wrong stays as it is: the parser refuses it.
"""

from __future__ import annotations

import re
from enum import Enum, auto

NOTE = "a line of a chunk that ends with LF alone"
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?")
_LONGEST = 16 * 1024  # bytes of a line


class _Line(Enum):
    """What the next line is."""

    SIZE = auto()
    AFTER_DATA = auto()
    TRAILER = auto()
    ANYTHING = auto()  # the body has ended, or is not valid


class Chunks:
    """Follows the bytes of a chunked body; `notes` is empty while its lines are valid."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._next = _Line.SIZE
        self._left = 0  # bytes of the chunk that are still to come
        self._line = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The same bytes, with CRLF at the end of lines."""
        valid, at = bytearray(), 0
        while at < len(data) and self._next is not _Line.ANYTHING:
            if self._left:
                end = min(at + self._left, len(data))
                self._left -= end - at
                valid += data[at:end]
            else:
                newline = data.find(b"\n", at)
                end = len(data) if newline < 0 else newline + 1
                valid += self._part(data[at:end])
            at = end
        return bytes(valid + data[at:])

    def _part(self, part: bytes) -> bytes:
        """A line, or a part of one; it is held until it is complete."""
        self._line += part
        if not part.endswith(b"\n"):
            return self._refused() if len(self._line) > _LONGEST else b""
        line, self._line = bytes(self._line), bytearray()
        content = line.removesuffix(b"\n").removesuffix(b"\r")
        size = _SIZE.fullmatch(content) if self._next is _Line.SIZE else None
        self._next = self._after(content, size)
        if not line.endswith(b"\r\n"):
            self.notes = [NOTE]
        return (size[1] if size else content) + b"\r\n"  # without an extension, before which there may be white space

    def _refused(self) -> bytes:
        self._next = _Line.ANYTHING
        return bytes(self._line)

    def _after(self, line: bytes, size: re.Match[bytes] | None) -> _Line:
        match self._next:
            case _Line.SIZE if size:
                self._left = int(size[1], 16)
                return _Line.AFTER_DATA if self._left else _Line.TRAILER
            case _Line.AFTER_DATA if not line:
                return _Line.SIZE
            case _Line.TRAILER if line:
                return _Line.TRAILER
        return _Line.ANYTHING
