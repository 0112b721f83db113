"""Switches: one per way in which a part can fail, so that failures can be combined."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from staging_exporter.demo.faults import FAULTS, NORMAL, Setting

Changed = Callable[[], Awaitable[None]]


class Switch:
    """One switch of one part: `modes` are its positions and what each does, the first is normal."""

    def __init__(self, name: str, modes: Mapping[str, str], scale: float = 1.0, changed: Changed | None = None) -> None:
        self.name = name
        self.modes = modes
        self.setting = NORMAL
        self._scale = scale
        self._changed = changed
        self._since = time.monotonic()

    @property
    def mode(self) -> str:
        """Its position."""
        return self.setting.mode

    @property
    def elapsed(self) -> float:
        """Seconds since it was last changed."""
        return time.monotonic() - self._since

    def seconds(self, default: float) -> float:
        """The `seconds` of the setting, or `default`, multiplied by the scale of the environment."""
        return (default if self.setting.seconds is None else self.setting.seconds) * self._scale

    async def move(self, setting: Setting) -> None:
        """Apply a new setting to the part."""
        self.setting = setting
        self._since = time.monotonic()
        if self._changed is not None:
            await self._changed()


class Switchboard:
    """All switches, the faults that are on, and the settings made by hand.

    The setting of a switch follows from these layers, so that faults can overlap and be cleared in any order.
    """

    def __init__(self, switches: Sequence[Switch], settled: Changed | None = None) -> None:
        self.switches = {switch.name: switch for switch in switches}
        self._faults: dict[str, Mapping[str, Setting]] = {}
        self._by_hand: dict[str, Setting] = {}
        self._settled = settled

    @property
    def on(self) -> list[str]:
        """Identifiers of the faults that are on."""
        return sorted(self._faults)

    async def inject(self, identifier: str) -> None:
        """Inject a fault; one that is on starts again. Raises KeyError for an unknown one."""
        switches = FAULTS[identifier].switches
        self._faults.pop(identifier, None)
        self._faults[identifier] = switches
        await self._apply(restart=frozenset(switches))

    async def clear(self, *identifiers: str) -> None:
        """Clear faults; no effect on those that are not on."""
        for identifier in identifiers:
            self._faults.pop(identifier, None)
        await self._apply()

    async def move(self, name: str, setting: Setting) -> None:
        """Set one switch by hand, which overrides faults. Raises KeyError, and ValueError for an unknown mode."""
        modes = self.switches[name].modes
        if setting.mode not in modes:
            raise ValueError(f"{name} has no mode {setting.mode!r}; it has {', '.join(modes)}")
        self._by_hand[name] = setting
        await self._apply(restart=frozenset({name}))

    async def release(self, *names: str) -> None:
        """Clear settings made by hand."""
        for name in names:
            self._by_hand.pop(name, None)
        await self._apply()

    async def _apply(self, restart: frozenset[str] = frozenset()) -> None:
        wanted: dict[str, Setting] = {}
        for layer in (*self._faults.values(), self._by_hand):
            wanted.update(layer)
        for name, switch in self.switches.items():
            setting = wanted.get(name, NORMAL)
            if setting != switch.setting or name in restart:
                await switch.move(setting)
        if self._settled is not None:
            await self._settled()
