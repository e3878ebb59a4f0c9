"""A function to kill, and all that it talks to."""

import base64
import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from functions.calls.clock import SystemClock
from functions.plan.ownership import OWNER_TAG
from functions.plan.sync_config import PREFIX as CONFIGS
from functions.plan.sync_config import sync_id
from functions.state.status import parse_status
from infra.local import host as host_module
from infra.local import principal
from infra.local.buckets import OciBucket
from infra.local.host import Host
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.infisical.webhooks import sign
from infra.local.messages import alarm
from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, KEY_ID, QUEUE_ID, VAULT_ID, Cloud
from tests.system.crash.forks import ROOT, ForkServer

PROJECT = "project"
ENVIRONMENT = "prod"
WEBHOOK_SECRET = "webhook-secret"
NEVER_SECONDS = 10**9
SMALL_KEY_BITS = 1024
"""Each container checks its key when it starts; a larger one takes as long as all else."""
CREDENTIALS = {
    "clientId": "client",
    "clientSecret": "client-secret",
    "webhookSecrets": [WEBHOOK_SECRET],
    "digestKey": base64.b64encode(bytes(32)).decode(),
}


def _do_nothing(_call):
    """Let a call pass."""


class ShiftedClock(SystemClock):
    """Real time and a shift, which the function's processes follow through a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._shift_seconds = 0
        self.advance(0)

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self._shift_seconds += seconds
        self.file.write_text(str(self._shift_seconds))

    def now(self):
        return super().now() + timedelta(seconds=self._shift_seconds)

    def monotonic(self):
        return super().monotonic() + self._shift_seconds


class Watched(InfisicalServer):
    """A source whose calls are watched as those of the cloud are."""

    before = after = staticmethod(_do_nothing)

    def _serve(self, request):
        self.before(request)
        answer = super()._serve(request)
        self.after(request)
        return answer


class World:
    """Everything real but the clock and, of OCI and Infisical, the other side of the wire."""

    def __init__(self, nursery: ForkServer, directory: Path, *, threads: int) -> None:
        self.clock = ShiftedClock(directory / "clock")
        self.cloud = Cloud(self.clock)
        self.vault = self.cloud.vault
        self.vault.version_limit = 10_000
        self.bucket = OciBucket(self.cloud.objects)
        self.source = Source(PROJECT, (ENVIRONMENT,))
        self.log: list[str] = []
        self.infisical = Watched(source=self.source, clock=self.clock)
        self._nursery = nursery
        with patch.object(principal, "KEY_BITS", SMALL_KEY_BITS):
            signing = principal.make_principal(directory)
        self._env = {
            **signing,
            **self.bucket.env,
            "CLOCK_FILE": str(self.clock.file),
            "QUEUE_OCID": QUEUE_ID,
            "VAULT_CONCURRENCY": str(threads),
            # Nothing heals by the hourly verification: what heals here, heals by the queue.
            "RECONCILE_INTERVAL_SECONDS": str(NEVER_SECONDS),
            "CREDENTIALS_SECRET_OCID": self.vault.seed(
                "credentials", json.dumps(CREDENTIALS).encode()
            ),
        }
        self.cloud.trust(principal.public_key(directory))
        self._parts = ExitStack()

    def __enter__(self):
        with ExitStack() as parts:
            parts.enter_context(self.cloud)
            source_url = self.infisical.start()
            parts.callback(self.infisical.stop)
            parts.enter_context(patch.object(host_module, "subprocess", self._nursery.subprocess))
            self._env |= {
                "SOURCE_URL": source_url,
                "OCI_ENDPOINT": self.cloud.url,
                "QUEUE_ENDPOINT": self.cloud.url,
            }
            function = ROOT / "functions" / "func.py"
            self.host = parts.enter_context(
                Host(function, self._env, clock=SystemClock(), log=self.log.append)
            )
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_):
        self._parts.close()

    def add_sync(self, name, schema="{{secretKey}}", **fields):
        """Store a sync of the folder `/<name>`; return the tag of its secrets."""
        options = {"initialSyncBehavior": "overwrite-destination", "keySchema": schema}
        config = {
            "name": name,
            "projectId": PROJECT,
            "environment": ENVIRONMENT,
            "secretPath": f"/{name}",
            "syncOptions": options | fields.pop("options", {}),
            "destinationConfig": {
                "compartmentOcid": COMPARTMENT_ID,
                "vaultOcid": VAULT_ID,
                "keyOcid": KEY_ID,
            },
            **fields,
        }
        file = f"{CONFIGS}{PROJECT}/{name}.json"
        self.bucket.put(file, json.dumps(config).encode())
        return {OWNER_TAG: str(sync_id(self.bucket.env["CONFIG_STORE"], file))}

    def objects(self, name):
        """Return the names of the objects that there are about a sync."""
        names = self.cloud.objects.names(BUCKET)
        return [full for full in names if f"/{PROJECT}/{name}" in full]

    def forget_sync(self, name):
        """Remove all that is known of a sync, but for its secrets."""
        for full in self.objects(name):
            self.cloud.objects.remove(BUCKET, full)

    def status(self, name):
        """Return the status document of a sync."""
        return parse_status(self.bucket.get(f"status/{PROJECT}/{name}.json"))

    def set(self, name, **secrets):
        """Write secrets into the folder of a sync."""
        for key, value in secrets.items():
            self.source.set(ENVIRONMENT, f"/{name}", key, value)

    def held(self, name):
        """Return what the folder of a sync holds, each row."""
        rows = self.source.folders[ENVIRONMENT, f"/{name}"].secrets
        return [(row.key, row.value.encode()) for row in rows]

    def webhook(self, name):
        """Tell the function that the folder of a sync changed."""
        timestamp = int(self.clock.now().timestamp() * 1000)
        project = {
            "workspaceId": PROJECT,
            "environment": ENVIRONMENT,
            "secretPath": f"/{name}",
        }
        event = {"event": "secrets.modified", "project": project, "timestamp": timestamp}
        body = json.dumps(event).encode()
        headers = {
            "Fn-Intent": "httprequest",
            "Fn-Http-Method": "POST",
            "Fn-Http-Request-Url": "/webhooks/infisical",
            "Fn-Http-H-X-Infisical-Signature": sign(body, WEBHOOK_SECRET, timestamp),
        }
        return self.host.call(body, headers)

    def tick(self):
        """Deliver an alarm message."""
        return self.host.call(alarm(self.clock, first=False))

    def waiting(self):
        """Return the messages on the queue."""
        return self.cloud.queues.contents(QUEUE_ID)


@dataclass
class Crash:
    """Kills the function at the `at`-th outside call from now on, before or after it is carried out."""

    world: World
    at: int
    before: bool
    happened: bool = False
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self):
        self.world.host.kill()  # each run begins cold, so that it makes the same calls
        for place in (self.world.cloud, self.world.infisical):
            setattr(place, "before" if self.before else "after", self._strike)
        return self

    def __exit__(self, *_):
        for place in (self.world.cloud, self.world.infisical):
            place.before = place.after = _do_nothing

    def _strike(self, _call):
        with self._lock:
            self._seen += 1
            if self._seen != self.at:
                return
        self.happened = True
        self.world.host.kill()
        raise ConnectionAbortedError
