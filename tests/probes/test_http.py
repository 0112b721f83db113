"""Kind `http` against real servers on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from pydantic import ValidationError
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.probes import load

from tests.support.probing import probe
from tests.support.web import Seen, Web, response, serving

HEALTHY = b'{"status": "healthy", "service": "backend", "uptime_seconds": 12.5, "version": "r7", "checks": [{"n": 1}]}'


async def judged(answer: bytes, options: dict[str, Any] | None = None) -> tuple[Outcome, Reason, str]:
    async with serving(Web({"*": answer})) as address:
        seen = await probe({"kind": "http", "url": f"http://{address}/health", **(options or {})})
    return seen.outcome, seen.reason, seen.detail


async def test_a_pass_records_phases_and_facts() -> None:
    web = Web({"*": response(200, HEALTHY, {"Server": "nginx", "Last-Modified": "Thu, 01 Jan 1970 00:01:00 GMT"})})
    async with serving(web) as address:
        options = {"facts": {"uptime": "$.uptime_seconds", "revision": "version", "none": "nope", "object": "$"}}
        seen = await probe({"kind": "http", "url": f"http://{address}/health?x=1", **options})
    assert (seen.outcome, seen.reason, seen.detail) == (Outcome.PASS, Reason.OK, "")
    assert list(seen.phases) == ["resolve", "connect", "processing", "transfer"]
    expected = {
        "status": 200,
        "http_version": "1.1",
        "final_host": "127.0.0.1",
        "redirects": 0,
        "content_length": len(HEALTHY),
        "body_length": len(HEALTHY),
        "ip": "127.0.0.1",
        "ip_family": 4,
        "last_modified": 60.0,
        "server": "nginx",
        "uptime": 12.5,
        "revision": "r7",
    }
    assert dict(seen.facts) == expected
    (request,) = web.seen
    assert (request.method, request.target) == ("GET", "/health?x=1")
    assert request.headers["host"] == address
    assert request.headers["user-agent"].startswith("staging-exporter/")


STATUS = {
    "2xx by default": (204, None, Reason.OK),
    "3xx without location": (304, None, Reason.STATUS),
    "404": (404, None, Reason.STATUS),
    "500": (500, None, Reason.SERVER_ERROR),
    "503": (503, None, Reason.SERVER_ERROR),
    "401": (401, None, Reason.DENIED),
    "403": (403, None, Reason.DENIED),
    "429": (429, None, Reason.RATE_LIMITED),
    "an expected 503": (503, 503, Reason.OK),
    "one of a list": (404, [200, 404], Reason.OK),
    "none of a list": (200, [201, "3xx"], Reason.STATUS),
    "a class": (418, "4xx", Reason.OK),
    "a range": (410, ["200-299", "409-411"], Reason.OK),
    "outside of a range": (412, "409-411", Reason.STATUS),
}


@pytest.mark.parametrize(("status", "expected", "reason"), STATUS.values(), ids=STATUS)
async def test_the_status_decides_the_reason(status: int, expected: object, reason: Reason) -> None:
    options = {} if expected is None else {"expect": {"status": expected}}
    assert (await judged(response(status), options))[1] == reason


CHECKS = {
    "status": "ok",
    "ratio": float("nan"),
    "checks": [{"name": "db", "status": "up", "failures": 0}, {"name": "queue", "status": "down", "failures": 57}],
    "components": {"db": {"status": "UP"}, "mail": {"status": "DOWN"}, "disk": {}},
}
NODES: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "a limit that one element exceeds": (
        {"expect": {"json": {"$.checks[*].failures": {"lt": 3}}}},
        Reason.CONTENT,
        "json $.checks[1].failures is 57, expected lt 3; status 200",
    ),
    "a status that one element does not have": (
        {"expect": {"json": {"$.checks[*].status": "up"}}},
        Reason.CONTENT,
        'json $.checks[1].status is "down"',
    ),
    "an element without the key": (
        {"expect": {"json": {"$.components.*.status": {"ne": "FAILED"}}}},
        Reason.CONTENT,
        'json $.components.disk has no status, expected ne "FAILED"',
    ),
    "identity needs all": ({"identity": {"json": {"$.checks[*].name": "db"}}}, Reason.IDENTITY, "$.checks[1].name"),
    "one is enough where that is said": (
        {"expect": {"json": {"$..status": {"nodes": "any", "eq": "up"}}}},
        Reason.OK,
        "",
    ),
    "one is enough for degraded": (
        {"degraded": {"json": {"$.checks[*].status": "down"}}},
        Reason.CONTENT,
        "degraded when",
    ),
    "all for degraded, where that is said": (
        {"degraded": {"json": {"$.checks[*].status": {"nodes": "all", "eq": "down"}}}},
        Reason.OK,
        "",
    ),
    "one is enough for a start": ({"startup_when": {"json": {"$.checks[*].status": "down"}}}, Reason.STARTING, ""),
    "NaN is no evidence": ({"expect": {"json": {"ratio": {"ne": 0}}}}, Reason.NO_EVIDENCE, "json ratio is NaN"),
    "NaN is no evidence for degraded": (
        {"degraded": {"json": {"ratio": {"gt": 1}}}},
        Reason.NO_EVIDENCE,
        "ratio is NaN",
    ),
    "a failing matcher decides beside NaN": (
        {"degraded": {"json": {"ratio": {"gt": 1}}}, "expect": {"json": {"ratio": {"gt": 1}, "status": "up"}}},
        Reason.CONTENT,
        'json status is "ok"',
    ),
}


@pytest.mark.parametrize("name", NODES)
async def test_all_nodes_decide_unless_one_is_enough(name: str) -> None:
    options, reason, said = NODES[name]
    seen = await judged(response(200, json.dumps(CHECKS).encode()), options)
    assert seen[1] == reason, seen[2]
    assert said in seen[2]


async def test_the_detail_of_an_unexpected_status_has_the_body() -> None:
    outcome, reason, detail = await judged(
        response(503, b'{"status":\n "unhealthy"}'), {"expect": {"status": [200, "3xx"]}}
    )
    assert (outcome, reason) == (Outcome.FAIL, Reason.SERVER_ERROR)
    assert detail == 'status 503, expected 200 or 3xx; body: {"status": "unhealthy"}'


async def test_rate_limited_is_unknown_and_keeps_retry_after() -> None:
    async with serving(Web({"*": response(429, headers={"Retry-After": "600"})})) as address:
        seen = await probe({"kind": "http", "url": f"http://{address}/"})
    assert (seen.outcome, seen.reason, seen.facts["retry_after"]) == (Outcome.UNKNOWN, Reason.RATE_LIMITED, 600.0)


CONTENT: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "json equal": ({"expect": {"json": {"status": "healthy"}}}, Reason.OK, ""),
    "json any of": ({"expect": {"json": {"status": ["ok", "healthy"]}}}, Reason.OK, ""),
    "json path": ({"expect": {"json": {"$.checks[*].n": {"ge": 1}}}}, Reason.OK, ""),
    "json differs": (
        {"expect": {"json": {"status": ["ok", "up"]}}},
        Reason.CONTENT,
        'json status is "healthy", expected one of "ok", "up"; status 200; body: {"status": "healthy"',
    ),
    "json missing": ({"expect": {"json": {"nope": 1}}}, Reason.CONTENT, "json nope is missing, expected 1"),
    "body matches": ({"expect": {"body": {"matches": ["health", "r\\d"]}}}, Reason.OK, ""),
    "body does not match": (
        {"expect": {"body": {"matches": "^ok$"}}},
        Reason.CONTENT,
        "body does not match '^ok$', expected a match",
    ),
    "body must not match": (
        {"expect": {"body": {"not_matches": "backend"}}},
        Reason.CONTENT,
        "body matches 'backend', expected no match",
    ),
    "header matches": ({"expect": {"header": {"x-kind": "^a"}}}, Reason.OK, ""),
    "header differs": (
        {"expect": {"header": {"X-Kind": "^b"}}},
        Reason.CONTENT,
        "header X-Kind is 'abc', expected a match of '^b'",
    ),
    "header must not match": (
        {"expect": {"header": {"X-Kind": {"not_matches": "abc"}}}},
        Reason.CONTENT,
        "header X-Kind is 'abc', expected no match of 'abc'",
    ),
    "header missing": ({"expect": {"header": {"X-No": "."}}}, Reason.CONTENT, "header X-No is missing"),
    "header absent as expected": (
        {"expect": {"header": {"X-No": {"exists": False, "not_matches": "a"}}}},
        Reason.OK,
        "",
    ),
    "header present that must be absent": (
        {"expect": {"header": {"X-Kind": {"exists": False}}}},
        Reason.CONTENT,
        "expected none",
    ),
    "identity": ({"identity": {"json": {"service": "backend"}}}, Reason.OK, ""),
    "another service": (
        {"identity": {"json": {"service": "frontend"}}, "expect": {"json": {"status": "no"}}},
        Reason.IDENTITY,
        'json service is "backend", expected "frontend"',
    ),
    "another service by its body": ({"identity": {"body": {"matches": "frontend"}}}, Reason.IDENTITY, "does not match"),
    "a service that is excluded": ({"identity": {"body": {"not_matches": "backend"}}}, Reason.IDENTITY, "body matches"),
    "another service by a header": ({"identity": {"header": {"X-Kind": "b$"}}}, Reason.IDENTITY, "header X-Kind is"),
    "final host": ({"expect": {"final_host": r"^127\."}}, Reason.OK, ""),
    "another final host": (
        {"expect": {"final_host": "api", "json": {"status": "no"}}},
        Reason.IDENTITY,
        "127.0.0.1 answered, expected a match of 'api'",
    ),
    "status before identity": (
        {"expect": {"status": 201}, "identity": {"json": {"a": 1}}},
        Reason.STATUS,
        "status 200",
    ),
    "body within max_body": ({"max_body": "1KiB"}, Reason.OK, ""),
    "body over max_body": ({"max_body": 10}, Reason.CONTENT, "body over 10 bytes"),
    "status before max_body": ({"max_body": 10, "expect": {"status": 201}}, Reason.STATUS, "expected 201"),
}


@pytest.mark.parametrize(("options", "reason", "detail"), CONTENT.values(), ids=CONTENT)
async def test_the_content_decides_the_reason(options: dict[str, Any], reason: Reason, detail: str) -> None:
    outcome, found, text = await judged(response(200, HEALTHY, {"X-Kind": "abc"}), options)
    assert (found, outcome) == (reason, Outcome.PASS if reason is Reason.OK else Outcome.FAIL), text
    assert detail in text


async def test_a_body_that_is_not_json_is_content() -> None:
    _, reason, detail = await judged(response(200, b"<html>hello"), {"expect": {"json": {"a": 1}}})
    assert reason == Reason.CONTENT
    assert detail.startswith("the body is not JSON")
    assert detail.endswith("expected json a; status 200; body: <html>hello")


DEGRADED: dict[str, tuple[dict[str, Any], Outcome, str]] = {
    "json": ({"json": {"status": "healthy"}}, Outcome.DEGRADED, 'json status is "healthy", degraded when "healthy"'),
    "json that does not hold": ({"json": {"status": "degraded"}}, Outcome.PASS, ""),
    "any of several": ({"json": {"status": "x", "version": "r7"}}, Outcome.DEGRADED, "json version"),
    "body": ({"body": {"matches": "r7"}}, Outcome.DEGRADED, "body matches 'r7', degraded when a match"),
    "body without": (
        {"body": {"not_matches": "r8"}},
        Outcome.DEGRADED,
        "body does not match 'r8', degraded when no match",
    ),
    "header": ({"header": {"X-Kind": "b"}}, Outcome.DEGRADED, "header X-Kind"),
    "status": ({"status": 206}, Outcome.DEGRADED, "status 206, degraded when 206"),
}


@pytest.mark.parametrize(("degraded", "outcome", "detail"), DEGRADED.values(), ids=DEGRADED)
async def test_degraded_is_judged_before_content(degraded: dict[str, Any], outcome: Outcome, detail: str) -> None:
    answer = response(206 if "status" in degraded else 200, HEALTHY, {"X-Kind": "abc"})
    status = 200 if "status" in degraded else "2xx"
    found, reason, text = await judged(answer, {"degraded": degraded, "expect": {"status": status}})
    assert (found, reason) == (outcome, Reason.OK if outcome is Outcome.PASS else Reason.CONTENT)
    assert text.startswith(detail)
    if outcome is Outcome.DEGRADED:
        assert (await judged(answer, {"degraded": degraded, "expect": {"body": {"matches": "zzz"}}}))[0] == outcome


@pytest.mark.parametrize(("limit", "reason"), [("10ms", Reason.SLOW), ("1m", Reason.OK)])
async def test_a_slow_response_is_degraded(limit: str, reason: Reason) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(response(200))
        await writer.drain()

    async with serving(slow) as address:
        seen = await probe({"kind": "http", "url": f"http://{address}/", "degraded": {"slower_than": limit}})
    assert (seen.reason, seen.outcome is Outcome.DEGRADED) == (reason, reason is Reason.SLOW)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ({"status": [503], "json": {"startup_in_progress": True}}, Reason.STARTING),
        ({"status": [503], "json": {"startup_in_progress": False}}, Reason.SERVER_ERROR),
        ({"status": [502]}, Reason.SERVER_ERROR),
        ({"header": {"X-Kind": "abc"}}, Reason.STARTING),
    ],
)
async def test_startup_when_is_judged_first(when: dict[str, Any], reason: Reason) -> None:
    answer = response(503, b'{"startup_in_progress": true}', {"X-Kind": "abc"})
    assert (await judged(answer, {"startup_when": when, "identity": {"json": {"a": 1}}}))[1] == reason


ENCODED = {
    "gzip": ("gzip", gzip.compress(HEALTHY), Reason.OK),
    "deflate": ("deflate", zlib.compress(HEALTHY), Reason.OK),
    "deflate without header": ("deflate", zlib.compress(HEALTHY, wbits=-15), Reason.OK),
    "not gzip at all": ("gzip", HEALTHY, Reason.PROTOCOL),
    "gzip cut short": ("gzip", gzip.compress(HEALTHY)[:-20], Reason.PROTOCOL),
    "brotli that was not asked for": ("br", brotli.compress(HEALTHY), Reason.OK),
    "zstd that was not asked for": ("zstd", zstandard.compress(HEALTHY), Reason.OK),
    "several frames of zstd": ("zstd", zstandard.compress(HEALTHY[:9]) + zstandard.compress(HEALTHY[9:]), Reason.OK),
    "several members of gzip": ("gzip", gzip.compress(HEALTHY[:9]) + gzip.compress(HEALTHY[9:]), Reason.OK),
    "two codings": ("gzip, br", brotli.compress(gzip.compress(HEALTHY)), Reason.OK),
    "no coding": ("identity", HEALTHY, Reason.OK),
    "not brotli at all": ("br", HEALTHY, Reason.PROTOCOL),
    "brotli cut short": ("br", b"\x8b\x03\x80", Reason.PROTOCOL),
    "not zstd at all": ("zstd", HEALTHY, Reason.PROTOCOL),
    "zstd cut short": ("zstd", zstandard.compress(HEALTHY)[:-5], Reason.PROTOCOL),
    "an unknown coding": ("compress", b"\x1f\x9d\x90", Reason.PROTOCOL),
    "an unknown coding that is none": ("utf-8", HEALTHY, Reason.OK),
}


@pytest.mark.parametrize(("encoding", "body", "reason"), ENCODED.values(), ids=ENCODED)
async def test_content_encodings_are_decompressed(encoding: str, body: bytes, reason: Reason) -> None:
    web = Web({"*": response(200, body, {"Content-Encoding": encoding})})
    async with serving(web) as address:
        seen = await probe({"kind": "http", "url": f"http://{address}/", "expect": {"json": {"status": "healthy"}}})
    assert seen.reason == reason, seen.detail
    assert web.seen[0].headers["accept-encoding"] == "gzip, deflate"
    if reason is Reason.OK:
        assert (seen.facts["body_length"], seen.facts["content_length"]) == (len(HEALTHY), len(body))


async def test_a_gzip_bomb_is_stopped() -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), 9)
    _, reason, detail = await judged(response(200, bomb, {"Content-Encoding": "gzip"}))
    assert (reason, "body over 1048576 bytes" in detail) == (Reason.CONTENT, True)


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ],
)
async def test_a_bomb_of_any_coding_is_stopped_in_limited_memory(coding: str, compress: Any) -> None:
    bomb = compress(bytes(200 * 1024 * 1024))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, reason, detail = await judged(response(200, bomb, {"Content-Encoding": coding}))
    assert (reason, "body over 1048576 bytes" in detail) == (Reason.CONTENT, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


PAGE = "<html><title>500</title>Ошибка: エラー 错误 é</html>"
RUSSIAN, JAPANESE, CHINESE = (
    "<html>Ошибка подключения</html>",
    "<html>データベースエラー</html>",
    "<html>数据库错误</html>",
)
META = '<html><meta charset="gb2312">数据库错误</html>'
OLD_META = '<html><meta http-equiv="Content-Type" content="text/html; charset=gb2312">数据库错误</html>'
XML = '<?xml version="1.0" encoding="windows-1251"?><e>Ошибка</e>'
TEXTS: dict[str, tuple[str, bytes, str, Reason]] = {
    "declared windows-1251": ("text/html; charset=windows-1251", RUSSIAN.encode("cp1251"), "Ошибка", Reason.CONTENT),
    "declared in capitals and quotes": (
        'text/html; Charset="KOI8-R"',
        RUSSIAN.encode("koi8-r"),
        "Ошибка",
        Reason.CONTENT,
    ),
    "declared Shift_JIS": ("text/html; charset=Shift_JIS", JAPANESE.encode("cp932"), "エラー", Reason.CONTENT),
    "declared EUC-JP": ("text/html; charset=euc-jp", JAPANESE.encode("euc-jp"), "エラー", Reason.CONTENT),
    "declared ISO-2022-JP": ("text/html; charset=iso-2022-jp", JAPANESE.encode("iso2022_jp"), "エラー", Reason.CONTENT),
    "declared GB18030": ("text/html; charset=gb18030", CHINESE.encode("gb18030"), "错误", Reason.CONTENT),
    "declared Latin 1": ("text/html; charset=iso-8859-1", "é".encode("latin-1"), "é", Reason.CONTENT),
    "in meta": ("text/html", META.encode("gb2312"), "错误", Reason.CONTENT),
    "in the meta of HTML 4": ("text/html", OLD_META.encode("gb2312"), "错误", Reason.CONTENT),
    "in meta without a content type": ("", META.encode("gb2312"), "错误", Reason.CONTENT),
    "in the XML declaration": ("application/xml", XML.encode("cp1251"), "Ошибка", Reason.CONTENT),
    "declared UTF-16": ("text/html; charset=utf-16le", PAGE.encode("utf-16-le"), "Ошибка", Reason.CONTENT),
    "UTF-16 by its byte order mark": ("text/html", PAGE.encode("utf-16"), "Ошибка", Reason.CONTENT),
    "big-endian UTF-16 by its mark": ("text/html", b"\xfe\xff" + PAGE.encode("utf-16-be"), "Ошибка", Reason.CONTENT),
    "UTF-8 by its mark, against the header": (
        "text/html; charset=iso-8859-1",
        b"\xef\xbb\xbf" + PAGE.encode(),
        "Ошибка",
        Reason.CONTENT,
    ),
    "UTF-16 that nothing declares": ("text/html", PAGE.encode("utf-16-le"), "Ошибка", Reason.PROTOCOL),
    "declared wrongly": ("text/html; charset=utf-8", RUSSIAN.encode("cp1251"), "Ошибка", Reason.PROTOCOL),
    "not declared, and not UTF-8": ("text/html", CHINESE.encode("gb2312"), "错误", Reason.PROTOCOL),
    "an unknown charset": ("text/html; charset=x-klingon", b"qapla'", "error", Reason.PROTOCOL),
    "a charset that hides text": ("text/html; charset=utf-7", b"+BB4ESAQ4BDEEOgQw-", "Ошибка", Reason.PROTOCOL),
    "no such text": ("text/html; charset=windows-1251", RUSSIAN.encode("cp1251"), "Traceback", Reason.OK),
    "bytes that are no text in windows-1252": ("text/html; charset=iso-8859-1", b"welcome \x81", "error", Reason.OK),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_a_negative_matcher_sees_decoded_text(name: str) -> None:
    content_type, body, text, reason = TEXTS[name]
    headers = {"Content-Type": content_type} if content_type else {}
    seen = await judged(response(200, body, headers), {"expect": {"body": {"not_matches": text}}})
    assert seen[1] == reason, seen[2]
    if reason is Reason.CONTENT:
        seen = await judged(response(200, body, headers), {"expect": {"body": {"matches": text}}})
        assert seen[1] == Reason.OK, seen[2]


NOT_DECODED: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "text that was found": ({"expect": {"body": {"matches": "welcome"}}}, Reason.OK, ""),
    "text that was found, and must not be there": (
        {"expect": {"body": {"not_matches": "welcome"}}},
        Reason.CONTENT,
        "",
    ),
    "text that was not found": (
        {"expect": {"body": {"matches": "hello"}}},
        Reason.PROTOCOL,
        "the body cannot be decoded: not utf-8 text at byte 8, expected a match of 'hello'; status 200; body: welcome",
    ),
    "text that makes it degraded": (
        {"degraded": {"body": {"matches": "hello"}}},
        Reason.PROTOCOL,
        "the body cannot be decoded: not utf-8 text at byte 8, degraded when a match of 'hello'",
    ),
    "text of an identity": ({"identity": {"body": {"matches": "hello"}}}, Reason.PROTOCOL, ""),
    "JSON": ({"expect": {"json": {"status": "ok"}}}, Reason.PROTOCOL, "the body cannot be decoded: not utf-8 text"),
    "no matcher": ({}, Reason.OK, ""),
    "a header": ({"expect": {"header": {"X-A": {"exists": False}}}}, Reason.OK, ""),
}


@pytest.mark.parametrize("name", NOT_DECODED)
async def test_a_body_that_cannot_be_decoded_proves_what_was_found_alone(name: str) -> None:
    options, reason, said = NOT_DECODED[name]
    seen = await judged(response(200, b"welcome \xff", {"Content-Type": "text/html"}), options)
    assert seen[1] == reason, seen[2]
    assert said in seen[2]


JSONS: dict[str, tuple[str, bytes, Reason]] = {
    "declared Latin 1": ("application/json; charset=iso-8859-1", '{"status": "é"}'.encode("latin-1"), Reason.OK),
    "Latin 1 that nothing declares": ("application/json", '{"status": "é"}'.encode("latin-1"), Reason.PROTOCOL),
    "declared UTF-16": ("application/json; charset=utf-16", '{"status": "é"}'.encode("utf-16"), Reason.OK),
    "UTF-16 that nothing declares": ("application/json", '{"status": "é"}'.encode("utf-16-le"), Reason.OK),
    "with a byte order mark": ("application/json", '{"status": "é"}'.encode("utf-8-sig"), Reason.OK),
    "with a byte order mark, declared": ("text/json; charset=utf-8", '{"status": "é"}'.encode("utf-8-sig"), Reason.OK),
    "an unknown charset": ("application/json; charset=nonsense", '{"status": "é"}'.encode(), Reason.OK),
    "no JSON": ("text/html", b"<html>", Reason.CONTENT),
}


@pytest.mark.parametrize("name", JSONS)
async def test_json_is_decoded_by_its_charset(name: str) -> None:
    content_type, body, reason = JSONS[name]
    answer = response(200, body, {"Content-Type": content_type})
    seen = await judged(answer, {"expect": {"json": {"status": "é"}}})
    assert seen[1] == reason, seen[2]


async def test_the_request_is_sent_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_KEY", "sesame-street")
    web = Web({"*": response(200)})
    options: dict[str, Any] = {
        "method": "POST",
        "headers": {
            "Host": "api.internal",
            "X-Key": {"prefix": "k ", "secret": {"env": "PROBE_KEY"}},
            "User-Agent": "me",
        },
        "body": {"json": {"a": [1, "b"]}},
    }
    async with serving(web) as address:
        assert (await probe({"kind": "http", "url": f"http://{address}/", **options})).outcome == Outcome.PASS
    (request,) = web.seen
    assert (request.method, json.loads(request.body)) == ("POST", {"a": [1, "b"]})
    names = ("host", "x-key", "user-agent", "content-type")
    assert [request.headers[n] for n in names] == ["api.internal", "k sesame-street", "me", "application/json"]


async def test_body_from_a_file_is_read_on_every_run(tmp_path: Any) -> None:
    web = Web({"*": response(200)})
    async with serving(web) as address:
        for text in ("one", "two"):
            (tmp_path / "body").write_text(text)
            options = {"method": "PUT", "body": {"file": str(tmp_path / "body")}}
            await probe({"kind": "http", "url": f"http://{address}/", **options})
    assert [request.body for request in web.seen] == [b"one", b"two"]


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_is_sent(method: str) -> None:
    head = b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n"
    web = Web({"*": head if method == "HEAD" else response(200)})
    async with serving(web) as address:
        assert (await probe({"kind": "http", "url": f"http://{address}/", "method": method})).reason == Reason.OK
    assert web.seen[0].method == method


async def test_secrets_in_the_response_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_KEY", "sesame-street")

    def echo(request: Seen) -> bytes:
        return response(500, request.headers["x-key"].encode(), {"Server": request.headers["x-key"]})

    async with serving(Web({"*": echo})) as address:
        options = {"kind": "http", "url": f"http://{address}/", "headers": {"X-Key": {"env": "PROBE_KEY"}}}
        seen = await probe(options)
    assert (seen.detail, seen.facts["server"]) == ("status 500, expected 2xx; body: ***", "***")


async def test_a_secret_with_a_line_break_is_a_probe_error_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_KEY", "sesame\r\nX-Evil: street")
    async with serving(Web({"*": response(200)})) as address:
        seen = await probe({"kind": "http", "url": f"http://{address}/", "headers": {"X-Key": {"env": "PROBE_KEY"}}})
    assert (seen.reason, seen.outcome) == (Reason.PROBE_ERROR, Outcome.UNKNOWN)
    assert "street" not in seen.detail


async def test_hosts_are_those_of_the_url_and_of_the_token() -> None:
    check = load("http").model_validate({"kind": "http", "url": "https://Api.Example.com:8443/x"})
    assert check.hosts() == ("api.example.com",)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no scheme": ({"url": "example.com/x"}, "'example.com/x' is not a URL; write it like https://host/path"),
    "wrong scheme": ({"url": "ftp://example.com"}, "begins with ftp://, expected http:// or https://"),
    "no host": ({"url": "http:///x"}, "the URL names no host"),
    "bad host": ({"url": "http://exa$mple/"}, "'exa$mple' is not a host"),
    "bad port": ({"url": "http://example:99999/"}, "not a URL: Port out of range"),
    "bad address": ({"url": "http://[::zz]/"}, "not a URL"),
    "space": ({"url": "http://example.com/a b"}, "is not a URL"),
    "credentials in the URL": ({"url": "http://me:hidden@example.com/"}, "credentials do not belong in a URL"),
    "unknown class": ({"expect": {"status": "6xx"}}, "'6xx' is not a status; write it like 200, 2xx or 200-299"),
    "range in the wrong order": ({"expect": {"status": "299-200"}}, "is not a status"),
    "no status": ({"expect": {"status": []}}, "an empty list matches no status"),
    "status of another type": ({"expect": {"status": True}}, "True is not a status"),
    "bad pattern": ({"expect": {"body": {"matches": "("}}}, "'(' is not an RE2 pattern"),
    "bad path": ({"expect": {"json": {"$.[": 1}}}, "is not a JSONPath"),
    "bad fact": ({"facts": {"a": "$.["}}, "is not a JSONPath"),
    "fact of every response": ({"facts": {"status": "$.status"}}, "status is a name that the exporter itself uses"),
    "fact that becomes a metric": ({"facts": {"connections": "$.c"}}, "connections is a name that the exporter itself"),
    "too many facts": ({"facts": {f"f{n}": "$" for n in range(11)}}, "at most 10"),
    "bad size": ({"max_body": "1GB"}, "'1GB' is not a size; write it like 512, 64KiB or 1MiB"),
    "huge body": ({"max_body": "17MiB"}, "less than or equal to 16777216"),
    "literal secret": ({"headers": {"Authorization": "Bearer x"}}, "a secret does not belong in this file"),
    "literal password": ({"auth": {"basic": {"username": "a", "password": "b"}}}, "a secret does not belong"),
    "bad header name": ({"headers": {"a b": "c"}}, "'a b' is not the name of a header"),
    "bad header value": ({"headers": {"a": 5}}, "write a text in quotes, {env: NAME}"),
    "two ways of auth": (
        {"auth": {"bearer": {"env": "A"}, "basic": None}},
        "auth is exactly one of basic, digest",
    ),
    "two authorizations": (
        {"auth": {"bearer": {"env": "A"}}, "headers": {"authorization": {"env": "A"}}},
        "exclude each other",
    ),
    "https proxy": ({"proxy": "https://proxy:3128"}, "begins with https://, expected http://"),
    "proxy from two sources": ({"proxy": {"environment": True, "url": "http://p:1"}}, "exactly one of url and"),
    "empty startup": ({"startup_when": {}}, "at least one of status, json, body and header"),
    "unknown option": ({"expct": {}}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        load("http").model_validate({"kind": "http", "url": "http://example.com/", **options})
    assert message in str(error.value)
    assert "hidden" not in " ".join(item["msg"] for item in error.value.errors())
