"""How the end of a run is written into the status document and told to people."""

from datetime import datetime

from functions.plan.job import Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.ports import Notifier
from functions.run.outcome import End, Outcome, Tally
from functions.state.status import MAX_ENDED_JOBS, Phase, RunRecord, Status, shorten


def record(status: Status, job: Job, outcome: Outcome, tally: Tally, now: datetime) -> None:
    """Write the end of a run into its status and free the lease."""
    status.lease, status.retry_at = None, outcome.not_before
    progress = status.progress(job.kind)
    progress.job_id = job.job_id
    progress.message = outcome.message and shorten(outcome.message)
    progress.status = Phase(outcome.end) if outcome.is_final else Phase.PENDING
    if outcome.end == End.SUCCEEDED:
        progress.at = now
    if outcome.is_final:
        status.granted = None
        progress.is_failing = outcome.end == End.FAILED
        if not job.is_hint:  # hints are told by when the source was read, and would crowd these out
            status.ended_jobs = [job.job_id, *status.ended_jobs][:MAX_ENDED_JOBS]
        if job.kind in (JobKind.SYNC, JobKind.VERIFY):
            status.read_at = tally.read_at or status.read_at
        if job.verifies:
            status.verified_at = tally.read_at
    if job.kind == JobKind.REMOVE and outcome.end == End.SUCCEEDED:
        status.is_paused = True
    if tally.has_written:
        status.wrote_at = now
    status.forget_writes(tally.errors, now)
    status.add_run(
        RunRecord(
            id=tally.run_id,
            job_id=job.job_id,
            kind=job.kind,
            cause=job.cause,
            started_at=tally.started_at,
            seconds=tally.seconds(now),
            outcome=outcome.end,
            message=progress.message,
            counts={**tally.counts, "unchanged": tally.unchanged, "errors": len(tally.errors)},
            drift=sorted(tally.drift),
            errors=tally.errors | tally.waiting,
        )
    )


def tell(
    notifier: Notifier,
    sync: Sync,
    job: Job,
    outcome: Outcome,
    tally: Tally,
    *,
    was_failing: bool,
    now: datetime,
) -> None:
    """Publish a final failure and its recovery, once each, and count the run."""
    name = sync.config.name
    if outcome.end == End.FAILED and not was_failing:
        notifier.notify(
            f"Secret sync {name} failed to {job.kind}",
            f"Sync: {name} ({sync.id})\n"
            f"Source: {sync.config.environment}:{sync.config.secret_path}\n"
            f"Reason: {outcome.message}\n"
            "What to do: mend the cause; it is tried again at the next change or verification.",
        )
    elif outcome.end == End.SUCCEEDED and was_failing:
        notifier.notify(f"Secret sync {name} recovered", f"Sync: {name} ({sync.id}) works again.")
    notifier.count(
        {
            "runs": 1,
            "failures": int(outcome.end == End.FAILED),
            "changes": sum(tally.counts.values()),
            "blocked": int(outcome.is_blocked),
            "duration": tally.seconds(now),
        },
        {"sync": name, "project": sync.config.project_id},
    )
