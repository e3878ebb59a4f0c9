"""The smaller decisions of a sync: which changes are permitted, what it remembers."""

from collections.abc import Sequence

from functions.errors import Refused
from functions.plan.bundle import name_of
from functions.plan.models import Action, Change
from functions.plan.plan import Plan
from functions.plan.scope import Scope, is_new, scope_of
from functions.plan.table import Planner
from functions.run.apply import Results
from functions.run.context import Run
from functions.run.keep import keys_after
from functions.run.observe import Observed, permitted_scope
from functions.state.status import Granted


def permitted(run: Run, plan: Plan) -> Sequence[Change]:
    """Return the changes that the guards or the job's force let through. Raises Refused."""
    run.granted = run.granted or _grant(run, plan)
    if run.job.args.plan and not run.job.args.force:
        _check_agreed(run, plan, run.job.args.plan)
    doomed = {_grant_key(change) for change in plan.changes if change.is_loss}
    if plan.stops and not doomed <= run.granted:
        raise Refused(" ".join(plan.stops))
    return [
        change for change in plan.changes if not change.held or _grant_key(change) in run.granted
    ]


def _grant(run: Run, plan: Plan) -> frozenset[str]:
    """Return the keys of what the job's force lets through. Raises Refused where the plan changed."""
    force = run.job.args.force
    if force is None:
        return frozenset()
    names = {_grant_key(change) for change in plan.critical}
    memory = run.observer.memory
    begun = memory.granted
    if begun and begun.fingerprint == force and names <= set(begun.names):
        return frozenset(begun.names)
    if not any(change.held or change.action != Action.TAG for change in plan.changes):
        return frozenset()  # the vault is right by now: nothing is left to be forced
    if force != plan.fingerprint:
        raise Refused(
            "Nothing was written: the plan has changed since it was looked at. Look at it again and "
            f"force {plan.fingerprint} if that is meant."
        )
    memory.granted = Granted(fingerprint=force, names=sorted(names))
    run.save_memory()
    return frozenset(names)


def _check_agreed(run: Run, plan: Plan, agreed: str) -> None:
    """Let nothing be done but the plan that somebody agreed to. Raises Refused.

    What it deletes is noted: later passes find less to delete, and so another fingerprint.
    """
    memory = run.memory
    lost = [change for change in plan.changes if change.is_loss and not change.held]
    doomed = {c.name if c.action == Action.DELETE else _grant_key(c) for c in lost}
    if memory.granted and memory.granted.fingerprint == agreed:
        is_agreed = doomed <= set(memory.granted.names)
    elif plan.fingerprint == agreed:
        is_agreed = True
        if doomed:
            memory.granted = Granted(fingerprint=agreed, names=sorted(doomed))
            run.save_memory()
    else:
        # An import that comes first takes in what the plan would have deleted.
        has_imported = run.document.status.import_.job_id == run.job.job_id
        is_agreed = not plan.changes or (has_imported and not doomed)
    if not is_agreed:
        raise Refused(
            "Nothing more is done: the plan has changed since it was looked at. Look at it again."
        )


def _grant_key(change: Change) -> str:
    """Return the name, marked with what is to go: who let it be written did not let it be deleted."""
    if change.action == Action.DELETE:
        return f"- {change.name}"
    return " - ".join((change.name, *change.lost_keys))


def remember(run: Run, observed: Observed, plan: Plan, results: Results) -> None:
    """Note what later runs need to tell what cannot be read from what is gone."""
    planner = run.observer.planner(observed.listing)
    memory = run.observer.memory
    desired = planner.desired(observed.source)
    open_names = plan.errors.keys() | {change.name for change in plan.changes}
    earlier = {name: done for name, done in run.summary.done.items() if name not in open_names}
    done = earlier | results.done
    memory.keys = keys_after(memory.keys, observed.source, observed.listing, plan, done, planner)
    settled = (desired.values.keys() - open_names) | done.keys()
    left = planner.index(observed.listing).keys() - settled
    unproven = set(map(planner.schema.part, plan.unproven))
    memory.import_pending = {
        part: entry
        for part, entry in memory.import_pending.items()
        if name_of(part) in left or part in unproven
    }
    memory.was_too_large &= not run.job.args.force
    permitted = permitted_scope(run.document.status, planner, observed.listing)
    run.scope = _scope_after(run, planner, permitted, plan, results)


def _scope_after(
    run: Run, planner: Planner, permitted: Scope | None, plan: Plan, results: Results
) -> Scope:
    """Return what is permitted from now on: as before while an edit alone brings in somebody's secret.

    It may be held, wait, or have an error: once that is over it is not the sync's to delete either.
    """
    config = run.sync.config
    blocked = {secret.name for secret in plan.blocked if not planner.is_mine(secret)}
    strange = (plan.in_scope - plan.own | blocked) - results.done.keys()
    known = set(map(planner.schema.part, run.observer.memory.keys))
    if permitted is not None and any(
        is_new(name, permitted, config, is_known=name in known) for name in strange
    ):
        return permitted
    return scope_of(config)
