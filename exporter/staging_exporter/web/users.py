"""The users of the web configuration file. Imported by `app`."""

from __future__ import annotations


class NoUsers:
    """Without a web configuration file there are none."""

    configured = False

    async def known(self, _authorization: str, _address: str) -> str | None:
        """Nobody."""
        return None
