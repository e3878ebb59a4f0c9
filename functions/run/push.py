"""Push the source into the vault: what a sync or verify job does."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from functions.errors import Refused, WrongState
from functions.plan.desired import desired_from
from functions.plan.models import ALL, Action, Change
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import Plan
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run.apply import Results
from functions.run.context import Run
from functions.run.import_secrets import import_first
from functions.run.observe import Observed
from functions.run.outcome import Outcome
from functions.state.status import MAX_NAMES_BYTES, Granted, Status, names_bytes

SPACING_SECONDS = 2.0
"""Runs that hints caused read one folder no more often than this: a burst of hints costs few runs."""


def push(run: Run) -> Outcome:
    """Make the vault hold what the source says."""
    _space_out(run)
    observed = run.observe()
    if _must_import(run, observed):
        behaviour = run.sync.config.sync_options.initial_sync_behavior
        import_first(run, replace=behaviour == InitialSync.IMPORT_DESTINATION)
        observed = run.observe()
    granted: frozenset[str] = frozenset()
    while True:
        observed = Observed(observed.source, run.settle(observed.listing))
        try:
            planner, plan = run.observer.plan(
                observed,
                run.document.status,
                verify=run.job.verifies,
                written_by_this_run=run.written_by_this_run,
            )
        except WrongState as news:
            observed = Observed(observed.source, run.wait({"a secret": str(news)}))
            continue
        run.summary.take_plan(plan)
        granted = granted or _grant(run, plan)
        results = run.apply(planner, _allowed(plan, granted))
        restored = {
            name: "is being restored"
            for name, action in results.done.items()
            if action == Action.RESTORE
        }
        if not results.again and not restored:
            run.remember = _remember(run, planner, observed, plan, results)
            return run.summary.conclude(plan)
        observed = Observed(observed.source, run.wait(results.again | restored))


def _grant(run: Run, plan: Plan) -> frozenset[str]:
    """Return the marks of what the job's force lets through. Raises Refused where the plan changed."""
    force = run.job.args.force
    if force is None:
        return frozenset()
    names = {_grant_key(change) for change in plan.changes}
    begun = run.document.status.granted
    if begun and begun.fingerprint == force and names <= set(begun.names):
        return frozenset(begun.names)
    if force != plan.fingerprint:
        raise Refused(
            "Nothing was written: the plan has changed since it was looked at. Look at it again and "
            f"force {plan.fingerprint} if that is meant."
        )
    if names_bytes(names) <= MAX_NAMES_BYTES:
        granted = Granted(fingerprint=force, names=sorted(names))
        run.lease.change(lambda status: setattr(status, "granted", granted))
    return frozenset(names)


def _allowed(plan: Plan, granted: frozenset[str]) -> Sequence[Change]:
    """Return the changes that the guards let through. Raises Refused where one stops them all."""
    doomed = {_grant_key(change) for change in plan.changes if change.action == Action.DELETE}
    if plan.stops and not doomed <= granted:
        raise Refused(" ".join(plan.stops))
    return [change for change in plan.changes if not change.held or _grant_key(change) in granted]


def _grant_key(change: Change) -> str:
    """Return the name, marked where it is to go: who let it be written did not let it be deleted."""
    return f"- {change.name}" if change.action == Action.DELETE else change.name


def _must_import(run: Run, observed: Observed) -> bool:
    """Say whether the initial import is still to be done: once in the life of a sync."""
    status = run.document.status
    if run.sync.config.sync_options.initial_sync_behavior == InitialSync.OVERWRITE:
        return False
    if status.is_import_done or status.sync.at:
        return False
    planner = run.observer.planner(observed.listing)
    # Nothing is pushed before the import is done: with such a tag, it is the status that was lost.
    return not any(map(planner.is_mine, observed.listing))


def _space_out(run: Run) -> None:
    """Keep runs that hints caused apart; the hints of that time are served by this run."""
    last = run.summary.read_at or run.document.status.read_at
    if not run.job.is_coalescable or run.job.cause == "tick" or last is None:
        return
    wait = SPACING_SECONDS - (run.services.clock.now() - last) / timedelta(seconds=1)
    if 0 < wait <= SPACING_SECONDS and run.gate.pause(wait):
        run.lease.change(lambda status: setattr(status, "rerun", False))


def _remember(
    run: Run, planner: Planner, observed: Observed, plan: Plan, results: Results
) -> Callable[[Status], None]:
    """Return how to note what the next run needs to tell a fresh listing and a lost import."""
    tags = run.observer.scope_tags(planner, observed.listing)
    for change in plan.changes:
        if change.name in results.done:
            tags.pop(change.name, None)
            if change.value:
                tags[change.name] = planner.tags(change.name, change.value)[DIGEST_TAG]
    seal = None if results.errors else run.services.digests.seal(tags.items())
    names: dict[str, list[str]] = {str(origin): [] for origin in observed.source.origins}
    desired = desired_from(observed.source, planner.schema)
    for name, origin in desired.origins.items():
        names[str(origin)].append(name)
    deletes = any(change.action == Action.DELETE for change in plan.changes)
    open_names = plan.errors.keys() | {change.name for change in plan.changes}
    settled = (desired.values.keys() - open_names) | results.done.keys()
    pending = planner.index(observed.listing).keys() - settled

    def remember(status: Status) -> None:
        status.seal = seal
        # only a plan that deletes asks the source what became of an origin
        gone = status.origins.keys() - names.keys()
        status.remember_origins(names, keep=gone & plan.lost if deletes else gone)
        status.import_pending = {
            name: why
            for name, why in status.import_pending.items()
            if name in pending or (name == ALL and not run.job.args.force)
        }

    return remember
