"""A message of a WebSocket."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """A message, text or binary."""

    data: bytes
    is_text: bool = True

    @property
    def text(self) -> str:
        """It as text; bytes that cannot be decoded are replaced."""
        return self.data.decode(errors="replace")

    @property
    def is_utf8(self) -> bool:
        """True when its bytes are UTF-8, as those of a text must be."""
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True
