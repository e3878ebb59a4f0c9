"""The outside in memory, and the function's containers in it, put together as `functions/app.py` does."""

from collections import defaultdict
from datetime import timedelta
from random import Random

from pydantic import SecretBytes

from functions.app import (
    DEADLINE_MARGIN_SECONDS,
    SENDER_PATIENCE_SECONDS,
    TICK_SECONDS,
)
from functions.calls.deadline import CALL_TIMEOUT_SECONDS, Gate
from functions.calls.pace import AdaptiveRate
from functions.errors import SyncError, Temporary
from functions.jobs.drain import Drainer
from functions.jobs.submit import Dispatcher
from functions.jobs.tick import Ticker
from functions.plan.ownership import Digests
from functions.plan.shown import show
from functions.plan.sync_config import PREFIX, sync_id
from functions.run.run import preview
from functions.run.services import RunServices
from functions.state.sync_configs import Configs
from infra.local.oci.secret import Durations
from infra.local.oci.vault_store import Vault
from tests.support.memory import (
    MemoryInvoker,
    MemoryNotifier,
    MemoryQueue,
    MemoryStore,
)
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.system.simulation.audit import COMPARTMENT, Auditor, Violation
from tests.system.simulation.claims import place_of
from tests.system.simulation.scheduler import FiberPool, Process, Scheduler
from tests.system.simulation.traffic import Network, Weather
from tests.system.simulation.view import View
from tests.system.simulation.watched import WatchedSource, WatchedStore, WatchedVault

VAULT = "ocid1.vault.oc1.local.simulated"
OTHER_VAULT = "ocid1.vault.oc1.local.other"
OTHER_COMPARTMENT = "ocid1.compartment.oc1..other"
PLACES = ((VAULT, COMPARTMENT), (OTHER_VAULT, COMPARTMENT), (VAULT, OTHER_COMPARTMENT))
"""Where syncs may write to; all begin at the first."""
KEY = "ocid1.key.oc1.local.simulated"
STORE = "oci://bucket@namespace/prefix"
TIMEOUT_SECONDS = 300.0
MAX_DELIVERIES = 20


class World:
    """Everything of one seed."""

    def __init__(self, seed, trace, end):
        self.random = Random(seed)
        self.scheduler = Scheduler(self.random)
        self.trace = (lambda _: None) if trace is None else self._tracing(trace)
        self.weather = Weather.draw(self.random, end)
        self.network = Network(self.scheduler, self.weather, self.trace)
        self.vault = Vault(
            self.scheduler,
            Durations(*(self.random.choice((0, 0.5, 3, 8)) for _ in range(4))),
            {"vaultId": VAULT, "compartmentId": COMPARTMENT, "keyId": KEY},
        )
        self.unreadable = {}
        self.places = {place: MemoryVault(self.vault, *place) for place in PLACES}
        for place in self.places.values():
            place.unreadable = self.unreadable
        self.secrets = self.places[PLACES[0]]
        self.store = MemoryStore(STORE, self.scheduler)
        self.queue = Queue(self.scheduler, MAX_DELIVERIES)
        self.source = MemorySource()
        self.notifier = MemoryNotifier()
        self.interval = timedelta(0)
        self.auditor = Auditor(self.vault, self.places, self.source, self.store, self.trace)
        self.auditor.existing_sync_ids = lambda: self._living(self.store)
        self.processes = []
        self._workers = self.random.randint(1, 4)
        self.containers = [Container() for _ in range(self.random.randint(1, 3))]
        self._skew = self.random.choice((0, 0, 1.5))
        self.digests = self.auditor.digests = Digests(SecretBytes(b"k" * 32))

    def _tracing(self, write):
        return lambda text: write(f"{self.scheduler.seconds:9.3f} {text}")

    def start(self, name, work, done=lambda answer: None):
        """Start an invocation. `work` gets its invocation; `done` gets its answer, or its error."""
        name = f"{name}/{len(self.processes)}"
        process = Process(self.scheduler, name, self.random.uniform(-self._skew, self._skew))
        process.on_crash = lambda: done(Temporary("it crashed"))
        self.processes.append(process)
        self.trace(f"{name} starts")

        def run():
            try:
                answer = work(Invocation(self, process))
            except SyncError as error:
                answer = error
            self.trace(f"{name} ends {type(answer).__name__}")
            done(answer)

        process.spawn(run)
        began_in_calm, began_at = self.network.is_calm, self.scheduler.seconds

        def time_out():
            was_frozen = self.scheduler.jumped_at > began_at  # the platform ends such a container
            if process.is_alive and began_in_calm and not was_frozen:
                raise Violation(f"{name} outlives its deadline")
            if process.is_alive:
                self.network.crash(process)

        self.scheduler.at(self.scheduler.seconds + TIMEOUT_SECONDS, time_out)
        return process

    def tick(self):
        self.start("tick", Invocation.tick)

    def work(self):
        self.start("worker", Invocation.drain)

    def is_quiet(self):
        return not any(process.is_alive for process in self.processes)

    def end(self):
        """End whoever is still under way, as nobody will wake them: they may hold a lock."""
        for process in self.processes:
            process.on_crash = lambda: None
            process.crash()

    def _living(self, store):
        names = [PREFIX + entry.name.removeprefix("status/") for entry in store.list("status/")]
        return frozenset(str(sync_id(STORE, name)) for name in names)


