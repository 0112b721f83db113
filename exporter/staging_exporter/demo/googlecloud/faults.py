"""The switches of the fake in the demo: each breaks one resource of the reference environment."""

from __future__ import annotations

from copy import deepcopy

from staging_exporter.demo.googlecloud.logs import stamp
from staging_exporter.demo.googlecloud.reference import BACKEND, CONNECTOR, reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import DAY, World, named
from staging_exporter.demo.switches import Switch

PERMISSION = "cloudsql.instances.list"
_BEFORE = 100.0  # seconds for which a crash loop has lasted when it is switched on


class CloudSwitches:
    """Switches by part of the cloud; every change builds the world anew."""

    def __init__(self, fake: FakeGoogleCloud) -> None:
        self._fake = fake
        self._connector = self._switch(
            "connector", {"ok": "3 of 10 instances", "full": "10 of 10 instances, CPU at 93 %"}
        )
        self._sql = self._switch("sql", {"ok": "runs", "stopped": "its owner stopped it"})
        self._run = self._switch(
            "run",
            {
                "ok": "the newest revision of the backend serves",
                "crash-loop": "it was deployed, and exits every 7 s",
                "failed": "the newest revision does not start, an older one serves",
            },
        )
        self._certificate = self._switch("certificate", {"ok": "active", "expired": "it expired yesterday"})
        self._access = self._switch("access", {"ok": "may read all", "removed": f"lacks {PERMISSION}"})

    def _switch(self, part: str, modes: dict[str, str]) -> Switch:
        return Switch(f"cloud-{part}", modes, changed=self._apply)

    @property
    def all(self) -> list[Switch]:
        """All of them."""
        return [self._connector, self._sql, self._run, self._certificate, self._access]

    async def _apply(self) -> None:
        world = reference()
        if self._connector.mode == "full":
            world.instances[CONNECTOR], world.cpu[CONNECTOR] = 10, 0.93
        if self._sql.mode == "stopped":
            world.sql[0]["settings"]["activationPolicy"] = "NEVER"
        if self._run.mode != "ok":
            world.loops[BACKEND] = world.now() - self._run.elapsed - _BEFORE
        if self._run.mode == "failed":
            fail_deployment(world, BACKEND)
        if self._certificate.mode == "expired":
            world.compute["sslCertificates"][0]["expireTime"] = stamp(world.now() - DAY)
        self._fake.removed = {PERMISSION} if self._access.mode == "removed" else set()
        self._fake.world = world


def fail_deployment(world: World, service: str, *, first: bool = False) -> None:
    """The newest revision of a service does not start; unless it is the `first` one, an older one serves."""
    found = world.service(service)
    name = f"{world.at}/services/{service}/revisions/{service}-00043-bad"
    message = f"Revision '{service}-00043-bad' is not ready and cannot serve traffic."
    failed = {"type": "Ready", "state": "CONDITION_FAILED", "message": message}
    old = named(world.revisions, found["latestReadyRevision"].rpartition("/")[2])
    revision = {
        **deepcopy(old),
        "name": name,
        "conditions": [{**failed, "revisionReason": "HEALTH_CHECK_CONTAINER_ERROR"}],
    }
    world.revisions.append(revision)
    found |= {"latestCreatedRevision": name, "terminalCondition": {**failed, "reason": "REVISION_FAILED"}}
    if first:
        del found["latestReadyRevision"]
