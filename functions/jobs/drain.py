"""Take jobs from the queue: done ones are dropped, others run, unfinished ones go back.

A message is deleted only when its job ended or stands on the queue again. The queue gives up a message that
was received too often: so a job that waits on purpose is put as a new message, and only one that crashed is
received again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import getLogger

from functions.calls.deadline import Gate
from functions.errors import InvalidInput, NotFound, SyncError
from functions.jobs.done import covered_at, done_because
from functions.jobs.seal import NotSealedHere, parse_job, seal
from functions.plan.job import Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.ports import Delivery, JobQueue
from functions.run.run import run_job
from functions.run.services import RunServices
from functions.state.status import Phase, Status, shorten
from functions.state.status_document import StatusDocument
from functions.state.sync_configs import Configs

HIDE_SECONDS = 60
RENEW_AFTER_SECONDS = 20.0
RETRY_SECONDS = 30
NEXT_DRAINER_SECONDS = 1
MAX_HIDE_SECONDS = 43_200
BATCH = 20
SUSPECT_AFTER_DELIVERIES = 3
"""A message that was received this often has most likely been in the hands of a container that was killed."""
log = getLogger(__name__)


@dataclass(slots=True)
class ReceivedJob:
    """A message that this drainer hides from others."""

    job: Job
    receipt: str


@dataclass(slots=True)
class Drainer:
    """Works off the queue within one invocation; `beat` is called along with its own renewals."""

    services: RunServices
    queue: JobQueue
    configs: Configs
    new_gate: Callable[[], Gate]
    beat: Callable[[], None] = lambda: None
    worked: bool = False
    _held: dict[int, ReceivedJob] = field(default_factory=dict)
    _renewed_at: float = 0.0

    def drain(self, is_time_left: Callable[[], bool]) -> bool:
        """Work until nothing can be started now; False if time ran out before that."""
        while is_time_left():
            deliveries = self.queue.receive(BATCH, HIDE_SECONDS)
            if not deliveries:
                return True
            self.worked = True
            self._renewed_at = self.services.clock.monotonic()
            batches = self._sort(self._parted(deliveries))
            for config, batch in batches.items():
                if not is_time_left():
                    self._postpone(batch, NEXT_DRAINER_SECONDS)
                    continue
                try:
                    self._serve(config, batch)
                except SyncError as error:
                    log.warning("jobs of %s stay on the queue: %s", config, error)
                    self._postpone(batch, RETRY_SECONDS)
                except Exception as error:  # noqa: BLE001 - one sync never stops the others
                    log.critical("unexpected %s in a job of %s", type(error).__name__, config)
            self._held.clear()
        return False

    def _parted(self, deliveries: Iterable[Delivery]) -> Iterator[Delivery]:
        """Yield what may be tried now, of those under suspicion only one, and that last.

        Nobody can see which job of a batch kills its container. So the others are put as new
        messages: they must not become dead letters with it.
        """
        suspects = []
        for delivery in deliveries:
            if delivery.delivery_count > SUSPECT_AFTER_DELIVERIES:
                suspects.append(delivery)
            else:
                yield delivery
        others = suspects[1:]
        if others:
            self.queue.put([delivery.body for delivery in others])
        for delivery in others:
            self.queue.delete(delivery.receipt)
        yield from suspects[:1]

    def _sort(self, deliveries: Iterable[Delivery]) -> dict[str, list[ReceivedJob]]:
        """Return the messages that are due, by config; hide the others until they are."""
        now, digests = self.services.clock.now(), self.services.digests
        batches: dict[str, list[ReceivedJob]] = defaultdict(list)
        for delivery in deliveries:
            try:
                held = ReceivedJob(parse_job(delivery.body, digests, now), delivery.receipt)
            except InvalidInput as error:
                log.error("a message is dropped: %s", error)  # noqa: TRY400 - it says it all
                if isinstance(error, NotSealedHere):
                    self._tell_that_it_was_dropped(
                        error.job, "The digestKey was changed while it waited. Ask for it again."
                    )
                self.queue.delete(delivery.receipt)
                continue
            wait = (_due(held.job) - now) / timedelta(seconds=1)
            if wait > 0:
                self._hide([held], min(int(wait) + 1, MAX_HIDE_SECONDS))
                continue
            batches[held.job.config].append(held)
            self._held[id(held)] = held
        return batches

    def _serve(self, config: str, batch: Sequence[ReceivedJob]) -> None:
        """Run what the messages of one sync ask for, as few runs as possible."""
        try:
            sync = self.configs.get(config)
        except InvalidInput as error:
            log.warning("jobs of a config that is wrong are dropped: %s", error)
            for held in batch:
                self._tell_that_it_was_dropped(held.job, f"The config is wrong: {error}")
            sync = None
        document = self.services.document(config, self.services.writer_id())
        document.load()
        hints = [held for held in batch if held.job.is_coalescable]
        for group in (*([held] for held in batch if not held.job.is_coalescable), hints):
            todo = []
            for held in group:  # judged only now: the group before may have settled it
                why = done_because(held.job, sync, document.status) if sync else "its sync is gone"
                if why:
                    log.debug("job %s of %s is dropped: %s", held.job.job_id, config, why)
                    self._delete(held)
                else:
                    todo.append(held)
            if sync and todo:
                self._run(sync, todo, document)

    def _tell_that_it_was_dropped(self, job: Job, why: str) -> None:
        """Say so in the status, if it still says that this very job is to be tried again."""

        def mutate(status: Status) -> bool:
            progress = status.progress(job.kind)
            if (progress.job_id, progress.status) != (job.job_id, Phase.PENDING):
                return False
            progress.status, status.retry_at = Phase.FAILED, None
            progress.message = shorten(f"It was not carried out. {why}")
            return True

        try:
            self.services.document(job.config, self.services.writer_id()).change(mutate)
        except SyncError as error:
            log.warning("the status of %s could not be written: %s", job.config, error)

    def _run(self, sync: Sync, group: Sequence[ReceivedJob], document: StatusDocument) -> None:
        job = _merge([held.job for held in group])
        outcome = run_job(job, sync, self.services, self.new_gate(), document, self.renew)
        if outcome.is_final:
            for held in group:
                self._delete(held)
        elif outcome.not_before is None:
            self._postpone(group, RETRY_SECONDS)
        else:
            self.queue.put([seal(outcome.next_of(job), self.services.digests)])
            for held in group:
                self._delete(held)

    def renew(self) -> None:
        """Keep the messages in hand hidden, and whatever else must not run out."""
        self.beat()
        now = self.services.clock.monotonic()
        if now - self._renewed_at < RENEW_AFTER_SECONDS:
            return
        self._renewed_at = now
        self._hide(list(self._held.values()), HIDE_SECONDS)

    def _hide(self, batch: Iterable[ReceivedJob], seconds: int) -> None:
        for held in batch:
            try:
                held.receipt = self.queue.hide(held.receipt, seconds)
            except NotFound:
                self._held.pop(id(held), None)
            except SyncError as error:
                log.warning("a message could not be kept hidden: %s", error)

    def _postpone(self, batch: Iterable[ReceivedJob], seconds: int) -> None:
        """Put jobs as new messages, due later. Where that fails, their messages stay."""
        due = self.services.clock.now() + timedelta(seconds=seconds)
        left = [held for held in batch if id(held) in self._held]
        try:
            self.queue.put([seal(held.job.later(due), self.services.digests) for held in left])
            for held in left:
                self._delete(held)
        except SyncError as error:
            log.warning("messages stay on the queue as they are: %s", error)
            self._hide([held for held in left if id(held) in self._held], seconds)

    def _delete(self, held: ReceivedJob) -> None:
        self._held.pop(id(held), None)
        self.queue.delete(held.receipt)


def _due(job: Job) -> datetime:
    """Return when a job may start. A hint was tried at once; this is the look that makes sure."""
    if job.kind == JobKind.SYNC and job.is_coalescable:
        return max(job.not_before, covered_at(job))
    return job.not_before


def _merge(jobs: Sequence[Job]) -> Job:
    """Return one job that serves all of them: the strictest kind, the attempt of the newest."""
    first = next((job for job in jobs if job.kind == JobKind.VERIFY), jobs[0])
    return first.model_copy(update={"attempt": min(job.attempt for job in jobs)})
