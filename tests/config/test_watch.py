"""Files that change on disk, and what a reload changes: `--config.auto-reload`, windows without probes, `diff`."""

from __future__ import annotations

import asyncio
import json
import os
import socketserver
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from staging_exporter.config import load_config
from staging_exporter.config.watch import Watched, changes, fingerprints

from tests.support.live import EXPORTER, answers, fetch, process, staging_exporter, wait_for
from tests.support.ports import free_port
from tests.support.waiting import until

SMALL = """environment: e
components: {a: {layer: test, priority: P2, check: {kind: tcp, address: 'h:1'}}}
"""


def test_the_files_of_a_configuration_and_the_folders_of_new_ones_are_watched(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "more.yml").write_text("journeys: {}\n")
    main = tmp_path / "main.yml"
    main.write_text("include: ['conf.d/*.yml']\n" + SMALL)
    watched = load_config(main).watched
    assert watched == Watched((str(main), str(tmp_path / "conf.d/more.yml")), (str(tmp_path / "conf.d"),))
    seen = [fingerprints(watched)]
    (tmp_path / "conf.d" / "other.yml").write_text("")
    seen.append(fingerprints(watched))
    main.write_text(main.read_text() + "# x\n")
    seen.append(fingerprints(watched))
    os.utime(main, (1.0, 1.0))
    seen.append(fingerprints(watched))  # the same content
    main.unlink()
    seen.append(fingerprints(watched))
    assert [one == other for one, other in pairwise(seen)] == [False, False, True, False]


class Looks:
    """What is watched, and how often somebody has asked: the look before is complete then."""

    def __init__(self, *files: Path) -> None:
        self.files, self.asked = files, 0

    def __call__(self) -> Watched:
        self.asked += 1
        return Watched(tuple(map(str, self.files)), ())

    async def complete(self, number: int) -> None:
        """Wait until so many more looks are complete."""
        wanted = self.asked + number + 1
        await until(lambda: self.asked >= wanted)


async def test_what_changes_while_a_change_is_handled_is_a_change_too(tmp_path: Path) -> None:
    """The next text is written before the change to the last one is handled."""
    file, texts, found = tmp_path / "f", ["two", "three", "four"], list[str]()
    file.write_text("one")
    looks = Looks(file)

    async def look() -> None:
        async for _ in changes(looks, 0.02):
            found.append(file.read_text())
            if found == texts:
                return
            file.write_text(texts[len(found)])

    task = asyncio.create_task(look())
    await looks.complete(1)
    file.write_text(texts[0])
    async with asyncio.timeout(10):
        await task
    assert found == texts


async def test_a_change_counts_once_and_a_file_that_is_watched_from_then_on_is_no_change(tmp_path: Path) -> None:
    file, other, found = tmp_path / "f", tmp_path / "other", asyncio.Queue[str]()
    file.write_text("one")
    other.write_text("also")
    looks = Looks(file)

    async def look() -> None:
        async for _ in changes(looks, 0.02):
            looks.files = (file, other)
            found.put_nowait(file.read_text())

    task = asyncio.create_task(look())
    await looks.complete(1)
    for text in ("two", "three"):
        file.write_text(text)
        assert await asyncio.wait_for(found.get(), 10) == text
    await looks.complete(10)
    assert found.empty()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class _Counts(socketserver.BaseRequestHandler):
    seen = 0

    def handle(self) -> None:
        _Counts.seen += 1


