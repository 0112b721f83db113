"""The composition root: configuration, board, scheduler, web server and signals, put together and kept running."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from staging_exporter.clock import now
from staging_exporter.config import Config, ConfigError, load_config, log_missing_secrets
from staging_exporter.config.tools import tools
from staging_exporter.config.watch import follow
from staging_exporter.core.blackbox import ProbeResult
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.core.story import AlertPlan
from staging_exporter.engine.announcements import Announcements
from staging_exporter.engine.build import Engine, build_engine
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.generate.receivers import alert_plans
from staging_exporter.logs import event, lines_dropped
from staging_exporter.net.background import in_background
from staging_exporter.net.systemd import Notifier
from staging_exporter.notify.sender import Sending
from staging_exporter.storage.directory import StorageDirectory
from staging_exporter.storage.history import RETENTION, History
from staging_exporter.storage.recorder import Recorder
from staging_exporter.storage.reports import ReportStore
from staging_exporter.storage.store import Store
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.page.tools import Tools
from staging_exporter.views.verdict_log import VerdictLog
from staging_exporter.web.exporter import NotForAnyone, ReportRefused
from staging_exporter.web.front import Front, Listen
from staging_exporter.web.security import WebSecurity
from staging_exporter.web.site import Site

log = logging.getLogger("exporter")
_READ = 1.0  # seconds that reading a token may take
_LOOK = 10.0  # seconds between two looks at the clock of the machine
_AHEAD = 5.0  # seconds by which ours may be ahead of it
_LOAD = 30.0  # seconds that loading the configuration may take


class App:
    """The running exporter. `start`, then `stop`; `run` does both and waits for a signal in between."""

    _engine: Engine
    _recorder: Recorder
    _web: Front

    def __init__(
        self,
        config_files: Path | Sequence[Path],
        config: Config,
        announce: Callable[[Snapshot], None] | None = None,
        storage: StorageDirectory | None = None,
        security: WebSecurity | None = None,
        site: Site | None = None,
        retention: float = RETENTION,
    ) -> None:
        """`announce` is called with the snapshot of each change of state or verdict; by default it is logged.

        With `storage` the state survives a restart, and test reports may be pushed. Raises OSError.
        `security` is that of a web configuration file, `site` where others reach the exporter; `retention` in seconds.
        """
        self._files = (config_files,) if isinstance(config_files, Path) else tuple(config_files)
        self._config = config
        self._sending = Sending(
            lambda: self._config.alerting,
            lambda: self._config.topology.recovery,
            lambda timeout: self._engine.prober.context(timeout),
            lambda: self._web.external_url,
        )
        followers = (lambda snapshot: self._recorder.observe(snapshot), self._sending.observe)
        self._announcements = Announcements(followers, announce or VerdictLog())
        self._reloaded, self._loaded_at = True, now()
        self._loop_lag = LoopLagMonitor()
        self._reports = ReportStore(storage.path / "e2e") if storage else None
        self._engine = self._build_engine(config)
        store = Store(storage, config.topology.environment) if storage else None
        self._recorder = Recorder(store, lambda: self._engine.board, retention)
        self._reloading = asyncio.Lock()
        self._next_reload: asyncio.Task[str | None] | None = None
        self._replaced_unheard: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._notifier = Notifier()
        context = lambda: self._engine.prober.context(_READ)  # noqa: E731
        self._web = Front(self, lambda: self._config.api, context, security or WebSecurity(), site or Site())

    async def run(
        self,
        listen: Listen,
        on_start: Callable[[str], None] = lambda _url: None,
        *,
        stop_on_hangup: bool = False,
        auto_reload: bool = False,
    ) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads, or stops it with `stop_on_hangup`.

        Raises OSError when an address cannot be listened on.
        """
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        hangup = stop.set if stop_on_hangup else lambda: self._in_background(self.reload())
        loop.add_signal_handler(signal.SIGHUP, hangup)
        on_start(await self.start(listen))
        if auto_reload:
            self._in_background(follow(lambda: self._config.watched, self.reload))
        try:
            await stop.wait()
        finally:
            await self.stop()

    async def start(self, listen: Listen) -> str:
        """Start probing and serving; returns the first URL. Raises OSError when an address cannot be listened on."""
        self._web.bind(listen)
        # Only a process that has its addresses, and the lock of its storage, touches what is stored.
        self._in_background(self._follow_clock())
        await self._recorder.start()
        await self._web.start()
        await log_missing_secrets(self._config)
        gc.collect()
        gc.freeze()  # loaded modules stay, and garbage collections that visit them would delay probes
        self._loop_lag.start()
        self._sending.start()
        self._engine.scheduler.start()
        environment, checks = self._config.topology.environment, len(self._config.checks)
        event(log, "listening", **self._web.addresses, environment=environment, checks=checks)
        self._notifier.ready(f"probing {checks} components of {environment}")
        self._in_background(self._keep_alive())
        return self._web.urls[0]

    async def stop(self) -> None:
        """Stop probing and serving, within two seconds, whatever hangs."""
        self._notifier.stopping()
        for task in self._tasks:
            task.cancel()
        self._loop_lag.stop()
        await asyncio.gather(
            self._engine.on_demand.stop(), self._engine.scheduler.stop(), self._web.stop(), self._sending.stop()
        )
        try:
            await self._recorder.stop()
        except TimeoutError:
            event(log, "cannot store the last changes in time", logging.ERROR)
        event(log, "stopped")

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop keeps only a weak reference
        task.add_done_callback(self._tasks.discard)
        return task

    def snapshot(self) -> Snapshot:
        """The published snapshot."""
        return replace(self._engine.board.snapshot(now()), concurrency=self._engine.prober.running)

    def tools(self) -> Tools:
        """What the pages link to, and the next commands."""
        return tools(self._config, self._web.external_url)

    def own_status(self) -> ExporterStatus:
        """How the exporter itself is doing."""
        clients = (self._web.logins_failed, self._web.connections)
        storage, sending = self._recorder.status, self._sending.status
        return ExporterStatus(self._reloaded, self._loaded_at, lines_dropped(), storage, *clients, sending)

    async def probe(self, name: str, longest: float | None, *, trusted: bool) -> ProbeResult:
        """Run the check of a component now. Raises KeyError, NoCheck, NotForAnyone and RateLimitExceeded."""
        if name not in self._config.topology.components:
            raise KeyError(name)
        check = self._config.checks.get(name)
        if check and check.runs_programs and not trusted:
            raise NotForAnyone(f"{name} runs a program: this needs an api.token with the scope probe")
        return await self._engine.on_demand.probe(name, longest)

    async def maintain(self, components: Sequence[str], duration: float, by: str) -> None:
        """Start a window of `duration` seconds, which `by` asked for; 0 ends it. Raises KeyError and StorageFailed."""
        await self._recorder.maintain(components, duration)
        length: dict[str, Any] = {"seconds": duration} if duration else {}
        event(log, f"maintenance {'started' if duration else 'ended'}", components=list(components), **length, by=by)

    async def deploy(self, components: Sequence[str], revision: str, by: str) -> None:
        """Mark components as deployed just now, as `by` asked. Raises KeyError and StorageFailed."""
        await self._recorder.deploy(components, revision)
        event(log, "deployed", components=list(components), revision=revision, by=by)

    async def receive_report(
        self, component: str, chunks: AsyncIterator[bytes], run: str | None, by: str
    ) -> dict[str, Any]:
        """Store a pushed report of this run and probe its component; returns what was read in it, as JSON values.

        Raises KeyError for an unknown component, ReportRefused, Unreadable, OSError.
        """
        if component not in self._config.topology.components:
            raise KeyError(component)
        check = self._config.checks.get(component)
        read = check.report_reader() if check else None
        if read is None:
            raise ReportRefused(f"{component} accepts no reports: it has no check that reads pushed ones")
        if self._reports is None:
            raise ReportRefused("this exporter does not store reports: it runs without --storage.path")
        report = await self._reports.receive(component, chunks, read, run)
        event(log, "report pushed", component=component, tests=report.total, by=by)
        self._engine.scheduler.request([component])
        return {"component": component, "tests": report.counts, "failing": report.failing}

    @property
    def history(self) -> History:
        """What happened so far."""
        return self._recorder.history

    def alerts(self) -> dict[str, AlertPlan]:
        """The alert for root causes of each priority."""
        return alert_plans(self._config.alerting)

    def suggestions(self) -> Suggestions:
        """What the incidents so far say about the configuration."""
        return self._engine.board.suggestions

    async def reload(self) -> str | None:
        """Load the configuration again, keeping the state of unchanged components; returns its errors, or None."""
        if self._next_reload is None:  # else it has not begun yet, and will read what is in the file now
            self._next_reload = self._in_background(self._reload())
        return await asyncio.shield(self._next_reload)

    async def _reload(self) -> str | None:
        async with self._reloading:
            self._next_reload = None
            self._notifier.reloading(monotonic())
            try:
                async with asyncio.timeout(_LOAD):
                    config = await in_background(lambda: load_config(self._files), ("configuration", self._files))
            except (ConfigError, TimeoutError) as error:
                text = str(error) or f"{self._files[0]} gave nothing in time"
                self._reloaded = False
                event(log, "reload failed, keeping the previous configuration", logging.ERROR, error=text)
                self._notifier.ready("reload failed, the previous configuration stays in use")
                return text
            await self._adopt(config)
            self._reloaded, self._loaded_at = True, now()
            event(log, "configuration reloaded", checks=len(config.checks))
            self._notifier.ready(f"probing {len(config.checks)} components of {config.topology.environment}")
            await log_missing_secrets(config)
            return None

    async def _adopt(self, config: Config) -> None:
        """Replace the engine by one of this configuration; components that did not change keep state and schedule."""
        unchanged = config.unchanged_since(self._config)
        # A check may be corrected at once, but one that changes again before its first run gets that run.
        await self._engine.first_runs((self._replaced_unheard & config.checks.keys()) - unchanged)
        self._replaced_unheard = self._engine.board.unheard - unchanged
        await self._engine.scheduler.stop(keep=unchanged)
        engine = self._build_engine(config)
        requested = engine.board.inherit(self._engine.board, unchanged, now())
        engine.rate_limiter.inherit(self._engine.rate_limiter)
        engine.scheduler.take_over(self._engine.scheduler, unchanged)
        self._config, self._engine = config, engine
        self._announcements.restart()
        engine.scheduler.start()
        engine.scheduler.request(requested - engine.board.unheard)  # their first runs are near, and spread

    async def _keep_alive(self) -> None:
        """Feed the watchdog of systemd: it restarts an exporter whose loop no longer turns."""
        while self._notifier.watchdog:
            self._notifier.alive()
            await asyncio.sleep(self._notifier.watchdog / 3)

    async def _follow_clock(self) -> None:
        """Start over with what is known when the clock of the machine was set back: the rest would be in the future."""
        while True:
            await asyncio.sleep(_LOOK)
            if now.ahead() < _AHEAD:
                continue
            async with self._reloading:
                memory = self._engine.board.memory()
                await self._engine.scheduler.stop()
                seconds = now.set_back()
                event(log, "clock was set back, starting over", logging.WARNING, seconds=round(seconds))
                engine = self._build_engine(self._config)
                self._recorder.history.set_back(now())
                engine.board.recall(memory.set_back(now(), seconds))
                self._loop_lag.start()
                self._engine = engine
                self._announcements.restart()
                engine.scheduler.start()

    def _build_engine(self, config: Config) -> Engine:
        pushed = self._reports.directory if self._reports else None
        return build_engine(config, self._loop_lag, self._announcements.look, pushed=pushed)
