"""The control API: lists faults and switches, and changes them, over HTTP on loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from staging_exporter.demo.faults import FAULTS, Setting
from staging_exporter.demo.network import HttpServer
from staging_exporter.demo.switches import Switchboard


class Control(HttpServer):
    """`GET /` and `/faults`; `PUT` and `DELETE` on `/faults/ID` and `/switches/NAME`; `DELETE` on both without a name.

    `DELETE /faults` also releases the switches.
    `GET /` returns every fault and switch as JSON, `GET /faults` the faults as text, one per line. The others return
    what is broken now. 404 lists the valid names, 400 says what is wrong with a setting.
    """

    cancels = False

    def __init__(self, claimed: socket.socket, board: Switchboard) -> None:
        super().__init__(claimed)
        self._board = board

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=16 * 1024)
        app.add_routes(
            [
                web.get("/", self._get),
                web.get("/faults", self._list_faults),
                web.put("/faults/{name}", self._put_fault),
                web.delete("/faults/{name}", self._delete_fault),
                web.delete("/faults", self._delete_faults),
                web.put("/switches/{name}", self._put_switch),
                web.delete("/switches/{name}", self._delete_switch),
                web.delete("/switches", self._delete_switches),
            ]
        )
        return app

    def _state(self) -> web.Response:
        """What is broken now: the faults that are on, and the switches that are not in mode `ok`."""
        settings = {name: self._setting(name) for name in self._board.switches}
        moved = {name: setting for name, setting in settings.items() if setting != {"mode": "ok"}}
        return web.Response(text=_lines({"on": self._board.on, "switches": moved}), content_type="application/json")

    async def _get(self, _request: web.Request) -> web.Response:
        on = self._board.on
        faults = {name: {"title": fault.title, "on": name in on} for name, fault in FAULTS.items()}
        switches = {
            name: {"setting": self._setting(name), "modes": switch.modes}
            for name, switch in self._board.switches.items()
        }
        text = _lines({"on": on, "faults": faults, "switches": switches})
        return web.Response(text=text, content_type="application/json")

    async def _list_faults(self, _request: web.Request) -> web.Response:
        on = self._board.on
        lines = (f"{name}{'*' if name in on else ' '} {fault.title}\n" for name, fault in FAULTS.items())
        return web.Response(text="".join(lines) + "* is on; switches for single parts: GET /\n")

    def _setting(self, name: str) -> dict[str, Any]:
        return self._board.switches[name].setting.model_dump(exclude_none=True)

    async def _put_fault(self, request: web.Request) -> web.Response:
        await self._board.inject(_known(request, FAULTS))
        return self._state()

    async def _delete_fault(self, request: web.Request) -> web.Response:
        await self._board.clear(_known(request, FAULTS))
        return self._state()

    async def _delete_faults(self, _request: web.Request) -> web.Response:
        await self._board.clear(*FAULTS)
        await self._board.release(*self._board.switches)
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


def _lines(document: Mapping[str, Any]) -> str:
    """Readable JSON: each entry of a nested mapping has a line of its own."""
    parts = []
    for key, value in document.items():
        if isinstance(value, dict) and value:
            entries = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items())
            parts.append(f"{json.dumps(key)}: {{\n{entries}\n}}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{" + ",\n".join(parts) + "}\n"


def _known(request: web.Request, names: Mapping[str, object]) -> str:
    name = request.match_info["name"]
    if name not in names:
        raise web.HTTPNotFound(text=f"there is no {name!r}; choose {', '.join(names)}\n")
    return name
