"""The function's own jobs in virtual time, at services in memory that count calls and refuse too many."""

import json
from bisect import bisect_left, insort
from collections import Counter, defaultdict, deque
from datetime import timedelta
from functools import partial
from math import inf
from random import Random

from pydantic import SecretBytes

from functions.errors import SyncError, Throttled
from functions.plan.models import Folder
from functions.plan.ownership import Digests
from functions.plan.sync_config import PREFIX
from functions.ports import Entry
from functions.state.status import Status, parse_status
from functions.state.status_document import status_object
from functions.state.verified import verified_object
from functions.vault.read import PAGE_ROWS
from infra.local.oci.secret import Durations
from infra.local.oci.vault_store import Vault
from tests.support.example_sync import sync_config
from tests.support.memory import MemoryQueue, MemoryStore
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.support.virtual_invocation import FAMILIES, Invocation
from tests.system.simulation.scheduler import Fiber, Process, Scheduler

STORE = "oci://bucket@namespace/prefix"
VAULT = "ocid1.vault.oc1.local.simulated"
KEY = "ocid1.key.oc1.local.simulated"
COMPARTMENT = "ocid1.compartment.oc1..{}"
CALL_SECONDS = 0.02
TIMEOUT_SECONDS = 300.0
TICK_EVERY_SECONDS = 60.0
MAX_DELIVERIES = 20
STORE_PAGE_ROWS = 1000


class SortedStore(MemoryStore):
    """An object store that lists a prefix of many objects fast."""

    def __init__(self, url, clock):
        super().__init__(url, clock)
        self._names = []

    def list(self, prefix):
        found = []
        for name in self._names[bisect_left(self._names, prefix) :]:
            if not name.startswith(prefix):
                break
            stored, modified = self.objects[name]
            found.append(Entry(name, stored.etag, modified, len(stored.body)))
        return found

    def put(self, name, body, *, if_match=None):
        is_new = name not in self.objects
        etag = super().put(name, body, if_match=if_match)
        if is_new:
            insort(self._names, name)
        return etag

    def delete(self, name, *, if_match=None):
        was_there = name in self.objects
        super().delete(name, if_match=if_match)
        if was_there:
            del self._names[bisect_left(self._names, name)]


class Invoked(Process):
    """One invocation, which never crashes: so its fibers need not be kept."""

    def spawn(self, work):
        fiber = Fiber(work, self._scheduler._hub)
        self._scheduler.wake(fiber, self._scheduler.seconds)
        return fiber


