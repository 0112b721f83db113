"""Delivers alerts: to each Alertmanager in a task of its own, so that one that hangs delays no other.

An alert that fires is sent again and again, since an Alertmanager that restarted has forgotten it; one that ended until
it was accepted once. At its start the exporter asks each Alertmanager for the alerts that an earlier process sent, so
that a root cause that ended meanwhile is resolved.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from time import monotonic
from urllib.parse import urlencode

from staging_exporter.clock import now
from staging_exporter.core.model import ProbeFailed
from staging_exporter.core.redaction import Masker, clean
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.generate.alerts import Role
from staging_exporter.generate.environment import ROOT_CAUSE
from staging_exporter.generate.options import AlertingOptions, AlertmanagerOptions
from staging_exporter.logs import event
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response, status_reason
from staging_exporter.net.failures import classify
from staging_exporter.net.http import HttpRequest, Transport
from staging_exporter.net.url import Url
from staging_exporter.notify.alert import Alert
from staging_exporter.notify.ledger import Ledger
from staging_exporter.options.answers import snippet
from staging_exporter.options.auth import fetch_as
from staging_exporter.views.exporter_status import SendingStatus

log = logging.getLogger("exporter")
_TIMEOUT = 10.0  # seconds of one request
_AGAIN = 15.0  # seconds until an alert that fires is sent again
_VALID = 3600.0  # seconds that an alert goes on firing while the exporter is away: missing data resolves nothing
_ENDS = 240.0  # the same beside a Prometheus: that is how it ends
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0  # seconds
_KEPT = 1000  # alerts that ended and wait for an Alertmanager
_MAX_BODY = 16 * 1024 * 1024  # bytes of the alerts of an environment
_LOOK = 2.0  # seconds between two looks at root causes that are gone

MakeContext = Callable[[float], ProbeContext]


class Sending:
    """Sends the root causes of one environment; `start`, `observe` each snapshot, `stop`."""

    def __init__(
        self,
        options: Callable[[], AlertingOptions],
        hold: Callable[[], float],
        context: MakeContext,
        page: Callable[[], str],
    ) -> None:
        """`options` are those of now, `context` makes one of so many seconds, `page` is the URL of the status page.

        An alert ends `hold` seconds after its root cause.
        """
        self._options, self._hold, self._context, self._page = options, hold, context, page
        self._ledger = Ledger()
        self._snapshot: Snapshot | None = None
        self._targets: list[_Target] = []
        self._task: asyncio.Task[None] | None = None
        self._errors = 0

    @property
    def status(self) -> SendingStatus | None:
        """How it goes, None when the exporter sends nothing."""
        if not self._options().alertmanagers:
            return None
        problems = "; ".join(target.problem for target in self._targets if target.problem)
        return SendingStatus(self._errors + sum(target.errors for target in self._targets), problems)

    def start(self) -> None:
        """Start sending what is observed from now on."""
        self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Send no more; alerts that fire go on firing."""
        tasks = [*([self._task] if self._task else []), *(target.task for target in self._targets)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def observe(self, snapshot: Snapshot) -> None:
        """Follow a snapshot in which every check has run."""
        options = self._options()
        self._snapshot = snapshot
        self._follow(options, snapshot.environment)
        if self._targets:
            before = [alert.labels for alert in self._ledger.firing]
            ended = self._ledger.update(snapshot, options, options.exporter or self._page(), self._hold())
            if ended or before != [alert.labels for alert in self._ledger.firing]:
                for target in self._targets:
                    target.notify(() if options.alongside_prometheus else ended)

    def _follow(self, options: AlertingOptions, environment: str) -> None:
        """Start tasks for Alertmanagers that are new in the configuration, end those of the others."""
        wanted = [(each, options.alongside_prometheus) for each in options.alertmanagers]
        for target in [target for target in self._targets if target.key not in wanted]:
            self._errors += target.errors
            target.task.cancel()
            self._targets.remove(target)
        known = [target.key for target in self._targets]
        self._targets += [_Target(*key, environment, self._ledger, self._context) for key in wanted if key not in known]

    async def _look(self) -> None:
        """An alert ends some time after its root cause, when nothing else may change."""
        while True:
            await asyncio.sleep(_LOOK)
            if self._snapshot and self._targets:
                later = max(now(), self._snapshot.generated_at)
                self.observe(replace(self._snapshot, generated_at=later))


class _Target:
    """One Alertmanager."""

    def __init__(
        self, options: AlertmanagerOptions, alongside: bool, environment: str, ledger: Ledger, context: MakeContext
    ) -> None:
        self.key = (options, alongside)
        self._options, self._alongside, self._environment = options, alongside, environment
        self._ledger, self._context = ledger, context
        self._ended: list[Alert] = []
        self._wake = asyncio.Event()
        self._adopted = alongside  # beside a Prometheus nothing is resolved
        self.problem, self.errors = "", 0
        self.task = asyncio.create_task(self._work())

    def notify(self, ended: Sequence[Alert]) -> None:
        """What fires changed, and these ended."""
        self._ended = [*self._ended, *ended][-_KEPT:]
        self._wake.set()

    async def _work(self) -> None:
        pause = _FIRST_RETRY
        while True:
            self._wake.clear()
            delivered = await self._deliver()
            pause = _FIRST_RETRY if delivered else min(_LAST_RETRY, pause * 2)
            if not delivered:
                await asyncio.sleep(pause)
            elif not self._ended:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN):
                        await self._wake.wait()

    async def _deliver(self) -> bool:
        """Whether everything was accepted."""
        sent = [*self._ended]
        until = now() + (_ENDS if self._alongside else _VALID)
        bodies = [alert.body(until) for alert in (*self._ledger.firing, *sent)]
        context = self._context(_TIMEOUT)
        begin = monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT):
                if bodies:
                    await self._ask(context, "POST", "", json.dumps(bodies).encode())
                self._ended = [alert for alert in self._ended if alert not in sent]
                if not self._adopted:
                    self._ended += self._ledger.adopt(_sent_before(await self._ask(context, "GET", self._query())))
                    self._adopted = True
        except Exception as error:
            self._failed(classify(error, context)[1], context, monotonic() - begin)
            return False
        if self.problem:
            event(log, "sending alerts works again", alertmanager=self._options.url.shown)
        self.problem = ""
        return True

    def _query(self) -> str:
        environment = self._environment.replace("\\", r"\\").replace('"', r"\"")
        filters = [f'environment="{environment}"', f'role="{Role.ROOT_CAUSE}"']
        return "?" + urlencode({"filter": filters}, doseq=True)

    async def _ask(self, context: ProbeContext, method: str, query: str, body: bytes = b"") -> Response:
        """The response with status 200. Raises ProbeFailed, OSError, ssl.SSLError."""
        options = self._options
        url: Url = options.url._replace(target=f"{options.url.target.rstrip('/')}/api/v2/alerts{query}")
        headers = {"Content-Type": "application/json"} if body else {}
        request = HttpRequest(url, method, headers, body)
        response = await fetch_as(
            options.auth, context, request, Transport(options.tls, options.proxy), follow=False, max_body=_MAX_BODY
        )
        if response.fault is not None:
            raise response.fault
        if response.status != 200:
            raise ProbeFailed(
                status_reason(response.status), f"status {response.status}, expected 200{snippet(response)}"
            )
        return response

    def _failed(self, detail: str, context: ProbeContext, seconds: float) -> None:
        self.errors += 1
        detail = clean(detail, Masker(context.secrets))
        if not self.problem:
            event(log, "cannot send alerts", logging.ERROR, alertmanager=self._options.url.shown, error=detail,
                  seconds=round(seconds, 1))  # fmt: skip
        self.problem = f"{self._options.url.shown}: {detail}"


def _sent_before(response: Response) -> Iterator[tuple[Mapping[str, str], Mapping[str, str], float]]:
    """Labels, annotations and starts of the root causes that an Alertmanager has. Raises ValueError."""
    for each in json.loads(response.body):
        labels, annotations = dict(each["labels"]), dict(each["annotations"])
        if labels.get("alertname", "").startswith(ROOT_CAUSE) and {"component", "priority"} <= labels.keys():
            yield labels, annotations, datetime.fromisoformat(each["startsAt"]).timestamp()
