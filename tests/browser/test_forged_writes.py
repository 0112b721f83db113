"""A page of another origin in a real browser that remembers a password: it can write nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt

from tests.support.live import EXPORTER, fetch, process, wait_for
from tests.support.ports import free_port
from tests.support.served import chromium

CONFIG = """
environment: test
api: {tokens: [{name: test, scopes: [read], token: {env: FORGED_TOKEN}}], users: {alice: [read, write]}}
components: {other: {layer: service, priority: P1, check: {kind: exec, command: ["true"]}}}
"""
BODY = json.dumps({"components": ["other"], "duration": "1h"})
EVIL = """<form id="f" method="post" enctype="text/plain" action="URL/api/v1/maintenance">
<input name='{"components": ["other"], "duration": "1h", "x": "' value='"}'></form>
<form id="g" method="post" action="URL/-/reload"></form>"""
# What a script may try; each ends, allowed or not.
TRIES = """async ([url, body]) => {
  const always = {method: 'POST', credentials: 'include'};
  const send = (path, options) => fetch(url + path, {...always, ...options}).catch(() => 0);
  await send('/api/v1/maintenance', {mode: 'no-cors', body});
  await send('/api/v1/maintenance', {mode: 'no-cors', body, headers: {'Content-Type': 'text/plain'}});
  await send('/api/v1/maintenance', {body, headers: {'Content-Type': 'application/json'}});
  await send('/-/reload', {mode: 'no-cors'});
}"""
OWN = """async (body) => (await fetch('/api/v1/maintenance',
  {method: 'POST', body, headers: {'Content-Type': 'application/json'}})).status"""


@contextmanager
def evil(url: str) -> Iterator[str]:
    """A page of another origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = EVIL.replace("URL", url).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_of_another_origin_writes_nothing_with_a_password_that_the_browser_remembers(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG)
    hashed = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{alice: {hashed}}}\n")
    url, log = f"http://127.0.0.1:{free_port()}", tmp_path / "log"
    command = [*EXPORTER, "run", str(tmp_path / "config.yml"), "--web.config.file", str(tmp_path / "web.yml")]
    with process([*command, "--web.listen-address", url.removeprefix("http://")], log), evil(url) as page_url:
        wait_for(lambda: "msg=listening" in log.read_text(), "the exporter listens")
        with chromium() as browser:
            context = browser.new_context(http_credentials={"username": "alice", "password": "sesame"})
            page = context.new_page()
            page.goto(url)
            page.goto(page_url)
            page.evaluate(TRIES, [url, BODY])
            for form in ("f", "g"):
                page.goto(page_url)
                page.evaluate(f"document.getElementById('{form}').submit()")
                page.wait_for_url(f"{url}/**")
            text = log.read_text()
            assert "maintenance started" not in text
            assert "reload requested" not in text
            page.goto(url)
            assert page.evaluate(OWN, BODY) == 200
            context.close()
        assert 'msg="maintenance started" components=other seconds=3600.0 by="alice at 127.0.0.1"' in log.read_text()
        assert "healthy" in fetch(f"{url}/-/healthy")
