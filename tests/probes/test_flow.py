"""Kind `flow` against real servers on loopback: steps, captures, placeholders, time, and what must not be shown."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason
from staging_exporter.core.redaction import Masker, clean
from staging_exporter.engine.prober import Prober
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection, serve

from tests.support.probing import probe
from tests.support.web import Answer, Seen, Web, response, serving

TOKEN = "eyJ-the-token-of-the-user"
SESSION = "session-of-the-user-4711"
PASSWORD = "correct-horse-battery"


def login(request: Seen) -> bytes:
    if json.loads(request.body) != {"user": "probe", "password": PASSWORD}:
        return response(401, b"wrong password")
    body = json.dumps({"token": TOKEN, "user": {"id": 4711}}).encode()
    return response(200, body, {"Set-Cookie": f"sid={SESSION}; Path=/", "X-Request": "request-8899"})


def me(request: Seen) -> bytes:
    if request.headers.get("authorization") != f"Bearer {TOKEN}" or SESSION not in request.headers.get("cookie", ""):
        return response(403, b"who are you?")
    return response(200, b'{"id": 4711, "name": "probe"}')


ROUTES: dict[str, Answer] = {"/login": login, "/me": me, "/users/4711?name=a%20b": me, "/logout": response(204)}
LOGIN: dict[str, Any] = {
    "name": "login",
    "http": {
        "url": "http://HOST/login",
        "method": "POST",
        "body": {"json": {"user": "probe", "password": "{{password}}"}},
    },
    "capture": {"token": {"json": "$.token"}, "user": {"json": "$.user.id"}, "request": {"header": "X-Request"}},
}
ME: dict[str, Any] = {
    "name": "me",
    "http": {
        "url": "http://HOST/me",
        "headers": {"Authorization": "Bearer {{token}}"},
        "expect": {"json": {"id": "{{user}}"}},
    },
}
SECRETS = {"secrets": {"password": {"env": "FLOW_PASSWORD"}}}


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_PASSWORD", PASSWORD)


def at(host: str, options: Any) -> Any:
    """The options with the address of the server."""
    return json.loads(json.dumps(options).replace("HOST", host))


async def run(
    *steps: dict[str, Any], routes: dict[str, Answer] | None = None, timeout: float = 5.0, secrets: Any = SECRETS
) -> tuple[Observation, Web]:
    web = Web(ROUTES | (routes or {}))
    async with serving(web) as host:
        seen = await probe({"kind": "flow", "steps": at(host, list(steps)), **secrets}, timeout=timeout)
    return seen, web


async def test_captures_and_cookies_of_one_step_are_sent_by_the_next() -> None:
    seen, web = await run(LOGIN, ME)
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert [request.target for request in web.seen] == ["/login", "/me"]


async def test_the_phases_are_the_steps() -> None:
    seen, _ = await run(LOGIN, ME)
    assert list(seen.phases) == ["login", "me"]
    assert 0 < sum(seen.phases.values()) <= seen.duration


async def test_the_first_step_that_fails_is_named_and_ends_the_run() -> None:
    seen, web = await run(LOGIN, ME, routes={"/login": response(503, b"no database")})
    assert (seen.reason, seen.detail) == (
        Reason.SERVER_ERROR,
        "step login: status 503, expected 2xx; body: no database",
    )
    assert (list(seen.phases), len(web.seen)) == (["login"], 1)


async def test_a_step_that_always_runs_cleans_up_and_the_failure_stays() -> None:
    logout = {"name": "logout", "http": {"url": "http://HOST/logout"}, "always": True}
    seen, web = await run(LOGIN, ME, logout, routes={"/me": response(500)})
    assert [request.target for request in web.seen] == ["/login", "/me", "/logout"]
    assert (seen.reason, seen.detail[:8]) == (Reason.SERVER_ERROR, "step me:")


async def test_a_step_that_cleans_up_what_was_never_made_is_left_out() -> None:
    logout = {"name": "logout", "http": {"url": "http://HOST/logout?t={{token}}"}, "always": True}
    _, web = await run(LOGIN, logout, routes={"/login": response(500)})
    assert [request.target for request in web.seen] == ["/login"]


async def test_time_is_kept_for_cleaning_up_when_a_step_hangs() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split()[1].decode())
        if head.startswith(b"GET /logout"):
            writer.write(response(204))
            await writer.drain()
        await reader.read()

    asked: list[str] = []
    steps = [
        {"name": "hang", "http": {"url": "http://HOST/hang"}},
        {"name": "logout", "http": {"url": "http://HOST/logout"}, "always": True},
    ]
    async with serving(handler) as host:
        seen = await probe({"kind": "flow", "steps": at(host, steps)}, timeout=1.0)
    assert (asked, seen.reason, seen.duration < 1.0) == (["/hang", "/logout"], Reason.TIMEOUT, True)
    assert seen.detail.startswith("step hang: no answer within ")


async def test_a_step_has_its_own_time() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as host:
        steps = [{"name": "hang", "http": {"url": f"http://{host}/"}, "within": "100ms"}]
        seen = await probe({"kind": "flow", "steps": steps})
    assert (seen.reason, seen.detail) == (
        Reason.TIMEOUT,
        "step hang: no answer within 100ms in phase processing",
    )


async def test_a_degraded_step_degrades_the_run_which_goes_on() -> None:
    slow = {**LOGIN, "http": {**LOGIN["http"], "degraded": {"json": {"token": {"exists": True}}}}}
    seen, web = await run(slow, ME)
    assert (seen.outcome, seen.reason, len(web.seen)) == (Outcome.DEGRADED, Reason.CONTENT, 2)
    assert seen.detail.startswith("step login: ")


async def test_a_slow_step_degrades_the_run() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.write(response(200))
        await writer.drain()

    async with serving(slow) as host:
        step = {"name": "slow", "http": {"url": f"http://{host}/", "degraded": {"slower_than": "10ms"}}}
        seen = await probe({"kind": "flow", "steps": [step]})
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.SLOW)
    assert seen.detail.startswith("step slow: took 0.")


ECHO = {"name": "echo", "http": {"url": "http://HOST/echo", "method": "POST"}}


def echo(request: Seen) -> bytes:
    return response(200, request.body, {"X-Type": request.headers.get("content-type", "none")})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"json": {"id": "{{user}}", "text": "user {{user}}", "all": [{"{{request}}": 1}]}},
            '{"id":4711,"text":"user 4711","all":[{"request-8899":1}]}',
        ),
        ({"form": {"user": "{{user}}", "q": "{{request}} & more"}}, "user=4711&q=request-8899+%26+more"),
        ("{{user}}: {{request}}", "4711: request-8899"),
    ],
    ids=["JSON keeps the type of a value alone", "a form is encoded", "a text is as it is"],
)
async def test_placeholders_of_a_body(body: Any, expected: str) -> None:
    step = {**ECHO, "http": {**ECHO["http"], "body": body}}
    seen, web = await run(LOGIN, step, routes={"/echo": echo})
    assert (seen.reason, web.seen[-1].body.decode()) == (Reason.OK, expected), seen.detail


# Each with what it must not break.
HOSTILE = "a'b\"c\\d.*&x=1/../{{password}}%00"


@pytest.mark.parametrize(
    ("where", "check"),
    [
        (
            {"url": "http://HOST/echo?v={{evil}}"},
            lambda seen: "v=a%27b%22c%5Cd.%2A%26x%3D1%2F..%2F%7B%7B" in seen.target,
        ),
        ({"headers": {"X-Value": "{{evil}}"}}, lambda seen: seen.headers["x-value"] == HOSTILE),
        ({"method": "POST", "body": {"json": {"v": "{{evil}}"}}}, lambda seen: json.loads(seen.body)["v"] == HOSTILE),
        ({"method": "POST", "body": "{{evil}}", "expect": {"body": {"matches": "^{{evil}}$"}}}, lambda _: True),
        (
            {
                "method": "POST",
                "body": {"json": [{"n": "{{evil}}", "ok": 1}]},
                "expect": {"json": {"$[?@.n == '{{evil}}'].ok": 1}},
            },
            lambda _: True,
        ),
        (
            {"method": "POST", "body": {"json": {"v": "{{evil}}"}}, "expect": {"json": {"v": ["{{evil}}", "x"]}}},
            lambda _: True,
        ),
    ],
    ids=["URL", "header", "body", "pattern", "JSONPath", "list of a matcher"],
)
async def test_a_hostile_value_stays_in_its_place(where: dict[str, Any], check: Callable[[Seen], bool]) -> None:
    first = {**LOGIN, "capture": {"evil": {"json": "$.evil"}}}
    step = {"name": "echo", "http": {"url": "http://HOST/echo", **where}}
    routes: dict[str, Answer] = {"/login": response(200, json.dumps({"evil": HOSTILE}).encode()), "*": echo}
    seen, web = await run(first, step, routes=routes)
    assert (seen.reason, seen.detail) == (Reason.OK, "")
    assert check(web.seen[-1])


async def test_a_value_with_a_line_end_is_no_header() -> None:
    step = {"name": "next", "http": {"url": "http://HOST/me", "headers": {"X-Value": "{{token}}"}}}
    answer = response(200, b'{"token": "a\\r\\nHost: x", "user": {"id": 1}}', {"X-Request": "r"})
    seen, web = await run(LOGIN, step, routes={"/login": answer})
    assert (seen.reason, seen.detail, len(web.seen)) == (
        Reason.CONTENT,
        "step next: {{token}} has characters that a header cannot hold",
        1,
    )


async def test_a_captured_header_is_not_sent_to_another_origin() -> None:
    async with serving(other := Web({"*": response(200)})) as elsewhere:
        moved = response(302, headers={"Location": f"http://{elsewhere}/there"})
        step = {"name": "moved", "http": {"url": "http://HOST/moved", "headers": {"X-Session": "{{token}}"}}}
        await run(LOGIN, step, routes={"/moved": moved})
    assert "x-session" not in other.seen[0].headers


@pytest.mark.parametrize(
    ("capture", "expected"),
    [
        ({"json": "$.user.id"}, "4711"),
        ({"header": "X-Request"}, "request-8899"),
        ({"header": "X-Request", "matches": r"request-(\d+)"}, "8899"),
        ({"cookie": "sid"}, SESSION),
        ({"matches": r'"id": (\d+)'}, "4711"),
    ],
    ids=["json", "header", "header and pattern", "cookie", "pattern"],
)
async def test_what_can_be_captured(capture: dict[str, Any], expected: str) -> None:
    first = {**LOGIN, "capture": {"value": capture}}
    step = {"name": "echo", "http": {"url": "http://HOST/echo?{{value}}"}}
    _, web = await run(first, step, routes={"*": echo})
    assert web.seen[-1].target == f"/echo?{expected}"


@pytest.mark.parametrize(
    ("capture", "detail"),
    [
        ({"json": "$.tokens"}, "json $.tokens is missing"),
        ({"json": "$.user"}, "json $.user is not a single value"),
        ({"header": "X-Other"}, "there is no header X-Other"),
        ({"cookie": "other"}, "there is no cookie other"),
        ({"matches": "id=([0-9]+)"}, "no match of 'id=([0-9]+)' in the text"),
    ],
    ids=["json", "several values", "header", "cookie", "pattern"],
)
async def test_what_is_not_there_cannot_be_captured(capture: dict[str, Any], detail: str) -> None:
    seen, _ = await run({**LOGIN, "capture": {"value": capture}})
    assert (seen.reason, seen.detail) == (
        Reason.CONTENT,
        f"step login: {detail}, expected a value to capture as value",
    )


async def test_a_value_that_is_too_long_is_not_captured() -> None:
    body = json.dumps({"token": "x" * 9000, "user": {"id": 1}}).encode()
    seen, _ = await run(LOGIN, routes={"/login": response(200, body, {"X-Request": "r"})})
    assert seen.detail == "step login: json $.token is longer than 8 KiB, expected a value to capture as token"


async def test_unique_values_are_the_same_within_a_run_and_differ_between_runs() -> None:
    steps = [{"name": name, "http": {"url": "http://HOST/echo?{{uuid}}&{{now}}"}} for name in ("first", "second")]
    targets = [[seen.target for seen in (await run(*steps, routes={"*": echo}, secrets={}))[1].seen] for _ in range(2)]
    assert targets[0][0] == targets[0][1]
    assert targets[0][0].split("&")[0] != targets[1][0].split("&")[0]
    assert targets[0][0].endswith("Z")


async def test_no_captured_value_and_no_cookie_is_shown_anywhere() -> None:
    body = json.dumps({"token": TOKEN, "sid": SESSION, "request": "request-8899", "password": PASSWORD}).encode()
    step = {"name": "leak", "http": {"url": "http://HOST/leak?{{token}}", "expect": {"json": {"token": "{{request}}"}}}}
    web = Web({**ROUTES, "*": response(500, body, {"X-Leak": TOKEN})})
    async with serving(web) as host:
        check = load("flow").model_validate({"kind": "flow", "steps": at(host, [LOGIN, step]), **SECRETS})
        prober = Prober()
        context = prober.context(5.0)
        seen = await prober.attempt_with(Component("x", Layer.SERVICE, Priority.P1, "flow"), check, context)
    shown = repr(seen) + "".join(clean(line, Masker(context.secrets)) for _, line in context.lines)
    assert "step leak" in shown
    assert not [value for value in (TOKEN, SESSION, "request-8899", PASSWORD) if value in shown]


async def test_a_value_that_is_no_secret_is_a_fact() -> None:
    first = {**LOGIN, "capture": {"user": {"json": "$.user.id", "secret": False}, "token": {"json": "$.token"}}}
    seen, _ = await run(first, {**ME, "http": {**ME["http"], "expect": {"json": {"id": "{{user}}"}}}})
    assert (seen.reason, seen.facts["user"]) == (Reason.OK, "4711")


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "x"]
    )


class Logins:
    """A server whose tokens last so many seconds, and that accepts only the newest one with its cookie."""

    def __init__(self, lasts: float = 3600.0) -> None:
        self.lasts, self.made, self.accepts = lasts, 0, ""
        self.web = Web({"/login": self.login, "/me": self.me})

    def login(self, _request: Seen) -> bytes:
        self.made += 1
        self.accepts = jwt(exp=time.time() + self.lasts, jti=self.made, aud="netra")
        body = json.dumps({"token": self.accepts}).encode()
        return response(200, body, {"Set-Cookie": f"sid=session-{self.made}; Path=/"})

    def me(self, request: Seen) -> bytes:
        bearer, cookie = request.headers.get("authorization"), request.headers.get("cookie")
        good = bearer == f"Bearer {self.accepts}" and cookie == f"sid=session-{self.made}"
        return response(200 if good else 401)

    def flow(self, host: str, **login: Any) -> dict[str, Any]:
        first = {"name": "login", "http": {"url": f"http://{host}/login"}, "capture": {"t": {"json": "token"}}, **login}
        bearer = {"Authorization": "Bearer {{t}}"}
        return {
            "kind": "flow",
            "steps": [first, {"name": "me", "http": {"url": f"http://{host}/me", "headers": bearer}}],
        }


REUSED: dict[str, tuple[float, Any, int]] = {
    "until the token ends": (3600.0, True, 1),
    "not when the token ends at once": (0.0, True, 3),
    "for a configured time": (3600.0, "10m", 1),
    "not without reuse": (3600.0, False, 3),
}


@pytest.mark.parametrize("name", REUSED)
async def test_a_login_is_reused(name: str) -> None:
    lasts, reuse, made = REUSED[name]
    logins, prober = Logins(lasts), Prober()
    async with serving(logins.web) as host:
        runs = [await probe(logins.flow(host, reuse=reuse), prober=prober) for _ in range(3)]
    assert [seen.reason for seen in runs] == [Reason.OK] * 3, runs
    assert logins.made == made


async def test_the_end_of_a_reused_token_is_a_fact_of_every_run() -> None:
    logins, prober = Logins(), Prober()
    async with serving(logins.web) as host:
        runs = [await probe(logins.flow(host, reuse=True), prober=prober) for _ in range(2)]
    assert all(3590 < seen.facts["token_not_after"] - time.time() <= 3600 for seen in runs)
    assert [list(seen.phases) for seen in runs] == [["login", "me"], ["me"]]


async def test_a_reused_login_that_is_refused_is_made_again_in_the_same_run() -> None:
    logins, prober = Logins(), Prober()
    async with serving(logins.web) as host:
        await probe(logins.flow(host, reuse=True), prober=prober)
        logins.accepts = "another"  # all sessions were ended
        seen = await probe(logins.flow(host, reuse=True), prober=prober)
    assert (seen.reason, logins.made) == (Reason.OK, 2), seen.detail


async def test_a_token_that_is_always_refused_is_the_fault_of_the_step() -> None:
    logins, prober = Logins(), Prober()
    async with serving(logins.web) as host:
        await probe(logins.flow(host, reuse=True), prober=prober)
        logins.web.routes["/me"] = response(403)
        seen = await probe(logins.flow(host, reuse=True), prober=prober)
    assert (seen.reason, seen.detail, logins.made) == (Reason.DENIED, "step me: status 403, expected 2xx", 2)


async def test_a_refused_login_is_our_own_fault_when_the_step_says_so() -> None:
    seen, _ = await run({**LOGIN, "login": True}, routes={"/login": response(401, b"wrong password")})
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.CREDENTIALS)
    assert seen.detail == (
        "step login: the credentials of the exporter were refused: status 401, expected 2xx; body: wrong password"
    )


@pytest.mark.parametrize(
    ("claims", "detail"),
    [
        ({"aud": "netra"}, ""),
        ({"aud": "other"}, 'step login: t has the wrong claims: claim aud is "netra", expected "other"'),
        ({"sub": {"exists": True}}, "step login: t has the wrong claims: claim sub is missing, expected exists true"),
    ],
)
async def test_the_claims_of_a_token_are_judged_where_it_is_captured(claims: dict[str, Any], detail: str) -> None:
    logins = Logins()
    async with serving(logins.web) as host:
        seen = await probe(logins.flow(host, capture={"t": {"json": "token", "claims": claims}}))
    assert (seen.reason, seen.detail) == (Reason.CONTENT if detail else Reason.OK, detail)


async def test_a_text_that_is_no_token_has_no_claims() -> None:
    seen, _ = await run({**LOGIN, "capture": {"t": {"json": "token", "claims": {"aud": "x"}}}})
    assert seen.detail == "step login: t is not a JSON Web Token, expected one with claims"


async def test_users_have_their_own_cookies() -> None:
    def cookie(request: Seen) -> bytes:
        return response(200, b"", {"Set-Cookie": f"sid={request.target[-4:]}-session; Path=/"})

    steps = [
        {"name": name, "user": user, "http": {"url": f"http://HOST/{path}"}}
        for name, user, path in (("a", "anna", "login/anna"), ("b", "bert", "login/bert"), ("c", "anna", "home"))
    ]
    _, web = await run(*steps, routes={"/login/anna": cookie, "/login/bert": cookie, "*": echo}, secrets={})
    assert [request.headers.get("cookie") for request in web.seen] == [None, None, "sid=anna-session"]


BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "typo": (
        [LOGIN, {**ECHO, "http": {"url": "http://h/{{tokn}}"}}],
        "nothing captures {{tokn}}, did you mean {{token}}?",
    ),
    "later": (
        [{**ECHO, "http": {"url": "http://h/{{token}}"}}, LOGIN],
        "{{token}} has no value yet: a later step captures it",
    ),
    "spaces": (
        [LOGIN, {**ECHO, "http": {"url": "http://h/", "body": "{{ token }}"}}],
        "{{ token }} has spaces; write {{token}}",
    ),
    "twice": ([LOGIN, {**LOGIN, "name": "again"}], "{{token}} has a value already; choose another name"),
    "same name": ([LOGIN, {**ME, "name": "login"}], "`login` is the name of 2 steps"),
    "two kinds": (
        [{**LOGIN, "redis": {"address": "h:1"}}],
        "a step is exactly one of http, websocket, postgres, redis",
    ),
    "own secrets": (
        [{**LOGIN, "http": {**LOGIN["http"], "secrets": {"a": {"env": "A"}}}}],
        "`secrets` of a flow are written beside its `steps`",
    ),
    "literal secret": (
        [{**ECHO, "http": {"url": "http://h/", "headers": {"Authorization": "Bearer abc"}}}],
        "a secret does not belong in this file",
    ),
    "no group": ([{**LOGIN, "capture": {"x": {"matches": "abc"}}}], "'abc' has 0 groups, expected one in parentheses"),
    "two sources": (
        [{**LOGIN, "capture": {"x": {"json": "a", "header": "B"}}}],
        "capture from exactly one of json, header and cookie",
    ),
    "no source": ([{**LOGIN, "capture": {"x": {}}}], "capture from exactly one of json, header and cookie"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_work_is_refused(name: str) -> None:
    steps, text = BAD[name]
    with pytest.raises(ValidationError) as error:
        load("flow").model_validate({"kind": "flow", "steps": steps, **(SECRETS if LOGIN in steps else {})})
    assert text in str(error.value)


Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield f"{host}:{port}"


async def test_a_conversation_sends_cookies_and_captures_from_messages() -> None:
    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        cookie = socket.request.headers.get("Cookie", "")
        await socket.send(json.dumps({"type": "welcome", "cookie": cookie, "room": "room-77"}))
        asked = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "answer", "room": asked["room"], "text": asked["text"]}))
        await socket.wait_closed()

    steps = [
        {"expect": {"json": {"type": "welcome"}, "matches": SESSION}, "capture": {"room": {"json": "$.room"}}},
        {"send": {"json": {"room": "{{room}}", "text": "hello {{uuid}}"}}},
        {"expect": {"json": {"room": "{{room}}", "text": "hello {{uuid}}"}}, "within": "1s"},
    ]
    async with talking(talk) as address:
        chat = {"name": "chat", "websocket": {"url": f"ws://{address}/ws?t={{{{token}}}}", "steps": steps}}
        seen, _ = await run(LOGIN, chat)
    assert (seen.reason, seen.detail) == (Reason.OK, "")


async def test_a_conversation_of_several_users_captures_too() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "welcome"}))
        async for asked in socket:
            await socket.send(json.dumps({"type": "answer", "room": "room-77", "said": str(asked)}))

    steps = [
        {"expect": {"json": {"type": "welcome"}}},
        {"send": "hello"},
        {"expect": {"json": {"type": "answer"}}, "capture": {"room": {"json": "room"}}},
        {"send": "in {{room}}"},
        {"expect": {"json": {"said": "in {{room}}"}}},
    ]
    async with talking(talk) as address:
        users = [{"headers": {"Authorization": "Bearer {{token}}"}}, {}]
        chat = {"name": "chat", "websocket": {"url": f"ws://{address}/", "connections": users, "steps": steps}}
        after = {"name": "after", "http": {"url": "http://HOST/echo?{{room}}"}}
        seen, web = await run(LOGIN, chat, after, routes={"*": echo})
    assert (seen.reason, seen.detail, web.seen[-1].target) == (Reason.OK, "", "/echo?room-77")


@pytest.mark.parametrize("mine", [True, False])
async def test_only_events_that_carry_the_id_of_the_run_count(mine: bool) -> None:
    async def talk(socket: ServerConnection) -> None:
        asked = json.loads(await socket.recv())
        for name in ("started", "done"):
            await socket.send(json.dumps({"type": name, "id": "of-another"}))
        for name in ("started", "done") if mine else ("started",):
            await socket.send(json.dumps({"type": name, "id": asked["id"]}))
        await socket.wait_closed()

    events = {"order": ["started", "done"], "where": {"json": {"id": "{{uuid}}"}}}
    steps = [{"send": {"json": {"id": "{{uuid}}"}}}, {"events": events, "within": "5s" if mine else "200ms"}]
    async with talking(talk) as address:
        seen, _ = await run({"name": "chat", "websocket": {"url": f"ws://{address}/", "steps": steps}}, secrets={})
    assert seen.reason == (Reason.OK if mine else Reason.CONTENT)
    received = '; received: started whose json id is "of-another", done whose json id is "of-another", started'
    assert mine or (seen.detail.startswith("step chat: expected done with json id ") and seen.detail.endswith(received))


async def test_what_a_message_lacks_is_named() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "welcome"}))
        await socket.wait_closed()

    steps = [{"expect": {"json": {"type": "welcome"}}, "capture": {"room": {"json": "$.room"}}}]
    async with talking(talk) as address:
        seen, _ = await run({"name": "chat", "websocket": {"url": f"ws://{address}/", "steps": steps}}, secrets={})
    assert seen.detail == "step chat: json $.room is missing, expected a value to capture as room"
