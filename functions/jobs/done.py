"""Whether a job needs no run any more: each rule on a line, with its reason."""

from datetime import datetime, timedelta

from functions.plan.job import COVERED_AFTER_SECONDS, Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.state.status import Status


def done_because(job: Job, sync: Sync, status: Status) -> str | None:
    """Say why a job needs no run any more, None where it needs one. The first rule that fits decides."""
    is_removal = sync.config.is_being_removed
    if job.args.delete_config and not is_removal:
        return "somebody wrote the config again: nobody wants the removal any more"
    if job.job_id in status.ended_jobs and not job.is_coalescable:
        return "it ended"
    if is_removal:
        return None if job.kind == JobKind.REMOVE else "the sync is being removed"
    # An act that somebody asked for is done by nothing but itself.
    return _covered_because(job, sync, status) if job.is_coalescable else None


def _covered_because(hint: Job, sync: Sync, status: Status) -> str | None:
    """Say what else serves a hint, None where nothing does."""
    if not sync.config.is_auto_sync_enabled:
        return "auto-sync is off"
    if status.is_paused_for(sync.etag) and _must_leave_alone(hint, status):
        return "its secrets were removed: only a later change of the source brings them back"
    # From its second attempt on it may be the job itself that wrote, before it was through.
    if hint.cause == "vault-event" and hint.attempt == 1:
        own = _is_since(status.wrote_at, hint.created_at)
        return "a run wrote or verified since" if own or _is_verified(hint, status) else None
    if hint.kind == JobKind.VERIFY:
        return "a verification began since" if _is_verified(hint, status) else None
    return "a run read the source since" if _is_since(status.read_at, covered_at(hint)) else None


def covered_at(job: Job) -> datetime:
    """Return from when on a look at the source sees whatever the hint hinted at."""
    return job.created_at + timedelta(seconds=COVERED_AFTER_SECONDS)


def _must_leave_alone(job: Job, status: Status) -> bool:
    """Say whether the job comes from the clock, the vault, or from before the removal."""
    by_itself = job.cause in ("tick", "vault-event")
    return by_itself or _is_since(status.remove.at, job.created_at)


def _is_verified(job: Job, status: Status) -> bool:
    return _is_since(status.verified_at, job.created_at)


def _is_since(at: datetime | None, moment: datetime) -> bool:
    return at is not None and at >= moment
