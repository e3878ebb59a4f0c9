"""Push the source into the vault: what a sync or verify job does."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from functions.errors import Refused, WrongState
from functions.plan.desired import want
from functions.plan.models import ALL, Action, Change
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import Plan
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run.apply import Results
from functions.run.context import Work
from functions.run.import_secrets import import_first
from functions.run.observe import Seen
from functions.run.outcome import Outcome
from functions.state.status import MAX_NAMES_BYTES, Granted, Status, names_bytes

SPACING_SECONDS = 2.0
"""Runs that hints caused read one folder no more often than this: a burst of hints costs few runs."""


def push(work: Work) -> Outcome:
    """Make the vault hold what the source says."""
    _space_out(work)
    seen = work.look()
    if _must_import(work, seen):
        behaviour = work.sync.config.sync_options.initial_sync_behavior
        import_first(work, replace=behaviour == InitialSync.IMPORT_DESTINATION)
        seen = work.look()
    granted: frozenset[str] = frozenset()
    while True:
        seen = Seen(seen.source, work.settle(seen.listing))
        try:
            planner, plan = work.viewer.plan(
                seen, work.ledger.status, verify=work.job.verifies, trusted=work.trusted
            )
        except WrongState as news:
            seen = Seen(seen.source, work.wait({"a secret": str(news)}))
            continue
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
    """Return the marks of what the job's force lets through. Raises Refused where the plan changed."""
    force = work.job.args.force
    if force is None:
        return frozenset()
    names = {_mark(change) for change in plan.changes}
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
    doomed = {_mark(change) for change in plan.changes if change.action == Action.DELETE}
    if plan.stops and not doomed <= granted:
        raise Refused(" ".join(plan.stops))
    return [change for change in plan.changes if not change.held or _mark(change) in granted]


def _mark(change: Change) -> str:
    """Return the name, marked where it is to go: who let it be written did not let it be deleted."""
    return f"- {change.name}" if change.action == Action.DELETE else change.name


def _must_import(work: Work, seen: Seen) -> bool:
    """Say whether the initial import is still to be done: once in the life of a sync."""
    status = work.ledger.status
    if work.sync.config.sync_options.initial_sync_behavior == InitialSync.OVERWRITE:
        return False
    if status.is_import_done or status.sync.at:
        return False
    planner = work.viewer.planner(seen.listing)
    # Nothing is pushed before the import is done: with such a tag, it is the status that was lost.
    return not any(map(planner.is_mine, seen.listing))


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
    tags = work.viewer.scope_tags(planner, seen.listing)
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
            name: why
            for name, why in status.import_pending.items()
            if name in pending or (name == ALL and not work.job.args.force)
        }

    return remember
