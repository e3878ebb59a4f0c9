"""One run: the story of one job for one sync, from the lease to the record.

Level-triggered: it looks, plans, checks and applies until the vault holds what the source says, so
running it twice, late or after a crash at any point is harmless.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from logging import getLogger

from functions.calls.deadline import Gate
from functions.errors import ConfigChanged, Conflict, OutOfTime, SyncError, Temporary, WrongState
from functions.log import TRACE, where
from functions.plan.job import Job
from functions.plan.models import JobKind
from functions.plan.plan import Plan
from functions.plan.sync_config import Sync
from functions.run.cleanup import clean_up, place_of, tell_left_behind
from functions.run.context import SYNC_KINDS, Run
from functions.run.import_secrets import import_first, import_is_due, import_only, to_be_imported
from functions.run.observe import Observer
from functions.run.outcome import End, Outcome, schedule
from functions.run.push import permitted, remember
from functions.run.remove_secrets import forget, remove
from functions.run.report import count, record, tell
from functions.run.services import RunServices
from functions.run.start import SPACING_SECONDS, first_look, take_lease
from functions.run.undo import undo
from functions.run.verify import Verification
from functions.state.status import Phase, Status
from functions.state.status_document import StatusDocument
from functions.state.verified import note_verified, verified_object

log = getLogger(__name__)

MAX_NAMES_LOGGED = 50
PLANNING_SECONDS = 2.0
"""What a plan keeps of its time for the questions of its guards."""


def sync_once(run: Run) -> Outcome:
    """Make the vault hold what the source says: the story of one sync."""
    if run.is_moved:
        run.summary.left_behind = tell_left_behind(
            run.sync, run.document.status, run.services, run.gate, run.renew
        )
    seen = first_look(run)
    if import_is_due(run.document.status, run.sync.config, run.observer, seen):
        import_first(run)
        seen = run.observe()
    verification = Verification(run)
    while True:
        seen = run.wait_until_settled(seen, verification.portion)
        plan = run.plan(seen)
        results = run.apply(seen, permitted(run, plan))
        if results.is_cut_short:
            seen = run.look_again()
        elif results.unfinished:
            seen = run.wait_for(seen, results.unfinished)
        elif verification.next(seen, plan, results):
            seen = run.look_again() if run.has_news else run.after(seen, results)
        else:
            remember(run, seen, plan, results)
            return run.summary.conclude(plan)


_STORIES: Mapping[JobKind, Callable[[Run], Outcome]] = {
    JobKind.IMPORT: import_only,
    JobKind.REMOVE: remove,
    JobKind.UNDO: undo,
    JobKind.CLEANUP: clean_up,
}
"""What a job of each kind does that is no sync."""


def run_job(
    job: Job,
    sync: Sync,
    services: RunServices,
    gate: Gate,
    document: StatusDocument,
    heartbeat: Callable[[], None] = lambda: None,
) -> Outcome:
    """Carry out a job and record what came of it. Raises only what the config store raises."""
    calls = TRACE.calls()
    run = Run(job, sync, services, gate, document, heartbeat)
    with TRACE.on_behalf_of(job.request_id):
        try:
            outcome = _run(run)
        except SyncError as error:
            _log(run, Outcome(End.WAITING, str(error)), TRACE.calls() - calls)
            raise
        _log(run, outcome, TRACE.calls() - calls)
    return outcome


def _run(run: Run) -> Outcome:
    job, sync, services = run.job, run.sync, run.services
    if not take_lease(run, lambda status: _begin(run, status)):
        return Outcome(End.LEASED_ELSEWHERE, "Another run of this sync is on.")
    if run.document.was_lost and services.store.get(sync.object_name) is None:
        forget(run)  # it was deleted after the job was made; its new status would make it live on
        return Outcome(End.FAILED, "The sync was deleted.")
    try:
        while True:
            outcome = schedule(_attempt(run), job, services.clock.now(), services.random)
            if _end(run, outcome):
                return outcome
    except (OutOfTime, Conflict, Temporary) as error:
        return Outcome(End.WAITING, f"The outcome could not be recorded. {error}")


def preview(
    sync: Sync, services: RunServices, gate: Gate, document: StatusDocument, *, verify: bool
) -> Plan:
    """Return what a verify run would do now; nothing is written anywhere.

    Without `verify`, and where time is up, it is judged by tags: names, and so creations, deletions
    and guards, are complete in any case.
    """
    observer = Observer(sync, services, gate, gate.check)
    status = document.load().copied()
    if status.orphaned_at is not None:
        status.begin_again()  # as the run will do
    seen = observer.observe(status, took_over=False)
    seen = observer.refresh(seen, {})
    planner, settled = observer.planner(()), dict[str, str]()
    imported = to_be_imported(status, sync.config, observer, seen)
    read_until = gate.deadline - PLANNING_SECONDS if verify else 0.0
    reading = Gate(services.clock, read_until)
    try:
        reader = Observer(sync, services, reading, reading.check)
        reader.document = observer.document
        names = planner.desired(seen.source).values
        contents = reader.read_contents(seen, settled, names if verify else ())
        plan = observer.plan(contents, status, settled, may_ask_all=True, adopted=imported)
    except OutOfTime:
        gate.check()
        plan = observer.plan(seen, status, settled, may_ask_all=True, adopted=imported)
        plan = plan.judged_by_tags(sync.id)
    left_behind = tell_left_behind(sync, status, services, gate, gate.check)
    return replace(plan, warnings=(*plan.warnings, *left_behind))


def _begin(run: Run, status: Status) -> None:
    if status.orphaned_at is not None:
        status.begin_again()
    progress = status.progress(run.job.kind)
    progress.status, progress.job_id = Phase.RUNNING, run.job.job_id
    status.rerun = False
    if run.job.kind == JobKind.SYNC and run.job.cause != "tick":
        status.is_paused = False
    status.see_config(run.sync.etag, run.services.clock.now())
    if run.job.kind in SYNC_KINDS:
        run.is_moved = status.see_place(place_of(run.sync))


def _attempt(run: Run) -> Outcome:
    try:
        return _STORIES.get(run.job.kind, sync_once)(run)
    except WrongState as news:
        return Outcome(End.WAITING, str(news), is_blocked=True, has_progress=run.has_progress)
    except OutOfTime as reason:
        text = f"{reason} The rest follows in the next run."
        return Outcome(End.WAITING, text, has_progress=run.has_progress)
    except Temporary as error:
        return Outcome(End.WAITING, str(error), retry_after_seconds=error.retry_after_seconds)
    except SyncError as error:
        return Outcome(End.FAILED, str(error))
    except Exception as error:  # noqa: BLE001 - its text might hold anything
        log.critical("unexpected %s at %s", type(error).__name__, where(error))
        return Outcome(
            End.WAITING, f"An unexpected {type(error).__name__}; see the function's log."
        )


def _end(run: Run, outcome: Outcome) -> bool:
    """Record the outcome and free the lease; False if hints came meanwhile and it must start over."""
    job, store = run.job, run.services.store
    now = run.services.clock.now()
    if outcome.end == End.SUCCEEDED and job.args.delete_config:
        forget(run)
        count(run.services.notifier, run.sync, outcome, run.summary, now)
        return True
    must_rerun = False
    memory = run.observer.memory
    memory.forget_writes(now)
    if outcome.is_final:
        memory.granted = None
        memory.imported.pop(job.job_id, None)
        if memory.settled_by == job.job_id:
            memory.settled, memory.settled_by = {}, ""

    def mutate(status: Status) -> None:
        nonlocal must_rerun
        has_time = run.gate.seconds_left() > SPACING_SECONDS
        may_rerun = job.kind in SYNC_KINDS and not job.args.force  # force is for the plan as it was
        must_rerun = status.rerun and has_time and outcome.is_final and may_rerun
        status.rerun = False
        if outcome.is_final and run.scope is not None:
            status.scope = run.scope
        if not must_rerun:
            record(status, job, outcome, run.summary, now)

    run.save_memory(mutate)
    if must_rerun:
        return False
    if outcome.has_given_up:
        store.delete(verified_object(run.sync.object_name))  # so that the next tick goes on
    elif outcome.is_final and job.kind == JobKind.VERIFY:
        with suppress(ConfigChanged):  # then it stays due
            run.lease.check_config(run.sync, store)
            began_at = run.summary.verified_at or now
            note_verified(store, run.sync.object_name, took=now - began_at)
    tell(run.services.notifier, run.sync, run.document)
    count(run.services.notifier, run.sync, outcome, run.summary, now)
    return True


def _log(run: Run, outcome: Outcome, calls: Mapping[str, int]) -> None:
    sync, job, summary = run.sync, run.job, run.summary
    log.info(
        "run ended",
        extra={
            "sync": sync.config.name,
            "syncId": str(sync.id),
            "project": sync.config.project_id,
            "kind": job.kind.value,
            "cause": job.cause,
            "by": job.by,
            "jobId": job.job_id,
            "attempt": job.attempt,
            "changes": summary.changes(),
            "changed": {
                action: names[:MAX_NAMES_LOGGED] for action, names in summary.changed().items()
            },
            "unchanged": summary.unchanged,
            "errors": len(summary.errors),
            "drift": len(summary.drift),
            "calls": dict(sorted(calls.items())),
            "seconds": summary.seconds(run.services.clock.now()),
            "outcome": outcome.end.value,
            "reason": outcome.message,
        },
    )