class VirtualCloud:
    """The services, the syncs, and the containers of the function.

    `calls_per_second` is what each family of vault calls allows, with a burst of one second.
    """

    def __init__(
        self,
        *,
        calls_per_second=None,
        max_workers=0,
        interval=timedelta(hours=1),
        call_seconds=CALL_SECONDS,
    ):
        self.scheduler = Scheduler(Random(1))
        self.store = SortedStore(STORE, self.scheduler)
        self.queue = MemoryQueue(self.scheduler, MAX_DELIVERIES)
        self.source = MemorySource()
        self.vaults = {}
        self.digests = Digests(SecretBytes(b"k" * 32))
        self.rate, self.call_seconds = calls_per_second, call_seconds
        self.max_workers, self.interval = max_workers, interval
        self.calls, self.refused = Counter(), Counter()
        self.invocations, self.busy_seconds, self.running = Counter(), 0.0, 0
        self.on_write = lambda vault, name, value: None
        self._tokens = defaultdict(lambda: [0.0 if self.rate is None else self.rate, 0.0])
        self._idle, self._waiting = [], deque()
        self.most_containers, self.spread = inf, 0.0

    def vault(self, compartment):
        """Return the vault as its compartment shows it, with all that it holds."""
        if compartment not in self.vaults:
            home = {"vaultId": VAULT, "compartmentId": compartment, "keyId": KEY}
            vault = Vault(self.scheduler, Durations(), home)
            self.vaults[compartment] = MemoryVault(vault, VAULT, compartment)
        return self.vaults[compartment]

    def add_sync(self, name, values, *, project="p", compartment="c", **options):
        """Store a sync and fill its folder; return the folder."""
        folder = Folder(project, "dev", f"/{name}")
        destination = {
            "compartmentOcid": COMPARTMENT.format(compartment),
            "vaultOcid": VAULT,
            "keyOcid": KEY,
        }
        config = sync_config(name, project, "dev", folder.path, destination, options=options)
        self.store.put(f"{PREFIX}{project}/{name}.json", json.dumps(config).encode())
        self.source.folders[folder] = dict(values)
        return folder

    def mark_verified(self, name, project="p"):
        """Note that a sync was verified a second later: ticks leave it alone for an interval."""
        self.pass_time(1)
        self.store.put(verified_object(f"{PREFIX}{project}/{name}.json"), b"")

    def status(self, name, project="p"):
        """Return what is known of a sync."""
        stored = self.store.get(status_object(f"{PREFIX}{project}/{name}.json"))
        return (parse_status(stored.body) if stored else None) or Status()

    def secrets(self, compartment="c"):
        """Return the secrets of a compartment, for tests to arrange and inspect."""
        return self.vault(COMPARTMENT.format(compartment))._vault

    def held(self, compartment="c"):
        """Return what a compartment's secrets hold, by name."""
        vault = self.secrets(compartment)
        return {secret.name: secret.newest().decode() for secret in vault.secrets.values()}

    def start(self, name, work, seconds=TIMEOUT_SECONDS):
        """Start an invocation in a container of its own, an idle one if there is one; else it waits."""
        self._waiting.append((name, work, seconds))
        self._start_waiting()

    def _start_waiting(self):
        while self._waiting and self.running < self.most_containers:
            name, work, seconds = self._waiting.popleft()
            container = self._idle.pop() if self._idle else {}
            self.running += 1
            self.invocations[name] += 1
            process = Invoked(self.scheduler, name, 0.0)
            process.spawn(partial(self._invoke, work, process, container, seconds))

    def _invoke(self, work, process, container, seconds):
        began = self.scheduler.seconds
        try:
            work(Invocation(self, process, container, seconds))
        finally:
            self.busy_seconds += self.scheduler.seconds - began
            self.running -= 1
            self._idle.append(container)
            self._start_waiting()

    def forget_containers(self):
        """Let the platform end all containers that are idle."""
        self._idle.clear()

    def webhook(self, folder):
        """Have the source tell of a change of a folder."""
        self.start("webhook", lambda invocation: invocation.webhook(folder))

    def tick(self):
        """Have the alarm send its tick."""
        self.start("tick", Invocation.tick)

    def pass_time(self, seconds):
        """Let so much time pass."""
        self.scheduler.run(self.scheduler.seconds + seconds)

    def take_calls(self):
        """Return the calls by operation since the last time."""
        calls, self.calls = self.calls, Counter()
        self.refused.clear()
        return calls

    def carry(self, process, operation, effect):
        """Make one call, or one for each page of its answer."""
        self.calls[operation] += 1
        vary = 1 + self.spread * (2 * self.scheduler.random.random() - 1)
        seconds = self.call_seconds * vary
        process.sleep(seconds / 2)
        if not self._is_allowed(operation):
            self.refused[operation] += 1
            process.sleep(seconds / 2)
            raise Throttled("too many calls", None)
        answer = error = None
        try:
            answer = effect()
        except SyncError as refusal:
            error = refusal
        process.sleep(seconds / 2)
        rows = {"vault.list": PAGE_ROWS, "store.list": STORE_PAGE_ROWS}.get(operation)
        for _ in range((len(answer or ()) - 1) // rows if rows else 0):
            self.calls[operation] += 1
            self._is_allowed(operation)
            process.sleep(seconds)
        if error:
            raise error
        return answer

    def _is_allowed(self, operation):
        if self.rate is None or not operation.startswith("vault."):
            return True
        bucket = self._tokens[FAMILIES.get(operation, "write")]
        now = self.scheduler.seconds
        bucket[0] = min(self.rate, bucket[0] + (now - bucket[1]) * self.rate)
        bucket[1] = now
        if bucket[0] < 1:
            return False
        bucket[0] -= 1
        return True
