"""How the end of a run is written into the status document and told to people."""

from datetime import datetime
from logging import getLogger

from functions.errors import SyncError
from functions.plan.job import Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync
from functions.ports import Notifier
from functions.run.outcome import End, Outcome, RunSummary
from functions.state.status import (
    MAX_ENDED_JOBS,
    Phase,
    Progress,
    RunRecord,
    Status,
    Untold,
    shorten,
)
from functions.state.status_document import StatusDocument
from functions.state.whole_job import changes_of

_PARTS = (JobKind.SYNC, JobKind.IMPORT, JobKind.REMOVE)
_SAYS_NOTHING_OF_THE_SOURCE = (JobKind.UNDO, JobKind.CLEANUP)
"""They report where a sync does, and are none: the first import may still be due."""
log = getLogger(__name__)


def record(status: Status, job: Job, outcome: Outcome, summary: RunSummary, now: datetime) -> None:
    """Write the end of a run into its status and free the lease."""
    status.lease, status.retry_at = None, outcome.not_before
    progress = status.progress(job.kind)
    progress.job_id = job.job_id
    progress.message = outcome.message and shorten(outcome.message)
    progress.status = Phase(outcome.end) if outcome.is_final else Phase.PENDING
    if outcome.end == End.SUCCEEDED and job.kind not in _SAYS_NOTHING_OF_THE_SOURCE:
        progress.at = now
    if outcome.is_final:
        has_failed = outcome.end == End.FAILED
        is_news = has_failed or job.kind not in _SAYS_NOTHING_OF_THE_SOURCE
        if is_news and progress.is_failing != has_failed:
            progress.is_failing = has_failed
            progress.untold = Untold(has_failed=progress.is_failing, kind=job.kind)
        if (
            not job.is_coalescable
        ):  # hints are told by when the source was read, and would crowd these out
            status.ended_jobs = [job.job_id, *status.ended_jobs][:MAX_ENDED_JOBS]
        # What was refused for the plan that it should follow says nothing of what others wait for.
        is_for_all = outcome.end == End.SUCCEEDED or not (job.args.plan or job.args.force)
        if job.kind in (JobKind.SYNC, JobKind.VERIFY) and is_for_all:
            status.read_at = summary.read_at or status.read_at
        if job.verifies:
            status.verified_at = summary.verified_at or summary.read_at
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
            by=job.by,
            started_at=summary.started_at,
            seconds=summary.seconds(now),
            outcome=outcome.end,
            message=progress.message,
            counts=summary.counts(),
            changed=summary.changed(),
            drift=sorted(summary.drift),
            stops=list(summary.stops) if outcome.end == End.FAILED else [],
            errors=summary.errors | summary.waiting,
            before=changes_of(status.runs, job.job_id),
        )
    )


def tell(notifier: Notifier, sync: Sync, document: StatusDocument) -> None:
    """Tell people what they were not told yet, and note that they were: once at least, late at worst."""
    told: dict[JobKind, Untold] = {}
    for kind in _PARTS:
        progress = document.status.progress(kind)
        if progress.untold and notifier.notify(*_notice(sync, progress, progress.untold)):
            told[kind] = progress.untold
    if not told:
        return

    def forget(status: Status) -> bool:
        for kind, news in told.items():
            progress = status.progress(kind)
            if progress.untold == news:
                progress.untold = None
        return True

    try:
        document.change(forget)
    except SyncError as error:
        log.warning("%s may be told again what it was told: %s", sync.config.name, error)


def _notice(sync: Sync, progress: Progress, news: Untold) -> tuple[str, str]:
    name = sync.config.name
    if not news.has_failed:
        return f"Secret sync {name} recovered", f"Sync: {name} ({sync.id}) works again."
    text = (
        f"Sync: {name} ({sync.id})\n"
        f"Source: {sync.config.environment}:{sync.config.secret_path}\n"
        f"Reason: {progress.message}\n"
        "What to do: mend the cause; it is tried again at the next change or verification."
    )
    return f"Secret sync {name} failed to {news.kind}", text


def count(
    notifier: Notifier, sync: Sync, outcome: Outcome, summary: RunSummary, now: datetime
) -> None:
    """Count the run."""
    notifier.count(
        {
            "runs": 1,
            "failures": int(outcome.end == End.FAILED),
            "changes": len(summary.done) + summary.imported,
            "blocked": int(outcome.is_blocked),
            "duration": summary.seconds(now),
        },
        {"sync": sync.config.name, "project": sync.config.project_id},
    )
