"""A tick: drain the queue, verify what is due, and call for workers where that is not enough.

10,000 syncs of which none is due cost three listings: due is what has no `verified` object, an old one, or
one older than the config.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from logging import getLogger
from operator import itemgetter

from functions.calls.parallel import in_parallel
from functions.errors import InvalidInput, SyncError
from functions.jobs.drain import Drainer
from functions.jobs.orphans import sweep
from functions.jobs.pause import remind
from functions.jobs.seal import seal
from functions.jobs.submit import Dispatcher, is_auto
from functions.plan.job import Args
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.ports import Entry, Invoker
from functions.run.report import tell
from functions.run.run import run_job
from functions.state.lease import ObjectLease
from functions.state.status import Status
from functions.state.status_document import StatusDocument
from functions.state.stop import load_pause
from functions.state.verified import began_at, note_verified, verified_object

SYNCS_A_WORKER = 60
"""So many jobs wait for a worker at most, about what it can do until the next tick: hints wait behind."""
DEPTH_EVERY_MINUTES = 10
LOOK_FOR_PAUSE_SECONDS = 2.0
EPOCH = datetime.min.replace(tzinfo=UTC)
log = getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ticker:
    """What a tick and the workers that it starts do."""

    dispatcher: Dispatcher
    drainer: Drainer
    invoker: Invoker | None
    interval: timedelta
    max_workers: int

    def tick(self, is_time_left: Callable[[], bool]) -> None:
        """Do what is due. Never raises: the next tick is the retry."""
        try:
            pause = load_pause(self.dispatcher.services.store)
            if pause and pause.is_on:
                remind(self.dispatcher.services)
                return
            resumed_at = pause.until if pause and pause.until else EPOCH
            may_go_on = self._unless_paused(is_time_left)
            is_drained = self._drain(may_go_on)
            left = self._verify_due(may_go_on, resumed_at)
            if (left or not is_drained) and not self._is_paused():
                self._call_workers(left)
            if (
                self.drainer.worked
                or self.dispatcher.services.clock.now().minute % DEPTH_EVERY_MINUTES == 0
            ):
                self._report_dead_letters()
        except SyncError as error:
            log.warning("the tick ended early: %s", error)
        except Exception as error:  # noqa: BLE001 - a raised error would only repeat the tick
            log.error("the tick ended by an unexpected %s", type(error).__name__)  # noqa: TRY400

    def _drain(self, is_time_left: Callable[[], bool]) -> bool:
        try:
            return self.drainer.drain(is_time_left)
        except SyncError as error:  # syncs can be verified without the queue
            log.warning("the queue cannot be worked off: %s", error)
            return True

    def _unless_paused(self, is_time_left: Callable[[], bool]) -> Callable[[], bool]:
        """Look for a pause now and then: the tick itself began with a look."""
        clock = self.dispatcher.services.clock
        looked_at, is_paused = clock.monotonic(), False

        def may_go_on() -> bool:
            nonlocal looked_at, is_paused
            if is_paused or not is_time_left():
                return False
            if clock.monotonic() - looked_at >= LOOK_FOR_PAUSE_SECONDS:
                looked_at, is_paused = clock.monotonic(), self._is_paused()
            return not is_paused

        return may_go_on

    def _is_paused(self) -> bool:
        pause = load_pause(self.dispatcher.services.store)
        return pause is not None and pause.is_on

    def _verify_due(self, is_time_left: Callable[[], bool], resumed_at: datetime) -> list[Entry]:
        """Verify what is due, oldest first; return what time did not suffice for.

        A sync whose last run died comes last, so that it cannot take every tick down before the others.
        """
        listed_at = self.dispatcher.services.clock.now()
        left = self._due(resumed_at, is_time_left)
        suspects: list[tuple[datetime, Entry]] = []
        while (left or suspects) and is_time_left():
            is_first_look = bool(left)
            entry = left.pop(0) if left else suspects.pop(0)[1]
            try:
                sync, document = self._open(entry)
                lease = document.status.lease
                if (
                    is_first_look
                    and lease
                    and lease.expires_at < self.dispatcher.services.clock.now()
                ):
                    insort(suspects, (lease.expires_at, entry), key=itemgetter(0))
                elif not _is_verified_since(listed_at, entry, document.status):
                    self._verify(entry, sync, document)
            except SyncError as error:
                log.warning("%s could not be verified: %s", entry.name, error)
            except Exception as error:  # noqa: BLE001 - one sync never stops the others
                log.critical("unexpected %s while verifying %s", type(error).__name__, entry.name)
        return left + [entry for _, entry in suspects]

    def _due(self, resumed_at: datetime, is_time_left: Callable[[], bool]) -> list[Entry]:
        """Return the configs that are due; what is left of configs that are gone is seen to."""
        services = self.dispatcher.services
        calls = (
            self.dispatcher.configs.entries,
            partial(services.store.list, "verified/"),
            partial(services.store.list, "status/"),
        )
        configs, verified, statuses = in_parallel(services.pool, calls)
        sweep(services, configs, statuses, is_time_left)
        return due(configs, verified, max(services.clock.now() - self.interval, resumed_at))

    def _open(self, entry: Entry) -> tuple[Sync | None, StatusDocument]:
        services = self.dispatcher.services
        try:
            sync = self.dispatcher.configs.get(entry.name)
        except InvalidInput:
            sync = None
        document = services.document(entry.name, services.writer_id())
        document.load()
        return sync, document

    def _verify(self, entry: Entry, sync: Sync | None, document: StatusDocument) -> None:
        dispatcher, services = self.dispatcher, self.dispatcher.services
        status = document.status
        if sync is not None:
            tell(services.notifier, sync, document)
        if status.config_etag == entry.etag and status.is_waiting(services.clock.now()):
            return  # its job on the queue waits on purpose
        if sync is not None and sync.config.is_being_removed:
            job = dispatcher.job(sync, JobKind.REMOVE, "tick", Args(delete_config=True))
        elif sync is not None and is_auto(sync) and not status.is_paused_for(sync.etag):
            job = dispatcher.job(sync, JobKind.VERIFY, "tick")
        else:
            note_verified(services.store, entry.name)
            return
        outcome = run_job(job, sync, services, dispatcher.new_gate(), document, self.drainer.renew)
        if not outcome.is_final and outcome.not_before:
            dispatcher.queue.put([seal(outcome.next_of(job), services.digests)])

    def _call_workers(self, due_entries: Sequence[Entry]) -> None:
        """Share what is due through the queue, as far as workers get on with it, and start workers."""
        if self.invoker is None:
            return
        dispatcher = self.dispatcher
        depth = dispatcher.queue.depth()
        waiting = depth.visible + depth.in_flight
        # What waits there already is, as a rule, what is due the longest.
        syncs = dispatcher.configs.load(due_entries[waiting : self.max_workers * SYNCS_A_WORKER])
        jobs = [dispatcher.job(sync, JobKind.VERIFY, "tick") for sync in syncs if is_auto(sync)]
        if jobs:
            dispatcher.queue.put([seal(job, dispatcher.services.digests) for job in jobs])
        for _ in range(self.max_workers):
            self.invoker.start({"command": "drain"})

    def _report_dead_letters(self) -> None:
        depth = self.dispatcher.queue.depth()
        if depth.dead:
            log.error("dead letters: %d; their jobs crashed again and again", depth.dead)
        # A metric without dimensions is refused.
        self.dispatcher.services.notifier.count({"deadLetters": depth.dead}, {"queue": "jobs"})

    def work(self, is_time_left: Callable[[], bool]) -> bool:
        """Drain as one of so many workers; False if all of their places are taken."""
        services = self.dispatcher.services
        slot = ObjectLease.take(
            services.store, services.clock, services.writer_id(), self.max_workers
        )
        if slot is None:
            return False
        self.drainer.beat = slot.renew
        try:
            may_go_on = self._unless_paused(is_time_left)
            self.drainer.drain(lambda: not slot.is_lost and may_go_on())
        finally:
            slot.free()
        return True


def _is_verified_since(listed_at: datetime, entry: Entry, status: Status) -> bool:
    """Say whether a worker verified the sync while this tick worked on others."""
    is_same = status.config_etag == entry.etag
    return is_same and status.verified_at is not None and status.verified_at >= listed_at


def due(configs: Sequence[Entry], verified: Sequence[Entry], before: datetime) -> list[Entry]:
    """Return the configs to verify, the longest unverified first; times may be whole seconds."""
    seen = {entry.name: began_at(entry) or EPOCH for entry in verified}
    last = {entry.name: seen.get(verified_object(entry.name), EPOCH) for entry in configs}
    late = [
        entry
        for entry in configs
        if last[entry.name] <= before or last[entry.name] <= (entry.modified or EPOCH)
    ]
    return sorted(late, key=lambda entry: last[entry.name])
