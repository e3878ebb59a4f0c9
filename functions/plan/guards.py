"""The guards: what keeps a correct plan from doing harm when the world is not what it seems.

An empty answer may be a revoked permission, a missing import a broken one, a flood of deletions a
typing error in a path. None of these is told apart by looking harder, so a person decides: each
guard says what it saw and names the plan's fingerprint, and `force` with that fingerprint carries
out exactly that plan. The guards only hold changes back; they never make one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from functions.plan.desired import Desired
from functions.plan.models import ALL, Action, Change
from functions.plan.plan import Plan

DELETION_LIMIT_PERCENT = 30
DELETION_LIMIT_FROM = 10
SHORTEST_DELETION = timedelta(hours=25)
LONGEST_DELETION = timedelta(days=30) - timedelta(hours=1)


def guard(
    plan: Plan,
    desired: Desired,
    *,
    lost: Mapping[str, Iterable[str] | None],
    pending: Iterable[str],
) -> Plan:
    """Apply every guard.

    `lost`: names by import or sub-folder that was there at the last success, is gone, and that the
    source does not confirm as removed (None: its names are not known). `pending`: names that an
    import could not bring into the source, or ALL.
    """
    return _limit_deletions(
        _refuse_empty_source(_keep_lost(_keep_pending(plan, pending), lost), desired)
    )


def deletion_time(now: datetime, days: int) -> datetime:
    """Return when a secret is to be deleted: inside OCI's 1–30 days with an hour to spare."""
    return now + min(max(timedelta(days=days), SHORTEST_DELETION), LONGEST_DELETION)


def _hold(plan: Plan, why: Callable[[Change], str | None]) -> Plan:
    changes = tuple(
        replace(change, held=why(change)) if not change.held and why(change) else change
        for change in plan.changes
    )
    held = [
        f"{change.name}: kept, {change.held}"
        for change, before in zip(changes, plan.changes, strict=True)
        if change is not before
    ]
    return replace(plan, changes=changes, warnings=(*plan.warnings, *held))


def _keep_pending(plan: Plan, pending: Iterable[str]) -> Plan:
    names = frozenset(pending)

    def why(change: Change) -> str | None:
        if change.action not in (Action.UPDATE, Action.DELETE):
            return None
        if ALL in names:
            return "too many could not be imported into the source to tell which; import again"
        return "its value could not be imported into the source" if change.name in names else None

    guarded = _hold(plan, why)
    if ALL not in names:
        return guarded
    held = {change.name: change.held for change in guarded.changes if change.held}
    return replace(guarded, errors={**plan.errors, **held})


def _keep_lost(plan: Plan, lost: Mapping[str, Iterable[str] | None]) -> Plan:
    def why(change: Change) -> str | None:
        if change.action != Action.DELETE:
            return None
        return next(
            (
                f"the {origin} is not readable any more, but the source does not say it was removed"
                for origin, names in lost.items()
                if names is None or change.name in names
            ),
            None,
        )

    return replace(_hold(plan, why), lost=frozenset(lost))


def _refuse_empty_source(plan: Plan, desired: Desired) -> Plan:
    deletions = _deletions(plan)
    if not deletions or desired.values or desired.errors:
        return plan
    return _stop(plan, f"the source folder is empty, and {deletions} secrets would be deleted")


def _limit_deletions(plan: Plan) -> Plan:
    deletions = _deletions(plan)
    too_many = deletions * 100 > DELETION_LIMIT_PERCENT * plan.in_scope
    if plan.in_scope < DELETION_LIMIT_FROM or not too_many:
        return plan
    return _stop(
        plan,
        f"{deletions} of {plan.in_scope} secrets in scope would be deleted, "
        f"more than {DELETION_LIMIT_PERCENT} %",
    )


def _stop(plan: Plan, why: str) -> Plan:
    way = f"If that is meant, run the sync with force {plan.fingerprint}"
    return replace(plan, stops=(*plan.stops, f"Nothing was written: {why}. {way}."))


def _deletions(plan: Plan) -> int:
    return sum(change.action == Action.DELETE and not change.held for change in plan.changes)
