"""Host names as DNS, TLS and HTTP want them: one form for all, so that no two of them ask for different hosts."""

from __future__ import annotations

import unicodedata

import idna


def ascii_name(name: str) -> str:
    """The name in lower case, internationalised labels by IDNA 2008 with the mapping of UTS 46, as browsers do.

    Labels that are ASCII stay as they are, since names in DNS may have what host names may not. Symbols, which only
    UTS 46 allows, are encoded too. Raises ValueError.
    """
    if name.isascii():
        return name.lower()
    try:
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
        return ".".join(label if label.isascii() else _a_label(label) for label in mapped.split("."))
    except UnicodeError as error:
        raise ValueError(f"{name!r} is not a host name: {error}") from None


def tls_name(name: str) -> str:
    """The name to send and to verify: without the dot at the end, which is for the resolver alone. RFC 6066, section 3.

    Raises ValueError.
    """
    return ascii_name(name.removesuffix("."))


def _a_label(label: str) -> str:
    try:
        return idna.alabel(label).decode()
    except idna.IDNAError:
        if not any(unicodedata.category(character).startswith("S") for character in label):
            raise
        return f"xn--{label.encode('punycode').decode()}"