class Container:
    """What a warm container remembers from one invocation to the next, for days."""

    def __init__(self):
        self.configs = {}
        self.paces = {}

    def pace(self, family, clock):
        return self.paces.setdefault(family, AdaptiveRate(clock))


class Queue(MemoryQueue):
    """A queue that knows what it ever took."""

    taken = ""

    def put(self, bodies):
        self.taken += "".join(bodies)
        super().put(bodies)


class Invocation:
    """One invocation's desk and clockwork; see `App._desk` and `App._clockwork`."""

    def __init__(self, world, process):
        self._world = world
        self._process = process
        self._container = world.random.choice(world.containers)
        self._gate = Gate(process, process.monotonic() + TIMEOUT_SECONDS - DEADLINE_MARGIN_SECONDS)

    def _line(self, family, port, gate=None):
        pace = self._container.pace(family, self._world.scheduler)
        return self._world.network.line(self._process, family, port, gate or self._gate, pace)

    def dispatcher(self, patience_seconds=None):
        world, process = self._world, self._process
        left = self._gate.seconds_left()
        usable = max(left - CALL_TIMEOUT_SECONDS, left / 2)
        end = process.monotonic() + min(usable, patience_seconds or usable)
        store = self._line("store", WatchedStore(world.store, process, world.auditor))
        first, unopened = {}, defaultdict(list)  # by gate: each run has its own

        def source(gate):
            unopened[id(gate)].append(View(process, gate))
            process.view = first.setdefault(id(gate), unopened[id(gate)][-1])
            watched = WatchedSource(world.source, unopened[id(gate)][-1], world.auditor)
            return self._line("source", watched, gate)

        def vault(sync, gate):
            view = unopened[id(gate)].pop()
            view.sync = sync
            place = world.places[place_of(sync.config)]
            watched = WatchedVault(place, view, world.auditor, world.network.staleness)
            return self._line("vault", watched, gate)

        services = RunServices(
            clock=process,
            random=world.random,
            store=store,
            pool=FiberPool(process, world.scheduler, world._workers),
            digests=world.digests,
            notifier=self._line("notify", world.notifier),
            source=source,
            vault=vault,
            protected_ids=lambda: world.auditor.protected,
            existing_sync_ids=lambda: world._living(store),
        )
        configs = Configs(services.store, services.pool, services.clock, self._container.configs)
        queue = self._line("queue", world.queue)
        return Dispatcher(services, queue, configs, lambda: Gate(process, end))

    def plan(self, name):
        dispatcher = self.dispatcher()
        sync = dispatcher.configs.find(name)
        document = dispatcher.services.document(sync.object_name, "plan")
        plan = preview(sync, dispatcher.services, dispatcher.new_gate(), document, verify=True)
        return {"plan": show(plan, sync.id).model_dump(mode="json", by_alias=True)}

    def webhook(self, webhook):
        reports = self.dispatcher(SENDER_PATIENCE_SECONDS).webhook(webhook)
        if any(report.job.job_id not in self._world.queue.taken for report in reports):
            raise Violation("a webhook was accepted whose job was never on the queue")
        return reports

    def tick(self):
        dispatcher = self.dispatcher(TICK_SECONDS)
        gate = dispatcher.new_gate()
        self._clockwork(dispatcher).tick(lambda: gate.seconds_left() > 0)

    def drain(self):
        dispatcher = self.dispatcher()
        gate = dispatcher.new_gate()
        return self._clockwork(dispatcher).work(lambda: gate.seconds_left() > 0)

    def _clockwork(self, dispatcher):
        world = self._world
        invoker = MemoryInvoker(lambda _: world.work())
        return Ticker(
            dispatcher,
            Drainer(dispatcher.services, dispatcher.queue, dispatcher.configs, dispatcher.new_gate),
            self._line("invoke", invoker),
            world.interval,
            2,
        )
