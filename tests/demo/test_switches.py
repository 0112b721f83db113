"""Switches, and the faults that are made of them."""

from __future__ import annotations

import pytest
from staging_exporter.demo.faults import FAULTS, NORMAL, Setting
from staging_exporter.demo.switches import Switch, Switchboard

MODES = {"ok": "as it should be", "close": "hangs up", "refuse": "does not listen", "timeout": "is silent", "blind": ""}


def board() -> tuple[Switchboard, list[str]]:
    moves: list[str] = []

    def switch(name: str) -> Switch:
        async def moved() -> None:
            moves.append(f"{name} {made.mode}")

        made = Switch(name, MODES, changed=moved)
        return made

    return Switchboard([switch(name) for name in ("postgres-proxy", "redis-proxy", "auth")]), moves


def modes(of: Switchboard) -> dict[str, str]:
    return {name: switch.mode for name, switch in of.switches.items() if switch.setting != NORMAL}


async def test_a_fault_moves_its_switches_and_is_cleared_completely() -> None:
    switches, moves = board()
    await switches.inject("F01")
    assert (modes(switches), switches.on) == ({"postgres-proxy": "close", "auth": "blind"}, ["F01"])
    await switches.clear("F01")
    assert (modes(switches), switches.on) == ({}, [])
    assert moves == ["postgres-proxy close", "auth blind", "postgres-proxy ok", "auth ok"]


async def test_of_two_faults_on_one_switch_the_later_wins_until_it_is_cleared() -> None:
    switches, _ = board()
    await switches.inject("F01")
    await switches.inject("F25")
    assert modes(switches) == {"postgres-proxy": "timeout", "redis-proxy": "timeout", "auth": "blind"}
    await switches.clear("F25")
    assert modes(switches) == {"postgres-proxy": "close", "auth": "blind"}


async def test_a_setting_by_hand_wins_until_it_is_released() -> None:
    switches, _ = board()
    await switches.move("postgres-proxy", Setting(mode="refuse"))
    await switches.inject("F01")
    assert modes(switches)["postgres-proxy"] == "refuse"
    await switches.release("postgres-proxy")
    assert modes(switches)["postgres-proxy"] == "close"
    await switches.clear(*FAULTS)
    assert modes(switches) == {}


async def test_a_fault_that_is_on_starts_again_when_injected_again() -> None:
    switches, moves = board()
    await switches.inject("F22")
    await switches.inject("F22")
    assert moves == ["redis-proxy refuse", "redis-proxy refuse"]


async def test_an_unknown_mode_is_refused_and_changes_nothing() -> None:
    switches, _ = board()
    with pytest.raises(ValueError, match="auth has no mode 'explode'; it has ok, close"):
        await switches.move("auth", Setting(mode="explode"))
    await switches.release()
    assert modes(switches) == {}


async def test_the_scale_applies_to_a_switch_s_seconds() -> None:
    switch = Switch("backend", MODES, scale=0.5)
    assert switch.seconds(26) == 13
    await switch.move(Setting(mode="close", seconds=4))
    assert switch.seconds(26) == 2


def test_every_scenario_has_a_fault() -> None:
    numbers = [1, 3, 6, 7, 8, 9, 10, 11, 12, 14, 16, 19, 21, 22, 25, 27, 30, 31, 37, 40, 41, 43, 44]
    numbers += range(50, 59)
    cloud = [f"G{number:02}" for number in range(1, 7)]
    assert list(FAULTS) == [f"F{number:02}" for number in numbers] + cloud
