"""A function to kill, and all that it talks to."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from functions.calls.clock import SystemClock
from functions.plan.ownership import OWNER_TAG
from functions.plan.sync_config import PREFIX as CONFIGS
from functions.plan.sync_config import sync_id
from functions.state.status import parse_status
from infra.local import host, principal
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.oci.cloud import BUCKET, QUEUE_ID
from infra.local.stack import Stack
from tests.support.example_sync import PROJECT, destination, sync_config
from tests.support.payloads import payload
from tests.support.world import World
from tests.system.crash.forked_host import ForkServer

ENVIRONMENT = "prod"
NEVER_SECONDS = 10**9
SMALL_KEY_BITS = 1024
"""Each container checks its key when it starts; a larger one takes as long as all else."""
BARE = {"METRICS_NAMESPACE": "", "NOTIFICATION_TOPIC_OCID": "", "FN_FN_ID": ""}
"""Nothing is told and no worker is started: what is killed here, is killed within a sync."""


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


class WatchedInfisical(InfisicalServer):
    """A source whose calls are watched as those of the cloud are."""

    before = after = staticmethod(_do_nothing)

    def _serve(self, request):
        self.before(request)
        answer = super()._serve(request)
        self.after(request)
        return answer


class KillableWorld(World):
    """A world whose containers are forked, with a clock of its own, watched call by call."""

    def __init__(self, stack: Stack, log: list[str]) -> None:
        super().__init__(stack, log)
        self.vault = self.cloud.vault
        self.vault.version_limit = 10_000

    def add_sync(self, name, schema="{{secretKey}}", **fields):
        """Store a sync of the folder `/<name>`; return the tag of its secrets."""
        options = {"keySchema": schema, **fields.pop("options", {})}
        config = sync_config(
            name, PROJECT, ENVIRONMENT, f"/{name}", destination(), options=options, **fields
        )
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
        """Tell the function that the folder of a sync changed; return the HTTP status."""
        return super().webhook(f"/{name}", ENVIRONMENT)[0]

    def tick(self):
        """Deliver an alarm message; return the HTTP status."""
        return self.invoke(payload("alarm-repeat")).status

    def waiting(self):
        """Return the messages on the queue."""
        return self.cloud.queues.contents(QUEUE_ID)


@contextmanager
def killable_world(fork_server: ForkServer, directory: Path, *, threads: int):
    """Start everything; all is real but the clock and, of OCI and Infisical, the other side of the wire."""
    clock = ShiftedClock(directory / "clock")
    log: list[str] = []
    env = {
        **BARE,
        "CLOCK_FILE": str(clock.file),
        "VAULT_CONCURRENCY": str(threads),
        # Nothing heals by the hourly verification: what heals here, heals by the queue.
        "RECONCILE_INTERVAL_SECONDS": str(NEVER_SECONDS),
    }
    stack = Stack(
        clock,
        Source(PROJECT, (ENVIRONMENT,)),
        log=log.append,
        tick_seconds=None,
        env=env,
        infisical=WatchedInfisical,
    )
    with (
        patch.object(principal, "KEY_BITS", SMALL_KEY_BITS),
        patch.object(host, "subprocess", fork_server.subprocess),
        stack,
    ):
        stack.infisical.webhooks.url = None
        stack.host._clock = SystemClock()
        world = KillableWorld(stack, log)
        try:
            yield world
        finally:
            world.close()


@dataclass
class Crash:
    """Kills the function at the `at`-th outside call from now on, before or after it is carried out."""

    world: KillableWorld
    at: int
    before: bool
    happened: bool = False
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self):
        self.world.stack.host.kill()  # each run begins cold, so that it makes the same calls
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
        self.world.stack.host.kill()
        raise ConnectionAbortedError