@contextmanager
def counting() -> Iterator[int]:
    """A server that counts its connections."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Counts) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


LIVE = """
environment: staging
defaults: {{interval: 500ms, timeout: 400ms, retry_interval: 50ms, rise: 1}}
components:
  asleep: {{layer: service, priority: P0, labels: {{team: night}}, check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
  waits: {{layer: service, priority: P1, depends_on: [asleep], check: {{kind: tcp, address: "127.0.0.1:{closed}"}}}}
{more}maintenance:
  - {{components: [asleep], start: 2020-01-01T00:00:00Z, end: 2100-01-01T00:00:00Z, probe: {probe}}}
"""


def swapped(folder: Path, version: str, text: str) -> None:
    """A ConfigMap as the kubelet mounts it: a new directory, to which `..data` is turned at once."""
    (folder / f"..{version}").mkdir(parents=True)
    (folder / f"..{version}" / "staging.yml").write_text(text)
    (folder / "..new").symlink_to(f"..{version}")
    (folder / "..new").rename(folder / "..data")
    if not (folder / "staging.yml").is_symlink():
        (folder / "staging.yml").symlink_to("..data/staging.yml")


def test_a_config_map_is_followed_and_in_a_window_without_probes_nothing_is_sent(tmp_path: Path) -> None:
    folder, log, address = tmp_path / "mounted", tmp_path / "exporter.log", f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    with counting() as port:
        fields = {"port": port, "closed": free_port()}
        swapped(folder, "1", LIVE.format(**fields, more="", probe="false"))
        command = [*EXPORTER, "run", str(folder), "--config.auto-reload", "--web.listen-address", address]
        with process(command, log):
            wait_for(lambda: answers(f"{url}/-/ready"), "every check has a result")
            status = json.loads(fetch(f"{url}/api/v1/status"))
            assert (status["components"]["asleep"]["state"], _Counts.seen) == ("maintenance", 0)
            assert "a maintenance window says probe: false" in status["components"]["asleep"]["detail"]
            assert (status["root_causes"], status["settled"]) == ([], True)  # what needs it waits for it
            with pytest.raises(urllib.error.HTTPError, match="409"):
                fetch(f"{url}/probe?component=asleep")
            label = 'staging_component_labels{component="asleep",environment="staging",label_team="night"} 1.0\n'
            assert label in fetch(f"{url}/metrics")

            swapped(folder, "2", LIVE.format(**fields, more="", probe="maybe"))
            wait_for(lambda: "reload failed" in log.read_text(), "a bad file is refused")
            assert "probe: `maybe` is not" in log.read_text() or "maintenance[0].probe" in log.read_text()
            more = "  new: {layer: test, priority: P2}\n"
            swapped(folder, "3", LIVE.format(**fields, more=more, probe="true"))
            wait_for(lambda: "new" in json.loads(fetch(f"{url}/api/v1/status"))["components"], "the next one is loaded")
            wait_for(lambda: _Counts.seen > 0, "and the component is probed again")
            assert log.read_text().count('msg="configuration files changed"') == 2


BEFORE = """
environment: staging
components:
  db: {layer: platform, priority: P0, check: {kind: tcp, address: "db:1"}}
  old: {layer: platform, priority: P1}
  api: {layer: service, priority: P0, depends_on: [db], check: {kind: http, url: "http://api/"}}
  web: {layer: service, priority: P0, check: {kind: http, url: "http://web/"}}
journeys: {login: {priority: P0, steps: {open: web}}}
"""
AFTER = """
environment: staging
recovery: 30s
components:
  db: {layer: platform, priority: P0, interval: 20s, check: {kind: tcp, address: "db:1"}}
  cache: {layer: platform, priority: P1, check: {kind: redis, address: "c:1"}}
  api:
    {layer: service, priority: P1, depends_on: [db], optional_depends_on: [cache], check: {kind: http, url: "http://api/health"}}
  web: {layer: service, priority: P0, depends_on: [[api, cache]], check: {kind: tcp, address: "web:1"}}
journeys: {login: {priority: P1, steps: {open: web}}}
maintenance: [{components: [web], start: 2026-01-01T00:00:00Z, end: 2026-01-02T00:00:00Z}]
"""
DIFFERENCE = """\
- component old
+ component cache (redis, platform, P1)
~ component db: interval 10.0 -> 20.0
~ component api: priority P0 -> P1
~ check of api: url http://api/ -> http://api/health
- check of web (http)
+ check of web (tcp)
+ edge api -> cache (optional)
+ edge web -> api or cache
~ journey login
~ maintenance
~ recovery: 60s -> 30s
db, api and web begin without a state; all others keep theirs
"""


def test_diff_prints_what_a_reload_would_change(tmp_path: Path) -> None:
    for name, text in (("a", BEFORE), ("b", AFTER)):
        (tmp_path / f"{name}.yml").write_text(text)
    done = staging_exporter("diff", tmp_path / "a.yml", tmp_path / "b.yml")
    assert (done.returncode, done.stdout, done.stderr) == (1, DIFFERENCE, "")
    assert staging_exporter("diff", tmp_path / "a.yml", tmp_path / "a.yml").returncode == 0
    (tmp_path / "b.yml").write_text("environment: 3\n")
    done = staging_exporter("diff", tmp_path / "a.yml", tmp_path / "b.yml")
    assert (done.returncode, done.stdout) == (2, "")
