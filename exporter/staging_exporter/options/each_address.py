"""One check on several addresses of its host: each family, or every address; all of them must pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.address import HostPort, IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.failures import classify
from staging_exporter.net.resolve import Pinned

_MOST = 20  # addresses of one run
_SHARE = 0.5  # of the run that the name may take


async def each_address(
    context: ProbeContext,
    target: HostPort,
    families: tuple[IpFamily, ...],
    run: Callable[[ProbeContext], Awaitable[None]],
    *,
    every: bool,
) -> None:
    """Run on one address of each of `families`, or on every one; each family must have an address.

    Facts and phases are those of the address that decides; fact `addresses` has the reason of each. Raises
    ProbeFailed or ProbeDegraded with the address in the detail.
    """
    with context.phase("resolve"):
        found = await _addresses(context, target, families, every=every)
    contexts = {address: _context_for(context, target.host, address) for address in found}
    tasks = {address: asyncio.create_task(_outcome(run, other)) for address, other in contexts.items()}
    try:
        await asyncio.wait(tasks.values())
    finally:
        for task in tasks.values():
            task.cancel()
    errors = {address: task.result() for address, task in tasks.items()}
    failed = sorted((a for a, error in errors.items() if error), key=lambda a: isinstance(errors[a], ProbeDegraded))
    decisive = failed[0] if failed else max(contexts, key=lambda address: sum(contexts[address].phases.values()))
    context.facts.update(contexts[decisive].facts)
    for name, seconds in contexts[decisive].phases.items():
        context.phases[name] = context.phases.get(name, 0.0) + seconds
    context.facts["addresses"] = {a: str(e.reason) if e else str(Reason.OK) for a, e in errors.items()}
    if error := errors[decisive]:
        passed = len(errors) - len(failed)
        raise type(error)(error.reason, f"{decisive}: {error.detail}; {passed} of {len(errors)} addresses passed")


async def _addresses(
    context: ProbeContext, target: HostPort, families: tuple[IpFamily, ...], *, every: bool
) -> list[str]:
    lifetime = min(5.0, context.remaining * _SHARE)
    asked: tuple[IpFamily, ...] = (6, 4) if families == ("auto",) else families
    results = await asyncio.gather(
        *(context.resolver.resolve(target.host, target.port, family, lifetime) for family in asked),
        return_exceptions=True,
    )
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors and (families != ("auto",) or len(errors) == len(results)):
        raise errors[-1]
    lists = [result for result in results if not isinstance(result, BaseException)]
    found = [info[4][0] for infos in lists for info in (infos if every else infos[:1])]
    if len(found) > _MOST:
        raise ProbeFailed(Reason.PROBE_ERROR, f"{target.host} has {len(found)} addresses, at most {_MOST} are probed")
    return found


def _context_for(context: ProbeContext, host: str, address: str) -> ProbeContext:
    other = context.for_another_request(context.remaining)
    other.resolver = Pinned(context.resolver, host, address)
    return other


async def _outcome(run: Callable[[ProbeContext], Awaitable[None]], context: ProbeContext) -> ProbeFailed | None:
    """What the run on one address raised, classified; a deadline of its own keeps the others' results."""
    try:
        async with context.until_deadline(0.1):
            await run(context)
    except Exception as error:
        reason, detail = classify(error, context)
        return (ProbeDegraded if isinstance(error, ProbeDegraded) else ProbeFailed)(reason, detail)
    return None
