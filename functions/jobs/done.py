"""Whether a job needs no run any more."""

from datetime import datetime, timedelta
from logging import getLogger

from functions.plan.job import COVERED_AFTER_SECONDS, Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.state.status import Status

log = getLogger(__name__)


def is_done(job: Job, sync: Sync, status: Status) -> bool:
    """Say whether a job needs no run any more."""
    is_rewritten = job.args.delete_config and not sync.config.is_being_removed
    if is_rewritten or (job.job_id in status.ended_jobs and not job.is_coalescable):
        return True
    if sync.config.is_being_removed:
        return job.kind != JobKind.REMOVE
    if not job.is_coalescable:
        return False
    if not sync.config.is_auto_sync_enabled:
        return True
    if status.is_paused and (job.cause in ("tick", "vault-event") or _is_from_before(job, status)):
        return True
    # From its second attempt on it may be the job itself that wrote, before it was through.
    if job.cause == "vault-event" and job.attempt == 1:
        seen = [at for at in (status.wrote_at, status.verified_at) if at]
        return any(at >= job.created_at for at in seen)
    if job.kind == JobKind.VERIFY:
        return status.verified_at is not None and status.verified_at >= job.created_at
    return status.read_at is not None and status.read_at >= covered_at(job)


def _is_from_before(job: Job, status: Status) -> bool:
    """Say whether a removal came after the job was made."""
    return status.remove.at is not None and job.created_at <= status.remove.at


def covered_at(job: Job) -> datetime:
    """Return from when on a look at the source sees whatever the hint hinted at."""
    return job.created_at + timedelta(seconds=COVERED_AFTER_SECONDS)
