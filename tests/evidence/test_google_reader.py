"""Reads of Google's APIs from the fake: shared, limited, and each failure told apart."""

from __future__ import annotations

import asyncio
import time

import pytest
from staging_exporter.core.model import INCONCLUSIVE, Reason
from staging_exporter.demo.googlecloud.reference import add_service, reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.evidence.google import reads
from staging_exporter.evidence.google.errors import ApiFailed
from staging_exporter.evidence.google.reader import EARLY, LIMIT, GoogleReader
from staging_exporter.evidence.google.reads import ApiRead
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import Url, parse_url

PROJECT, REGION = "netra-staging", "us-central1"
SERVICES = reads.run_services(PROJECT, REGION)
METHOD = "run.projects.locations.services.list"


def run(timeout: float = 2.0) -> ProbeContext:
    return ProbeContext(timeout, Resolver())


def url(fake: FakeGoogleCloud) -> Url:
    return parse_url(fake.url, ("http",))


async def test_sixty_runs_at_once_are_one_read() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        reader = GoogleReader(url(fake))
        answers = await asyncio.gather(*(reader.read(run(), SERVICES, 60.0) for _ in range(60)))
        assert fake.asked[METHOD] == 1
        assert {len(answer.items("services")) for answer in answers} == {3}


async def test_an_answer_is_kept_with_its_age() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        reader = GoogleReader(url(fake))
        await reader.read(run(), SERVICES, 60.0)
        assert (await reader.read(run(), SERVICES, 60.0)).age >= 0.0
        assert fake.asked[METHOD] == 1
        await reader.read(run(), SERVICES, 0.0)
        assert fake.asked[METHOD] == 2


async def test_all_pages_are_read() -> None:
    world = reference()
    for number in range(230):
        add_service(world, f"service-{number}")
    async with FakeGoogleCloud(world) as fake:
        answer = await GoogleReader(url(fake)).read(run(), SERVICES, 60.0)
        assert (len(answer.items("services")), fake.asked[METHOD]) == (233, 3)


async def test_global_and_regional_resources_of_compute_engine_are_one_list() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        answer = await GoogleReader(url(fake)).read(run(), reads.compute(PROJECT, "networkEndpointGroups"), 60.0)
        assert len(answer.items("networkEndpointGroups")) == 3
        assert not answer.missing


FAILURES = {
    "unauthorized": (Reason.CREDENTIALS, "401: the access token is not accepted"),
    "forbidden": (Reason.CREDENTIALS, "403: permission run.services.list is missing on projects/netra-staging"),
    "disabled": (Reason.NO_EVIDENCE, "gcloud services enable run.googleapis.com --project netra-staging"),
    "scopes": (Reason.CREDENTIALS, "the token lacks the scope cloud-platform"),
    "compute-quota": (Reason.RATE_LIMITED, "403: too many requests"),
    "throttled": (Reason.RATE_LIMITED, "429: too many requests, next one in 23 s"),
    "throttled-plainly": (Reason.RATE_LIMITED, "429: too many requests, next one in"),
    "absent": (Reason.NO_EVIDENCE, "404: Project 'netra-staging' not found"),
    "broken": (Reason.NO_EVIDENCE, "500: Internal error encountered"),
    "silent": (Reason.NO_EVIDENCE, "no answer within 500ms"),
    "html": (Reason.NO_EVIDENCE, "the answer is no JSON object but text/html"),
    "half": (Reason.NO_EVIDENCE, "the peer hung up"),
    "hangs-up": (Reason.NO_EVIDENCE, "the peer hung up"),
}


@pytest.mark.parametrize("trouble", FAILURES)
async def test_each_failure_has_its_reason_and_words(trouble: str) -> None:
    reason, words = FAILURES[trouble]
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["run.googleapis.com"] = trouble
        reader = GoogleReader(url(fake))
        with pytest.raises(ApiFailed) as failed:
            await reader.read(run(0.5), SERVICES, 60.0)
    assert failed.value.reason == reason
    assert reason in INCONCLUSIVE
    assert words in failed.value.detail
    assert failed.value.detail.startswith("run.googleapis.com: ")


async def test_a_failure_is_kept_as_an_answer_is() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.removed.add("run.services.list")
        reader = GoogleReader(url(fake))
        for _ in range(60):
            with pytest.raises(ApiFailed, match=r"permission run\.services\.list is missing"):
                await reader.read(run(), SERVICES, 60.0)
        assert fake.asked[METHOD] == 1


