"""One invocation of the function in virtual time: its ports, each call of which takes its time, and its jobs."""

from functions.app import DEADLINE_MARGIN_SECONDS, SENDER_PATIENCE_SECONDS, TICK_SECONDS
from functions.calls.deadline import CALL_TIMEOUT_SECONDS, Gate
from functions.calls.pace import AdaptiveRate
from functions.calls.retry import Retrying
from functions.cloud.queue import MOST_AT_ONCE
from functions.jobs.drain import Drainer
from functions.jobs.submit import Dispatcher
from functions.jobs.tick import Ticker
from functions.plan.ownership import Digests
from functions.plan.sync_config import PREFIX, sync_id
from functions.run.services import RunServices
from functions.state.sync_configs import Configs
from functions.triggers.webhook import Webhook
from tests.support.memory import MemoryInvoker, MemoryNotifier
from tests.system.simulation.scheduler import FiberPool

CONCURRENCY = 8
DETACHED_SECONDS = 3600.0
FAMILIES = {
    "vault.list": "list",
    "vault.get": "read",
    "vault.find": "read",
    "vault.read": "bundle",
}
"""What a rate limit counts together; all other calls of a vault are writes."""


class Line:
    """A port as one invocation has it: the same methods, each a call that takes its time."""

    def __init__(self, cloud, process, container, family, port, gate):
        self._cloud = cloud
        self._process = process
        self._container = container
        self._family = family
        self._port = port
        self._retrying = Retrying(gate, cloud.scheduler.random.random)

    def __getattr__(self, name):
        method = getattr(self._port, name)
        if not callable(method):
            return method
        operation = f"{self._family}.{name}"
        family = FAMILIES.get(operation, self._family)

        def call(*args, **kwargs):
            pace = self._container.setdefault(family, AdaptiveRate(self._cloud.scheduler))
            if operation == "queue.put":
                self._cloud.calls[operation] += (len(args[0]) - 1) // MOST_AT_ONCE
            answer = self._retrying.call(
                lambda: self._cloud.carry(
                    self._process, operation, lambda: method(*args, **kwargs)
                ),
                pace,
            )
            if operation in ("vault.create", "vault.update"):
                self._cloud.on_write(self._port, getattr(args[0], "name", args[0]), args[1])
            return answer

        setattr(self, name, call)
        return call


class Invocation:
    """What one invocation is given; see `App._dispatcher` and `App._ticker`."""

    def __init__(self, cloud, process, container, seconds):
        self._cloud = cloud
        self._process = process
        self._container = container
        end = process.monotonic() + seconds - DEADLINE_MARGIN_SECONDS
        self._gate = Gate(process, end)

    def _line(self, family, port, gate=None):
        gate = gate or self._gate
        return Line(self._cloud, self._process, self._container, family, port, gate)

    def dispatcher(self, patience_seconds=None):
        """Return the dispatcher of this invocation."""
        cloud, process = self._cloud, self._process
        left = self._gate.seconds_left()
        usable = max(left - CALL_TIMEOUT_SECONDS, left / 2)
        end = process.monotonic() + min(usable, patience_seconds or usable)
        store = self._line("store", cloud.store)

        def existing_sync_ids():
            names = [PREFIX + entry.name.removeprefix("status/") for entry in store.list("status/")]
            return frozenset(str(sync_id(store.url, name)) for name in names)

        services = RunServices(
            clock=process,
            random=cloud.scheduler.random,
            store=store,
            pool=FiberPool(process, cloud.scheduler, CONCURRENCY),
            digests=Digests(cloud.digests.key),
            notifier=MemoryNotifier(),
            source=lambda gate: self._line("source", cloud.source, gate),
            vault=lambda sync, gate: self._line(
                "vault", cloud.vault(sync.config.destination_config.compartment_ocid), gate
            ),
            protected_ids=frozenset,
            existing_sync_ids=existing_sync_ids,
        )
        configs = self._container.setdefault("configs", {})
        return Dispatcher(
            services,
            self._line("queue", cloud.queue),
            Configs(store, services.pool, process, configs),
            lambda: Gate(process, end),
        )

    def webhook(self, folder):
        """Follow a webhook."""
        return self.dispatcher(SENDER_PATIENCE_SECONDS).webhook(Webhook(folder, is_test=False))

    def tick(self, seconds=TICK_SECONDS):
        """Do what is due."""
        dispatcher = self.dispatcher(seconds)
        gate = dispatcher.new_gate()
        self._ticker(dispatcher).tick(lambda: gate.seconds_left() > 0)

    def work(self):
        """Drain the queue as a worker."""
        dispatcher = self.dispatcher()
        gate = dispatcher.new_gate()
        self._ticker(dispatcher).work(lambda: gate.seconds_left() > 0)

    def _ticker(self, dispatcher):
        cloud = self._cloud
        invoker = MemoryInvoker(lambda _: cloud.start("worker", Invocation.work, DETACHED_SECONDS))
        return Ticker(
            dispatcher,
            Drainer(dispatcher.services, dispatcher.queue, dispatcher.configs, dispatcher.new_gate),
            self._line("invoke", invoker) if cloud.max_workers else None,
            cloud.interval,
            cloud.max_workers,
        )
