"""Trigger → jobs: onto the queue first, then tried at once as far as time allows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from logging import getLogger
from typing import Any, TypeVar

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel, try_in_parallel
from functions.errors import InvalidInput, Paused, SyncError, Temporary
from functions.jobs.seal import seal
from functions.log import TRACE
from functions.plan.job import Args, Cause, Job
from functions.plan.models import Folder, JobKind
from functions.plan.sync_config import PREFIX, Sync, project_of
from functions.ports import JobQueue
from functions.run.outcome import End, Outcome
from functions.run.run import run_job
from functions.run.services import RunServices
from functions.state.status import RunRecord
from functions.state.status_document import StatusDocument
from functions.state.stop import check_not_paused
from functions.state.sync_configs import Configs
from functions.state.whole_job import last_job
from functions.triggers.command import Command
from functions.triggers.oci_event import ResourceEvent
from functions.triggers.webhook import Webhook

VAULT_EVENT_DELAY_SECONDS = 60
MAX_CONFIGS_FOR_HINT = 500
_READ_EVENTS = ("get", "list")
log = getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the job of one sync."""

    sync: Sync
    job: Job
    outcome: Outcome
    run: RunRecord | None = None
    """What the whole job did, in all its attempts, if it was recorded."""

    def public(self) -> dict[str, Any]:
        """Return it for people."""
        return {
            "sync": self.sync.config.name,
            "id": str(self.sync.id),
            "jobId": self.job.job_id,
            "outcome": self.outcome.end.value,
            "message": self.outcome.message,
        } | ({"run": self.run.model_dump(mode="json", by_alias=True)} if self.run else {})


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Takes triggers in, within one invocation."""

    services: RunServices
    queue: JobQueue
    configs: Configs
    new_gate: Callable[[], Gate]

    def webhook(self, webhook: Webhook) -> list[Report]:
        """Sync every folder that the webhook is about."""
        folder = webhook.folder
        if project_of(f"{PREFIX}{folder.project_id}/x.json") is None:
            return []

        def matching(syncs: Iterable[Sync]) -> list[Sync]:
            return [sync for sync in syncs if is_auto(sync) and is_about(sync, folder)]

        return self._hint(
            "webhook",
            matching(self.configs.known_of(folder.project_id)),
            lambda: matching(self.configs.load(self.configs.entries(folder.project_id))),
        )

    def event(self, event: ResourceEvent) -> list[Report]:
        """Sync the config that was written, or have a vault verified that somebody wrote to."""
        if event.type.startswith("com.oraclecloud.objectstorage."):
            return self._config_event(event)
        if event.type.startswith("com.oraclecloud.vaultsecret."):
            return self._vault_event(event)
        return []

    def command(self, command: Command) -> dict[str, Any]:
        """Do what a direct invocation asks for one sync. Raises NotFound, InvalidInput."""
        sync = self.configs.find(command.named_sync)
        check_not_paused(self.services.store)
        if sync.config.is_being_removed and command.command != "remove":
            raise InvalidInput("This sync is being deleted together with its secrets.")
        job = self.job(sync, JobKind(command.command), "command", command.args)
        return self.accept(sync, job).public()

    def unless_paused(self, read: Callable[[], T]) -> T:
        """Return what is read while the emergency stop is looked at. Raises Paused."""
        found: list[T] = []
        in_parallel(
            self.services.pool,
            [lambda: check_not_paused(self.services.store), lambda: found.append(read())],
        )
        return found[0]

    def job(
        self, sync: Sync, kind: JobKind, cause: Cause, args: Args | None = None, delay: int = 0
    ) -> Job:
        """Return a new job."""
        now = self.services.clock.now()
        return Job(
            config=sync.object_name,
            kind=kind,
            cause=cause,
            created_at=now,
            not_before=now + timedelta(seconds=delay),
            job_id=str(self.services.uuid()),
            request_id=TRACE.request_id,
            by=TRACE.asked_by if cause in ("api", "command") else None,
            args=args or Args(),
        )

    def accept(self, sync: Sync, job: Job) -> Report:
        """Put a job on the queue, then try it. Raises Temporary if the queue cannot take it."""
        document = self.services.document(job.config, job.job_id)
        self.put([job], before=[document.load])
        return self._report(sync, job, document)

    def _hint(
        self, cause: Cause, likely: Iterable[Sync], look: Callable[[], Sequence[Sync]]
    ) -> list[Report]:
        """Queue what is likely to be meant while it is looked what is meant, and try that.

        A job that was queued for nothing is dropped by who takes it off the queue. While all is paused
        no more of them come: then it is not known what is likely.
        """
        begun: dict[str, tuple[Job, StatusDocument]] = {}

        def queue(syncs: Iterable[Sync]) -> None:
            jobs = [self.job(sync, JobKind.SYNC, cause) for sync in syncs]
            documents = [self.services.document(job.config, job.job_id) for job in jobs]
            self.put(jobs, before=[document.load for document in documents])
            begun.update({job.config: (job, it) for job, it in zip(jobs, documents, strict=True)})

        found: list[Sync] = []
        calls = (
            lambda: check_not_paused(self.services.store),
            lambda: found.extend(look()),
            lambda: queue(likely),
        )
        try:
            in_parallel(self.services.pool, calls)
        except Paused:
            self.configs.forget()
            raise
        queue(sync for sync in found if sync.object_name not in begun)
        return [self._report(sync, *begun[sync.object_name]) for sync in found]

    def _report(self, sync: Sync, job: Job, document: StatusDocument) -> Report:
        outcome = self.attempt(sync, job, document)
        run = last_job(document.status.runs)
        return Report(sync, job, outcome, run if run and run.job_id == job.job_id else None)

    def put(self, jobs: Sequence[Job], before: Iterable[Callable[[], Any]] = ()) -> None:
        """Put jobs on the queue; reading what a run begins with may go on meanwhile.

        Raises Temporary if the queue cannot take them.
        """
        if not jobs:
            return
        messages = [seal(job, self.services.digests) for job in jobs]
        put: Callable[[], Any] = partial(self.queue.put, messages)
        stored, *_ = try_in_parallel(self.services.pool, [put, *before])
        if isinstance(stored, SyncError):
            raise Temporary(f"Nothing was started: the job could not be queued. {stored}")

    def attempt(self, sync: Sync, job: Job, document: StatusDocument) -> Outcome:
        """Try a job whose message is on the queue."""
        gate = self.new_gate()
        try:
            gate.check()
            return run_job(job, sync, self.services, gate, document)
        except SyncError as error:
            log.warning("job %s of %s stays on the queue: %s", job.kind, sync.object_name, error)
            return Outcome(End.WAITING, str(error))

    def _config_event(self, event: ResourceEvent) -> list[Report]:
        name = self._config_name(event)
        is_write = event.type.endswith((".createobject", ".updateobject"))
        if name is None or not is_write:
            return []

        def meant(sync: Sync | None) -> list[Sync]:
            return [sync] if sync and is_auto(sync) else []

        try:
            known = self.configs.known(name)
            return self._hint("event", meant(known), lambda: meant(self.configs.get(name)))
        except InvalidInput:
            return []  # the log and the status say what is wrong; the event again would change nothing

    def _config_name(self, event: ResourceEvent) -> str | None:
        """Return the config that an object event is about, if it is in this function's store."""
        bucket, namespace = event.details.get("bucketName"), event.details.get("namespace")
        for bucket_url in (f"oci://{bucket}@{namespace}", f"s3://{bucket}"):
            root = f"{bucket_url}/{event.resource_name}"
            name = root.removeprefix(f"{self.services.store.url}/")
            if name != root and project_of(name):
                return name
        return None

    def _vault_event(self, event: ResourceEvent) -> list[Report]:
        """Queue one verification for each sync of the vault: a hint, as the event's form is unsure."""
        action = event.type.rpartition(".")[2]
        if action.startswith(_READ_EVENTS):
            return []
        entries = self.unless_paused(self.configs.entries)
        if len(entries) > MAX_CONFIGS_FOR_HINT:
            log.info("too many syncs to look for those of a vault event; ticks verify them")
            return []
        hit = [s for s in self.configs.load(entries) if is_auto(s) and _is_in_vault(s, event)]
        delay = VAULT_EVENT_DELAY_SECONDS
        self.put([self.job(s, JobKind.VERIFY, "vault-event", delay=delay) for s in hit])
        return []


def is_auto(sync: Sync) -> bool:
    """Say whether hints and ticks may run the sync."""
    return sync.config.is_auto_sync_enabled and not sync.config.is_being_removed


def is_about(sync: Sync, folder: Folder) -> bool:
    """Say whether a change in the folder concerns the sync."""
    own = sync.config.folder
    if (own.project_id, own.environment) != (folder.project_id, folder.environment):
        return False
    below = folder.path.startswith(own.path.rstrip("/") + "/")
    return own.path == folder.path or (sync.config.sync_options.include_all_sub_folders and below)


def _is_in_vault(sync: Sync, event: ResourceEvent) -> bool:
    target = sync.config.destination_config
    vault = event.details.get("vaultId", target.vault_ocid)
    return (target.compartment_ocid, target.vault_ocid) == (event.compartment_id, vault)
