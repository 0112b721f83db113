"""Switches: every way in which a part can misbehave, one knob each, so that any two can be combined."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from staging_exporter.demo.faults import FAULTS, NORMAL, Setting

Changed = Callable[[], Awaitable[None]]


class Switch:
    """One knob of one part: `modes` are its positions with what each does, the first is the normal one."""

    def __init__(self, name: str, modes: Mapping[str, str], scale: float = 1.0, changed: Changed | None = None) -> None:
        self.name = name
        self.modes = modes
        self.setting = NORMAL
        self._scale = scale
        self._changed = changed
        self._since = time.monotonic()

    @property
    def mode(self) -> str:
        """The position that it is in."""
        return self.setting.mode

    @property
    def elapsed(self) -> float:
        """Seconds since it was last moved."""
        return time.monotonic() - self._since

    def seconds(self, default: float) -> float:
        """The setting's `seconds`, or `default`, at the pace of this environment."""
        return (default if self.setting.seconds is None else self.setting.seconds) * self._scale

    async def move(self, setting: Setting) -> None:
        """Take a new setting and tell the part."""
        self.setting = setting
        self._since = time.monotonic()
        if self._changed is not None:
            await self._changed()


class Switchboard:
    """All switches, the faults that are on, and the settings made by hand.

    What a switch is set to follows from these layers, so that faults can overlap and each lifts cleanly.
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
        """Switch a fault on; one that is on begins anew. Raises KeyError when there is none of that name."""
        switches = FAULTS[identifier].switches
        self._faults.pop(identifier, None)
        self._faults[identifier] = switches
        await self._apply(begin_anew=frozenset(switches))

    async def lift(self, *identifiers: str) -> None:
        """Switch faults off; no effect on those that are not on."""
        for identifier in identifiers:
            self._faults.pop(identifier, None)
        await self._apply()

    async def move(self, name: str, setting: Setting) -> None:
        """Set one switch by hand, which wins over faults. Raises KeyError, and ValueError for an unknown mode."""
        modes = self.switches[name].modes
        if setting.mode not in modes:
            raise ValueError(f"{name} has no mode {setting.mode!r}; it has {', '.join(modes)}")
        self._by_hand[name] = setting
        await self._apply(begin_anew=frozenset({name}))

    async def release(self, *names: str) -> None:
        """Forget what was set by hand."""
        for name in names:
            self._by_hand.pop(name, None)
        await self._apply()

    async def _apply(self, begin_anew: frozenset[str] = frozenset()) -> None:
        wanted: dict[str, Setting] = {}
        for layer in (*self._faults.values(), self._by_hand):
            wanted.update(layer)
        for name, switch in self.switches.items():
            setting = wanted.get(name, NORMAL)
            if setting != switch.setting or name in begin_anew:
                await switch.move(setting)
        if self._settled is not None:
            await self._settled()
