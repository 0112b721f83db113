"""The control address: which faults and switches there are, and a way to move them, over HTTP on loopback."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from aiohttp import web
from pydantic import ValidationError

from exporter.demo.faults import FAULTS, Setting
from exporter.demo.switches import Switchboard


class Control:
    """`GET /`; `PUT` and `DELETE` on `/faults/ID` and `/switches/NAME`; `DELETE` on `/faults` and `/switches`.

    Every answer is the whole state as JSON; 404 names what there is, 400 says what is wrong with a setting.
    """

    def __init__(self, claimed: socket.socket, board: Switchboard) -> None:
        self._socket = claimed
        self._board = board
        self._runner: web.AppRunner | None = None
        self.url = f"http://127.0.0.1:{claimed.getsockname()[1]}"

    async def start(self) -> None:
        """Begin to serve."""
        app = web.Application(client_max_size=16 * 1024)
        app.add_routes(
            [
                web.get("/", self._get),
                web.put("/faults/{name}", self._put_fault),
                web.delete("/faults/{name}", self._delete_fault),
                web.delete("/faults", self._delete_faults),
                web.put("/switches/{name}", self._put_switch),
                web.delete("/switches/{name}", self._delete_switch),
                web.delete("/switches", self._delete_switches),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Free the port."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    def _state(self) -> web.Response:
        on = self._board.on
        faults = {name: {"title": fault.title, "on": name in on} for name, fault in FAULTS.items()}
        switches = {
            name: {"setting": switch.setting.model_dump(exclude_none=True), "modes": switch.modes}
            for name, switch in self._board.switches.items()
        }
        return web.json_response({"on": on, "faults": faults, "switches": switches})

    async def _get(self, _request: web.Request) -> web.Response:
        return self._state()

    async def _put_fault(self, request: web.Request) -> web.Response:
        await self._board.inject(_known(request, FAULTS))
        return self._state()

    async def _delete_fault(self, request: web.Request) -> web.Response:
        await self._board.lift(_known(request, FAULTS))
        return self._state()

    async def _delete_faults(self, _request: web.Request) -> web.Response:
        await self._board.lift(*FAULTS)
        return self._state()

    async def _put_switch(self, request: web.Request) -> web.Response:
        name = _known(request, self._board.switches)
        try:
            await self._board.move(name, Setting.model_validate_json(await request.read()))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise web.HTTPBadRequest(text=f"{problems}\n") from None
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        return self._state()

    async def _delete_switch(self, request: web.Request) -> web.Response:
        await self._board.release(_known(request, self._board.switches))
        return self._state()

    async def _delete_switches(self, _request: web.Request) -> web.Response:
        await self._board.release(*self._board.switches)
        return self._state()


def _known(request: web.Request, names: Mapping[str, object]) -> str:
    name = request.match_info["name"]
    if name not in names:
        raise web.HTTPNotFound(text=f"{name} is none of {', '.join(names)}\n")
    return name
