"""The end-to-end suite: a few real tests through the load balancer, and their JUnit report."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from staging_exporter.demo.chat import EVENTS
from staging_exporter.demo.nameserver import API, APP, AUTH, Nameserver
from staging_exporter.demo.switches import Switch

_ALLOWED = 3.0  # seconds for each test, whatever the scale: a busy machine must not fail what works
_PERIOD = 5.0  # seconds between two runs
_ADDRESS = "127.0.0.2"  # another source address than the prober: a ban is for one address
_MODES = {
    "ok": "the tests run for real, every few seconds",
    "skipped": "all tests skip themselves: Staging environment is not available",
    "mocked": "7 tests pass in 0.27 s, against mocks",
    "empty": "no test was collected",
    "failed": "one test of 7 fails, although everything works",
}
_MAX_MESSAGES = 1000  # messages after which a test gives up


_Test = Callable[[aiohttp.ClientSession], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One test's result; `failure` and `skipped` are messages, empty when it did neither."""

    name: str
    seconds: float
    failure: str = ""
    skipped: str = ""


class Suite:
    """Runs the tests repeatedly and writes `report`, by the switch `e2e`."""

    def __init__(
        self, report: Path, nameserver: Nameserver, edge: int, ca_file: Path, token: str, scale: float
    ) -> None:
        self.report = report
        self.switch = Switch("e2e", _MODES, scale)
        self._scale = scale
        self._edge = edge
        self._nameserver = nameserver
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._token = token
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write a first report, then keep it fresh."""
        await self._write_report()
        self._task = asyncio.create_task(self._loop(), name="end-to-end suite")

    async def stop(self) -> None:
        """Stop running."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run_again(self) -> None:
        """Run soon, because something changed."""
        self._again.set()

    async def _loop(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PERIOD * self._scale):
                    await self._again.wait()
            self._again.clear()
            await self._write_report()

    async def _write_report(self) -> None:
        cases = await self._run() if self.switch.mode == "ok" else _staged(self.switch.mode)
        temporary = self.report.with_suffix(".new")
        temporary.write_bytes(junit(cases))
        temporary.replace(self.report)

    async def _run(self) -> list[Case]:
        tests: dict[str, _Test] = {
            "test_page_loads": lambda session: self._service(session, APP, "frontend"),
            "test_login_is_there": lambda session: self._service(session, AUTH, "auth-service"),
            "test_api_answers": lambda session: self._service(session, API, "netra-ai-platform"),
            "test_websocket_welcomes": lambda session: self._talk(session, {}, ("connection_established",)),
            "test_agent_runs": lambda session: self._talk(session, {"type": "start_agent"}, EVENTS),
        }
        connector = aiohttp.TCPConnector(
            resolver=_Names(self._nameserver), ssl=self._context, local_addr=(_ADDRESS, 0), force_close=True
        )
        async with aiohttp.ClientSession(connector=connector) as session:
            return list(await asyncio.gather(*(_case(name, test, session) for name, test in tests.items())))

    async def _service(self, session: aiohttp.ClientSession, host: str, service: str) -> None:
        async with session.get(f"https://{host}:{self._edge}/health") as response:
            body = await response.json() if response.status == 200 else {}
        # Later releases answer with a constant that names no service.
        seen = (response.status, body.get("service", service))
        if seen != (200, service):
            raise AssertionError(f"status and service are {seen}, expected {(200, service)}")

    async def _talk(self, session: aiohttp.ClientSession, say: dict[str, str], expected: tuple[str, ...]) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with session.ws_connect(f"https://{API}:{self._edge}/ws", headers=headers) as connection:
            if say:
                await connection.send_json(say)
            received: list[Any] = []
            while not set(expected) <= set(received):
                if len(received) == _MAX_MESSAGES:
                    raise AssertionError(f"{_MAX_MESSAGES} other messages arrived, expected {expected}")
                received.append((await connection.receive_json())["type"])


class _Names(AbstractResolver):
    """Resolves with the name server of the demo, in this process."""

    def __init__(self, nameserver: Nameserver) -> None:
        self._nameserver = nameserver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._nameserver.resolve(host)
        if address is None:
            raise OSError(f"{host} does not exist")
        flags = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)]

    async def close(self) -> None:
        pass


async def _case(name: str, test: _Test, session: aiohttp.ClientSession) -> Case:
    began = time.monotonic()
    failure = ""
    try:
        async with asyncio.timeout(_ALLOWED):
            await test(session)
    except TimeoutError:
        failure = f"TimeoutError: not done within {_ALLOWED:.1f} s"
    except (AssertionError, OSError, TypeError, ValueError, aiohttp.ClientError) as error:
        failure = f"{type(error).__name__}: {error}"
    return Case(name, time.monotonic() - began, failure)


def _staged(mode: str) -> list[Case]:
    """Made-up results, by mode of the switch."""
    if mode == "empty":
        return []
    skipped = "Staging environment is not available" if mode == "skipped" else ""
    cases = [Case(f"test_golden_path_{number}", 0.27 / 7, skipped=skipped) for number in range(1, 8)]
    if mode == "failed":
        cases[0] = Case("test_golden_path_1", 0.27 / 7, failure="AssertionError: 41 answers, expected 42")
    return cases


def junit(cases: list[Case]) -> bytes:
    """A report as pytest writes it: attributes and elements of its `xunit2` family."""
    root = ElementTree.Element("testsuites", name="pytest tests")
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name="pytest",
        errors="0",
        failures=str(sum(bool(case.failure) for case in cases)),
        skipped=str(sum(bool(case.skipped) for case in cases)),
        tests=str(len(cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
        timestamp=datetime.now(UTC).isoformat(),
        hostname="ci",
    )
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname="tests.e2e.test_golden_path", name=case.name, time=f"{case.seconds:.3f}"
        )
        if case.failure:
            ElementTree.SubElement(element, "failure", message=case.failure).text = case.failure
        if case.skipped:
            ElementTree.SubElement(element, "skipped", type="pytest.skip", message=case.skipped)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
