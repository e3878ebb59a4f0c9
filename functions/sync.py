"""One run: the story of one job for one sync, from the lease to the record.

Level-triggered: it looks, plans, checks and applies until the vault holds what the source says, so
running it twice, late or after a crash at any point is harmless.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from logging import getLogger

from functions.apply import Results
from functions.core.config import InitialSync, Sync
from functions.core.digest import DIGEST_TAG
from functions.core.errors import ConfigChanged, Conflict, OutOfTime, Refused, SyncError, Temporary
from functions.core.gate import Gate
from functions.core.job import Job
from functions.core.models import Action, Change, JobKind
from functions.core.plan import Plan
from functions.core.planner import Planner
from functions.core.status import MAX_NAMES_BYTES, Granted, Phase, Status, names_bytes
from functions.core.wanted import want
from functions.importing import import_first, import_only
from functions.ledger import Ledger, verified_object
from functions.look import Seen, Tools, Viewer
from functions.record import End, Outcome, record, schedule, tell
from functions.removing import forget, remove
from functions.work import Blocked, Work

log = getLogger(__name__)

PUSHES = (JobKind.SYNC, JobKind.VERIFY)
SPACING_SECONDS = 2.0
"""Runs that hints caused read one folder no more often than this: a burst of hints costs few runs."""


def run(
    job: Job,
    sync: Sync,
    tools: Tools,
    gate: Gate,
    ledger: Ledger,
    heartbeat: Callable[[], None] = lambda: None,
) -> Outcome:
    """Carry out a job and record what came of it. Raises only what the config store raises."""
    work = Work(job, sync, tools, gate, ledger, heartbeat)
    if not work.lease.take(lambda status: _begin(work, status), mark_rerun=job.is_hint):
        return Outcome(End.HELD, "Another run of this sync is on.")
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
                return _push(work)
    except Blocked as news:
        return Outcome(End.WAITING, str(news), is_blocked=True)
    except OutOfTime as reason:
        return Outcome(End.WAITING, f"{reason} The rest follows in the next run.")
    except Temporary as error:
        return Outcome(End.WAITING, str(error), retry_after_seconds=error.retry_after_seconds)
    except SyncError as error:
        return Outcome(End.FAILED, str(error))


def _push(work: Work) -> Outcome:
    """Make the vault hold what the source says."""
    _space_out(work)
    seen = work.look()
    if _must_import(work, seen):
        behaviour = work.sync.config.sync_options.initial_sync_behavior
        import_first(work, replace=behaviour == InitialSync.IMPORT_DESTINATION)
        seen = work.look()
    verify = work.job.kind == JobKind.VERIFY or not work.job.is_hint
    granted: frozenset[str] = frozenset()
    while True:
        seen = Seen(seen.source, work.settle(seen.listing))
        planner, plan = work.viewer.plan(
            seen, work.ledger.status, verify=verify, trusted=work.trusted
        )
        work.tally.see(plan)
        granted = granted or _grant(work, plan)
        results = work.apply(planner, _allowed(plan, granted))
        restored = {
            name: "is being restored"
            for name, action in results.done.items()
            if action == Action.RESTORE
        }
        if not results.again and not restored:
            work.remember = _remember(work, planner, seen, plan, results)
            return work.tally.conclude(plan)
        seen = Seen(seen.source, work.wait(results.again | restored))


def _grant(work: Work, plan: Plan) -> frozenset[str]:
    """Return the names whose guards the job's force lifts. Raises Refused where the plan changed."""
    force = work.job.args.force
    if force is None:
        return frozenset()
    names = {change.name for change in plan.changes}
    begun = work.ledger.status.granted
    if begun and begun.fingerprint == force and names <= set(begun.names):
        return frozenset(begun.names)
    if force != plan.fingerprint:
        raise Refused(
            "Nothing was written: the plan has changed since it was looked at. Look at it again and "
            f"force {plan.fingerprint} if that is meant."
        )
    if names_bytes(names) <= MAX_NAMES_BYTES:
        granted = Granted(fingerprint=force, names=sorted(names))
        work.lease.change(lambda status: setattr(status, "granted", granted))
    return frozenset(names)


