"""How the end of a run is written into the status document and told to people."""

from datetime import datetime

from functions.plan.job import Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.ports import Notifier
from functions.run.outcome import End, Outcome, RunSummary
from functions.state.status import MAX_ENDED_JOBS, Phase, RunRecord, Status, shorten


def record(status: Status, job: Job, outcome: Outcome, summary: RunSummary, now: datetime) -> None:
    """Write the end of a run into its status and free the lease."""
    status.lease, status.retry_at = None, outcome.not_before
    progress = status.progress(job.kind)
    progress.job_id = job.job_id
    progress.message = outcome.message and shorten(outcome.message)
    progress.status = Phase(outcome.end) if outcome.is_final else Phase.PENDING
    if outcome.end == End.SUCCEEDED:
        progress.at = now
    if outcome.is_final:
        progress.is_failing = outcome.end == End.FAILED
        if (
            not job.is_coalescable
        ):  # hints are told by when the source was read, and would crowd these out
            status.ended_jobs = [job.job_id, *status.ended_jobs][:MAX_ENDED_JOBS]
        if job.kind in (JobKind.SYNC, JobKind.VERIFY):
            status.read_at = summary.read_at or status.read_at
        if job.verifies:
            status.verified_at = summary.read_at
    if job.kind == JobKind.REMOVE and outcome.end == End.SUCCEEDED:
        status.is_paused = True
    if summary.has_written:
        status.wrote_at = now
    status.add_run(
        RunRecord(
            id=summary.run_id,
            job_id=job.job_id,
            kind=job.kind,
            cause=job.cause,
            started_at=summary.started_at,
            seconds=summary.seconds(now),
            outcome=outcome.end,
            message=progress.message,
            counts={
                **summary.counts,
                "unchanged": summary.unchanged,
                "errors": len(summary.errors),
            },
            changed={action: sorted(names) for action, names in sorted(summary.changed.items())},
            drift=sorted(summary.drift),
            stops=list(summary.stops) if outcome.end == End.FAILED else [],
            errors=summary.errors | summary.waiting,
        )
    )


def notify(
    notifier: Notifier,
    sync: Sync,
    job: Job,
    outcome: Outcome,
    summary: RunSummary,
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
            "changes": sum(summary.counts.values()),
            "blocked": int(outcome.is_blocked),
            "duration": summary.seconds(now),
        },
        {"sync": name, "project": sync.config.project_id},
    )
