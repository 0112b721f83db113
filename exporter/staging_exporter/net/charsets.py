"""The charset of a body, by the Encoding Standard of browsers: https://encoding.spec.whatwg.org/."""

from __future__ import annotations

import re

import webencodings

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DECLARED = re.compile(r"charset\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s;,]*)", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_META_WITHIN = 1024  # bytes in which browsers look for <meta>
_MARKUP = ("html", "xml")
_WIDE = ("utf-16-le", "utf-16-be")


class Undecodable(ValueError):
    """The bytes are not the text that they should be; the message says why."""


def decoded(body: bytes, content_type: str) -> str:
    """The text of a body: by its byte order mark, the charset of `content_type`, `<meta>`, or as UTF-8.

    Raises Undecodable for an unknown charset, and for bytes that are no text in it.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return _strictly(body[len(mark) :], codec, codec)
    found = _DECLARED.search(content_type)
    label = (found[1].strip("\"' ") if found else "") or _in_markup(body, content_type) or "utf-8"
    encoding = webencodings.lookup(label)
    if encoding is None or encoding.name in ("replacement", "x-user-defined"):
        raise Undecodable(f"charset {label[:40]!r} is unknown")
    return _strictly(body, encoding.codec_info.name, label)


def lossy(body: bytes, content_type: str) -> str:
    """The text, as well as it can be decoded."""
    try:
        return decoded(body, content_type)
    except Undecodable:
        return body.decode("utf-8", "replace")


def _in_markup(body: bytes, content_type: str) -> str:
    kind = content_type.partition(";")[0].lower()
    if kind and not any(word in kind for word in _MARKUP):
        return ""
    found = _XML.search(body[:_META_WITHIN]) or _META.search(body[:_META_WITHIN])
    label = found[1].decode("ascii", "replace") if found else ""
    # What says so in ASCII is not UTF-16.
    return "utf-8" if label.lower().startswith("utf-16") else label


def _strictly(body: bytes, codec: str, label: str) -> str:
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        if codec == "cp1252":  # five bytes are controls there for browsers
            return body.decode("cp1252", "replace")
        raise Undecodable(f"not {label[:40]} text at byte {error.start}") from None
    if codec not in _WIDE and "\0" in text:
        raise Undecodable(f"not {label[:40]} text: it has null bytes")
    return text
