"""Several WebSockets of one run, each with its own credentials: which runs which step, and who must not see what.

What a step of one connection waits for is what that connection caused: no other may receive it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.failures import classify
from staging_exporter.net.message import Message
from staging_exporter.net.websocket import Session
from staging_exporter.options.auth import Auth
from staging_exporter.options.conversation import Step, converse
from staging_exporter.options.messages import Awaited, label_of
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.payload import Headers, Text
from staging_exporter.options.placeholders import Placeholders
from staging_exporter.options.secrets import AnySecret

MOST = 10  # connections of one run
_MARGIN = 0.1  # seconds before the deadline when a connection ends, so that the detail can name it
_LAST_LOOK = 1.0  # seconds that the others have to answer a ping, behind which comes nothing that was sent before it


class OwnCredentials(Model):
    """What one of several connections has of its own; `headers` and `secrets` are added to those of the check."""

    auth: Auth | None = None
    headers: Headers = Field(default_factory=dict)
    subprotocols: Listed[Text] | None = None
    secrets: Placeholders


@dataclass(frozen=True, slots=True)
class _Peer:
    """One open connection; the first is number 1. `context` has its own phases and facts."""

    number: int
    context: ProbeContext
    session: Session
    secrets: Mapping[str, AnySecret]


def check_steps(steps: Sequence[Step], count: int) -> None:
    """Raises ValueError for a step of a connection that there is not."""
    for number in (step.connection for step in steps if step.connection is not None):
        if count == 1:
            raise ValueError("connection goes with connections, which says how many there are")
        if number > count:
            raise ValueError(f"connection: {number} is not among the {count} of connections")


def _owners(steps: Sequence[Step]) -> list[int | None]:
    """The connection that runs each step alone, None for all.

    Where no step says so, the steps from the first `send` on are those of the first.
    """
    if any(step.connection is not None for step in steps):
        return [step.connection for step in steps]
    first = next((at for at, step in enumerate(steps) if step.send is not None), len(steps))
    return [None if at < first else 1 for at in range(len(steps))]


@asynccontextmanager
async def _as_connection(context: ProbeContext, number: int) -> AsyncIterator[None]:
    """Failures inside are classified with that context and say the number of the connection."""
    try:
        async with context.until_deadline(_MARGIN):
            yield
    except Exception as error:
        reason, detail = classify(error, context)
        kind = ProbeDegraded if isinstance(error, ProbeDegraded) else ProbeFailed
        raise kind(reason, f"connection {number}: {detail}") from None


async def run_apart(
    context: ProbeContext,
    credentials: Sequence[OwnCredentials],
    opened: Callable[[ProbeContext, OwnCredentials], AbstractAsyncContextManager[Session]],
    steps: Sequence[Step],
    secrets: Mapping[str, AnySecret],
) -> None:
    """Open a connection with each of the credentials, and run the steps, each on its connection or on all at once.

    Fact `connections` is their number. Raises ProbeFailed for the first step that fails, for a connection that is
    closed meanwhile, and (`content`) for a message that came on another connection than the one that waits for it.
    """
    contexts = [context.for_another_request(context.remaining) for _ in credentials]
    try:
        async with AsyncExitStack() as stack:
            peers = []
            for number, (other, own) in enumerate(zip(contexts, credentials, strict=True), 1):
                session = await stack.enter_async_context(_numbered(other, number, opened(other, own)))
                peers.append(_Peer(number, other, session, {**secrets, **own.secrets}))
            await _converse(peers, steps)
    finally:
        _merge(context, contexts)
        context.facts["connections"] = len(credentials)


@asynccontextmanager
async def _numbered(
    context: ProbeContext, number: int, opened: AbstractAsyncContextManager[Session]
) -> AsyncIterator[Session]:
    """Failures to open and to close say the number of the connection."""
    async with AsyncExitStack() as stack:
        async with _as_connection(context, number):
            session = await stack.enter_async_context(opened)
        yield session
        async with _as_connection(context, number):
            await stack.aclose()


def _merge(context: ProbeContext, contexts: Iterable[ProbeContext]) -> None:
    """Phases are added up, the log is that of all; facts are those of the first, but when the first credential ends."""
    for number, other in enumerate(contexts, 1):
        later = other.started - context.started
        context.lines += [(later + at, f"connection {number}: {text}") for at, text in other.lines]
        for name, seconds in other.phases.items():
            context.phases[name] = context.phases.get(name, 0.0) + seconds
        ends = [of.facts[Fact.CREDENTIAL_NOT_AFTER] for of in (context, other) if Fact.CREDENTIAL_NOT_AFTER in of.facts]
        context.facts = {**other.facts, **context.facts}
        if ends:
            context.facts[Fact.CREDENTIAL_NOT_AFTER] = min(ends)


async def _converse(peers: Sequence[_Peer], steps: Sequence[Step]) -> None:
    alone = _owners(steps)
    leaks = _Leaks(peers, [(owner, step.awaited) for owner, step in zip(alone, steps, strict=True) if owner])
    for owner, step in zip(alone, steps, strict=True):
        if owner is not None:
            leaks.watch()
        active = [peer for peer in peers if owner in (None, peer.number)]
        listening = [_listen(peer) for peer in peers if peer not in active]
        await _together([_run(peer, step) for peer in active], listening)
    await _together([_last_look(peer) for peer in peers])
    leaks.require_none()


async def _run(peer: _Peer, step: Step) -> None:
    async with _as_connection(peer.context, peer.number):
        await converse(peer.context, peer.session, [step], peer.secrets)


async def _last_look(peer: _Peer) -> None:
    """Read what was sent before now; a peer that closes or answers no ping is judged by its close."""
    with suppress(TimeoutError, ProbeFailed, OSError):
        async with asyncio.timeout(min(_LAST_LOOK, peer.context.remaining / 2)):
            await peer.session.ping()


async def _listen(peer: _Peer) -> None:
    """Read what comes, which is kept. Raises ProbeFailed when the connection is closed."""
    async with _as_connection(peer.context, peer.number):
        await peer.session.drain()


_Run = Coroutine[Any, Any, None]


async def _together(runs: Sequence[_Run], listening: Sequence[_Run] = ()) -> None:
    """All at once, until the last of `runs` has ended; raises what the first that fails raises, and ends the others."""
    running, listeners = ([asyncio.create_task(one) for one in some] for some in (runs, listening))
    try:
        while any(not task.done() for task in running):
            waiting = [task for task in (*running, *listeners) if not task.done()]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in (*running, *listeners):
                if task.done():
                    task.result()
    finally:
        for task in (*running, *listeners):
            task.cancel()
        await asyncio.gather(*running, *listeners, return_exceptions=True)


class _Leaks:
    """Messages that came on a connection though only steps of others wait for them."""

    def __init__(self, peers: Sequence[_Peer], awaited: Sequence[tuple[int, Awaited | None]]) -> None:
        self._peers = peers
        self._awaited = [(owner, wanted) for owner, wanted in awaited if wanted is not None]
        self._watching = False
        self._found = ""

    def watch(self) -> None:
        """Look at all messages from now on; those that are waiting to be read came before."""
        if not self._watching:
            self._watching = True
            for peer in self._peers:
                peer.session.on_message(self._observer(peer.number))

    def require_none(self) -> None:
        """Raises ProbeFailed when there was one."""
        if self._found:
            raise ProbeFailed(Reason.CONTENT, self._found)

    def _observer(self, number: int) -> Callable[[Message], None]:
        own = [wanted for owner, wanted in self._awaited if owner == number]
        others = [(owner, wanted) for owner, wanted in self._awaited if owner != number]

        def observe(message: Message) -> None:
            if self._found or any(wanted.describes_any(message) for wanted in own):
                return
            for owner, wanted in others:
                if wanted.describes_any(message):
                    label = label_of(message, wanted)
                    self._found = (
                        f"connection {number} received {label}, expected only connection {owner} to receive it"
                    )

        return observe