def _allowed(plan: Plan, granted: frozenset[str]) -> Sequence[Change]:
    """Return the changes that the guards let through. Raises Refused where one stops them all."""
    doomed = {change.name for change in plan.changes if change.action == Action.DELETE}
    if plan.stops and not doomed <= granted:
        raise Refused(" ".join(plan.stops))
    return [change for change in plan.changes if not change.held or change.name in granted]


def _must_import(work: Work, seen: Seen) -> bool:
    """Say whether the initial import is still to be done: once in the life of a sync."""
    status = work.ledger.status
    if work.sync.config.sync_options.initial_sync_behavior == InitialSync.OVERWRITE:
        return False
    if status.is_import_done or status.sync.at:
        return False
    planner = work.viewer.planner(seen.listing)
    return not (work.ledger.was_lost and any(map(planner.is_mine, seen.listing)))


def _space_out(work: Work) -> None:
    """Keep runs that hints caused apart; the hints of that time are served by this run."""
    last = work.tally.read_at or work.ledger.status.read_at
    if not work.job.is_hint or work.job.cause == "tick" or last is None:
        return
    wait = SPACING_SECONDS - (work.tools.clock.now() - last) / timedelta(seconds=1)
    if 0 < wait <= SPACING_SECONDS and work.gate.pause(wait):
        work.lease.change(lambda status: setattr(status, "rerun", False))


def _remember(
    work: Work, planner: Planner, seen: Seen, plan: Plan, results: Results
) -> Callable[[Status], None]:
    """Return how to note what the next run needs to tell a fresh listing and a lost import."""
    tags = work.viewer.own_tags(planner, seen.listing)
    for change in plan.changes:
        if change.name in results.done:
            tags.pop(change.name, None)
            if change.value:
                tags[change.name] = planner.tags(change.name, change.value)[DIGEST_TAG]
    seal = None if results.errors else work.tools.digests.seal(tags.items())
    names: dict[str, list[str]] = {str(origin): [] for origin in seen.source.origins}
    wanted = want(seen.source, planner.schema)
    for name, origin in wanted.origins.items():
        names[str(origin)].append(name)
    deletes = any(change.action == Action.DELETE for change in plan.changes)
    open_names = plan.errors.keys() | {change.name for change in plan.changes}
    settled = (wanted.values.keys() - open_names) | results.done.keys()
    pending = planner.index(seen.listing).keys() - settled

    def remember(status: Status) -> None:
        status.seal = seal
        # only a plan that deletes asks the source what became of an origin
        gone = status.origins.keys() - names.keys()
        status.remember_origins(names, keep=gone & plan.lost if deletes else gone)
        status.import_pending = {
            name: why for name, why in status.import_pending.items() if name in pending
        }

    return remember


def _end(work: Work, outcome: Outcome) -> bool:
    """Record the outcome and free the lease; False if hints came meanwhile and it must start over."""
    tools, job = work.tools, work.job
    now = tools.clock.now()
    was_failing = must_rerun = False

    def mutate(status: Status) -> None:
        nonlocal was_failing, must_rerun
        has_time = work.gate.seconds_left() > SPACING_SECONDS
        must_rerun = status.rerun and has_time and outcome.is_final and job.kind in PUSHES
        status.rerun = False
        was_failing = status.is_failing
        if outcome.is_final:
            work.remember(status)
        if not must_rerun:
            record(status, job, outcome, work.tally, now)

    work.lease.change(mutate)
    if must_rerun:
        return False
    if outcome.is_final and job.kind == JobKind.VERIFY:
        with suppress(ConfigChanged):  # then it stays due
            work.lease.check_config(work.sync, tools.store)
            tools.store.put(verified_object(work.sync.object_name), b"")
    if outcome.end == End.SUCCEEDED and job.args.delete_config:
        forget(work)
    log.info(
        "run ended",
        extra={
            "sync": work.sync.config.name,
            "syncId": str(work.sync.id),
            "kind": job.kind.value,
            "cause": job.cause,
            "outcome": outcome.end.value,
            "reason": outcome.message,
            "changes": dict(work.tally.counts),
            "seconds": work.tally.seconds(now),
        },
    )
    tell(tools.notifier, work.sync, job, outcome, work.tally, was_failing=was_failing, now=now)
    return True
