"""One run: the story of one job for one sync, from the lease to the record.

Level-triggered: it looks, plans, checks and applies until the vault holds what the source says, so
running it twice, late or after a crash at any point is harmless.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from logging import getLogger

from functions.calls.deadline import Gate
from functions.errors import ConfigChanged, Conflict, OutOfTime, SyncError, Temporary, WrongState
from functions.log import TRACE, where
from functions.plan.job import Job
from functions.plan.models import JobKind
from functions.plan.plan import Plan
from functions.plan.sync_config import Sync
from functions.run.context import Blocked, Work
from functions.run.import_secrets import import_only
from functions.run.observe import Seen, Viewer
from functions.run.outcome import End, Outcome, schedule
from functions.run.push import SPACING_SECONDS, push
from functions.run.remove_secrets import forget, remove
from functions.run.report import record, tell
from functions.run.services import Tools
from functions.state.status import Phase, Status
from functions.state.status_document import Ledger, verified_object

log = getLogger(__name__)

PUSHES = (JobKind.SYNC, JobKind.VERIFY)


def run(
    job: Job,
    sync: Sync,
    tools: Tools,
    gate: Gate,
    ledger: Ledger,
    heartbeat: Callable[[], None] = lambda: None,
) -> Outcome:
    """Carry out a job and record what came of it. Raises only what the config store raises."""
    calls = TRACE.calls()
    work = Work(job, sync, tools, gate, ledger, heartbeat)
    with TRACE.on_behalf_of(job.request_id):
        try:
            outcome = _run(work)
        except SyncError as error:
            _log(work, Outcome(End.WAITING, str(error)), TRACE.calls() - calls)
            raise
        _log(work, outcome, TRACE.calls() - calls)
    return outcome


def _run(work: Work) -> Outcome:
    job, sync, tools = work.job, work.sync, work.tools
    if not work.lease.take(lambda status: _begin(work, status), mark_rerun=job.is_hint):
        return Outcome(End.HELD, "Another run of this sync is on.")
    if work.ledger.was_lost and tools.store.get(sync.object_name) is None:
        forget(work)  # it was deleted after the job was made; its new status would make it live on
        return Outcome(End.FAILED, "The sync was deleted.")
    try:
        while True:
            outcome = schedule(_attempt(work), job, tools.clock.now(), tools.random)
            if _end(work, outcome):
                return outcome
    except (OutOfTime, Conflict, Temporary) as error:
        return Outcome(End.WAITING, f"The outcome could not be recorded. {error}")


def preview(sync: Sync, tools: Tools, gate: Gate, ledger: Ledger) -> Plan:
    """Return what a verify run would do now; nothing is written anywhere."""
    viewer = Viewer(sync, tools, gate, gate.check)
    status = ledger.load()
    seen = viewer.look()
    fresh = Seen(seen.source, viewer.refresh(seen.listing, status, ()))
    _, plan = viewer.plan(fresh, status, verify=True, trusted={})
    return plan


def _begin(work: Work, status: Status) -> None:
    progress = status.progress(work.job.kind)
    progress.status, progress.job_id = Phase.RUNNING, work.job.job_id
    status.rerun = False
    if work.job.kind == JobKind.SYNC and work.job.cause != "tick":
        status.is_paused = False
    now = work.tools.clock.now()
    status.see_config(work.sync.etag, now)
    if work.lease.took_over:
        status.recent = dict.fromkeys(status.recent, now)
    else:
        status.forget_writes((), now)


def _attempt(work: Work) -> Outcome:
    try:
        match work.job.kind:
            case JobKind.IMPORT:
                return import_only(work)
            case JobKind.REMOVE:
                return remove(work)
            case _:
                return push(work)
    except (Blocked, WrongState) as news:
        return Outcome(End.WAITING, str(news), is_blocked=True)
    except OutOfTime as reason:
        text = f"{reason} The rest follows in the next run."
        return Outcome(End.WAITING, text, has_progress=work.tally.has_written)
    except Temporary as error:
        return Outcome(End.WAITING, str(error), retry_after_seconds=error.retry_after_seconds)
    except SyncError as error:
        return Outcome(End.FAILED, str(error))
    except Exception as error:  # noqa: BLE001 - its text might hold anything
        log.critical("unexpected %s at %s", type(error).__name__, where(error))
        return Outcome(
            End.WAITING, f"An unexpected {type(error).__name__}; see the function's log."
        )


def _end(work: Work, outcome: Outcome) -> bool:
    """Record the outcome and free the lease; False if hints came meanwhile and it must start over."""
    job, store = work.job, work.tools.store
    now = work.tools.clock.now()
    if outcome.end == End.SUCCEEDED and job.args.delete_config:
        forget(work)
        _announce(work, outcome, now, was_failing=False)
        return True
    was_failing = must_rerun = False

    def mutate(status: Status) -> None:
        nonlocal was_failing, must_rerun
        has_time = work.gate.seconds_left() > SPACING_SECONDS
        may_rerun = job.kind in PUSHES and not job.args.force  # force is for the plan as it was
        must_rerun = status.rerun and has_time and outcome.is_final and may_rerun
        status.rerun = False
        was_failing = status.progress(job.kind).is_failing
        if outcome.is_final:
            work.remember(status)
        if not must_rerun:
            record(status, job, outcome, work.tally, now)

    work.lease.change(mutate)
    if must_rerun:
        return False
    if outcome.has_given_up:
        store.delete(verified_object(work.sync.object_name))  # so that the next tick goes on
    elif outcome.is_final and job.kind == JobKind.VERIFY:
        with suppress(ConfigChanged):  # then it stays due
            work.lease.check_config(work.sync, store)
            store.put(verified_object(work.sync.object_name), b"")
    _announce(work, outcome, now, was_failing=was_failing)
    return True


def _announce(work: Work, outcome: Outcome, now: datetime, *, was_failing: bool) -> None:
    notifier = work.tools.notifier
    tell(notifier, work.sync, work.job, outcome, work.tally, was_failing=was_failing, now=now)


def _log(work: Work, outcome: Outcome, calls: Mapping[str, int]) -> None:
    sync, job, tally = work.sync, work.job, work.tally
    log.info(
        "run ended",
        extra={
            "sync": sync.config.name,
            "syncId": str(sync.id),
            "project": sync.config.project_id,
            "kind": job.kind.value,
            "cause": job.cause,
            "jobId": job.job_id,
            "attempt": job.attempt,
            "changes": dict(tally.counts),
            "unchanged": tally.unchanged,
            "errors": len(tally.errors),
            "drift": len(tally.drift),
            "calls": dict(sorted(calls.items())),
            "seconds": tally.seconds(work.tools.clock.now()),
            "outcome": outcome.end.value,
            "reason": outcome.message,
        },
    )
