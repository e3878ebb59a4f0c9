"""Undo: bring back what one run deleted, as far as nobody else has claimed it since."""

from collections.abc import Iterable, Sequence

from functions.errors import InvalidInput
from functions.plan.models import BLOCKING, Action, Change, JobKind, State, VaultSecret
from functions.plan.plan import Plan
from functions.plan.table import Planner
from functions.run.context import Run
from functions.run.outcome import Outcome
from functions.state.status import RunRecord


def undo(run: Run) -> Outcome:
    """Cancel the deletions of the run that the job names; its auto-sync is off by then."""
    observed = run.observe_vault()
    record = _record(run)
    names = record.changed.get(Action.DELETE, [])
    # A cleanup deletes in former vaults, too, and an earlier run may have worked in one.
    is_elsewhere = record.kind == JobKind.CLEANUP or bool(run.document.status.former_places)
    while True:
        observed = run.observer.refresh(observed, run.settled)
        planner = run.observer.planner(observed.listing, names)
        plan = plan_undo(planner, names, observed.listing, is_elsewhere=is_elsewhere)
        run.summary.take_plan(plan)
        results = run.apply(observed, plan.changes)
        waiting = {secret.name: f"is {secret.state}" for secret in plan.blocked} | results.again
        if not waiting:
            return run.summary.conclude(plan)
        observed = run.wait_for(observed, waiting)


def _record(run: Run) -> RunRecord:
    for record in run.document.status.runs:
        if record.id == run.job.args.run:
            return record
    raise InvalidInput("The run to undo is not known any more: only the last ones are kept.")


def plan_undo(
    planner: Planner,
    names: Iterable[str],
    listing: Sequence[VaultSecret],
    *,
    is_elsewhere: bool = False,
) -> Plan:
    """Return the plan that restores these names; what cannot be restored is an error of its name.

    With `is_elsewhere` they may have been deleted in a former vault, and those of this one be others.
    """
    index = planner.index(listing)
    changes: list[Change] = []
    blocked: list[VaultSecret] = []
    errors: dict[str, str] = {}
    for name in names:
        secret = index.get(name)
        if secret is None or secret.state == State.FAILED:
            errors[name] = "the vault does not hold it any more"
            continue
        why = planner.protected_because(secret) or planner.owned_by_other(secret)
        if why:
            errors[name] = why
        elif secret.state == State.PENDING_DELETION:
            changes.append(Change(Action.RESTORE, name, secret))
        elif secret.state in BLOCKING:
            blocked.append(secret)
        elif is_elsewhere:
            errors[name] = (
                "it is not to be deleted here; if it was in a former vault, restore it there"
            )
    return Plan(tuple(changes), errors, blocked=tuple(blocked))