async def test_after_a_429_the_api_is_left_alone() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["run.googleapis.com"] = "throttled"
        reader = GoogleReader(url(fake))
        with pytest.raises(ApiFailed, match="next one in 23 s"):
            await reader.read(run(), SERVICES, 0.0)
        fake.troubles.clear()
        with pytest.raises(ApiFailed, match=r"not asked: it answered 429, next request in 2\d s"):
            await reader.read(run(), SERVICES, 0.0)
        assert fake.asked[METHOD] == 1
        await reader.read(run(), reads.sql_instances(PROJECT), 0.0)  # another API


async def test_an_api_has_a_limit_of_requests_a_minute() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        clock = Clock()
        reader = GoogleReader(url(fake), clock=clock)
        for number in range(LIMIT):
            await reader.read(run(), reads.run_services(PROJECT, f"region-{number}"), 60.0)
        with pytest.raises(ApiFailed, match=f"reads it at most {LIMIT} times a minute"):
            await reader.read(run(), SERVICES, 60.0)
        await reader.read(run(), SERVICES, 60.0, period=30.0)  # who asks for more gets more
        assert fake.asked[METHOD] == LIMIT + 1
        clock.now += 61.0
        assert (await reader.read(run(), SERVICES, 60.0)).items("services")


async def test_many_that_begin_at_once_stay_within_the_limit() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        reader = GoogleReader(url(fake))
        several = [reads.run_services(PROJECT, f"region-{number}") for number in range(2 * LIMIT)]
        ends = await asyncio.gather(*(reader.read(run(), one, 60.0) for one in several), return_exceptions=True)
        assert sum(isinstance(end, ApiFailed) for end in ends) == LIMIT
        assert fake.asked[METHOD] == LIMIT


async def test_reads_before_their_time_are_few_and_else_get_what_is_kept() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        clock = Clock()
        reader = GoogleReader(url(fake), clock=clock)
        for _ in range(3 * EARLY):
            clock.now += 1.0
            assert (await reader.read(run(), SERVICES, 0.5)).items("services")
        assert fake.asked[METHOD] == 1 + EARLY


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_run_that_cannot_wait_leaves_the_read_to_others() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["run.googleapis.com"] = "silent"
        reader = GoogleReader(url(fake))
        began = time.monotonic()
        ends = await asyncio.gather(
            *(reader.read(run(seconds), SERVICES, 60.0) for seconds in (0.3, 0.6)), return_exceptions=True
        )
        assert [str(error) for error in ends] == [
            "no_evidence: run.googleapis.com: no answer within 300ms",
            "no_evidence: run.googleapis.com: no answer within 600ms",
        ]
        assert time.monotonic() - began < 1.0


class Tokens:
    """Tokens that the test names; `refused` are those that an API did not accept."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.refusals: list[str] = []
        self.quota_headers: dict[str, str] = {}

    async def access_token(self, timeout: float) -> str:
        return self._tokens[0]

    def refused(self, token: str) -> None:
        self.refusals.append(token)
        self._tokens.pop(0)


async def test_a_refused_token_is_replaced_once() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["run.googleapis.com"] = "unauthorized"
        tokens, context = Tokens("old", "new", "newest"), run()
        with pytest.raises(ApiFailed, match="401"):
            await GoogleReader(url(fake), tokens).read(context, SERVICES, 60.0)
        assert (fake.tokens, tokens.refusals) == (["Bearer old", "Bearer new"], ["old", "new"])
        assert {"old", "new"} <= context.secrets  # masked in all that the run says


async def test_a_list_that_is_incomplete_says_so() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["*"] = "partial"
        reader = GoogleReader(url(fake))
        words = {
            SERVICES: "unreachable: projects/netra-staging/locations/us-central1",
            reads.sql_instances(PROJECT): "warning REGION_UNREACHABLE",
            reads.compute(PROJECT, "urlMaps"): "warning UNREACHABLE",
        }
        for wanted, said in words.items():
            assert (await reader.read(run(), wanted, 60.0)).missing == said


async def test_of_logs_the_first_page_with_entries_is_enough() -> None:
    world = reference()
    world.loops["netra-backend-staging"] = world.now() - 300.0
    async with FakeGoogleCloud(world) as fake:
        answer = await GoogleReader(url(fake)).read(run(), reads.log_entries(PROJECT, "", size=5), 60.0)
        assert (len(answer.items("entries")), fake.asked["logging.entries.list"]) == (5, 1)


async def test_a_path_of_the_endpoint_comes_first() -> None:
    read = ApiRead("run.googleapis.com", "/v2/x")
    reader = GoogleReader(parse_url("https://proxy.internal/google/", ("https",)))
    assert str(reader._url(read)) == "https://proxy.internal/google/v2/x"
    assert str(GoogleReader()._url(read)) == "https://run.googleapis.com/v2/x"
