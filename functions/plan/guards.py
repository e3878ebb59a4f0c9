"""The guards: what keeps a correct plan from doing harm when the world is not what it seems.

An empty answer may be a revoked permission, a missing import a broken one, a flood of deletions a
typing error in a path. None of these is told apart by looking harder, so a person decides: each
guard says what it saw and names the plan's fingerprint, and `force` with that fingerprint lets
exactly its deletions and held changes through. The guards only hold changes back; they never make one.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from functions.plan.desired import Desired
from functions.plan.models import Action, Change
from functions.plan.plan import Plan, counted, join
from functions.plan.sync_config import DeletionGuard

SMALL_SCOPE = 10
"""Of fewer secrets one is a large share: there no less than half of them is too many."""
SMALL_SCOPE_PERCENT = 50
DELETIONS_COUNT_FOR = timedelta(hours=24)
"""So long a deletion counts together with later ones: a wipe may come in portions."""
SHORTEST_DELETION = timedelta(hours=25)
LONGEST_DELETION = timedelta(days=30) - timedelta(hours=1)


def guard(
    plan: Plan,
    desired: Desired,
    *,
    kept: Mapping[str, str],
    deleted_lately: int = 0,
    lost_lately: Collection[str] = (),
    limit: DeletionGuard | None = None,
) -> Plan:
    """Apply every guard.

    `kept`: why a change that would be made to a name is held back. `deleted_lately`: how many secrets this
    sync deleted within 24 hours, unforced. `lost_lately`: which keys of its bundle it took away in that time.
    """
    held = _hold(plan, kept)
    limit = limit or DeletionGuard()
    limited = _limit_deletions(_refuse_empty_source(held, desired), deleted_lately, limit)
    return _limit_lost_keys(limited, lost_lately, limit)


def deletion_time(now: datetime, days: int) -> datetime:
    """Return when a secret is to be deleted: inside OCI's 1–30 days with an hour to spare."""
    return now + min(max(timedelta(days=days), SHORTEST_DELETION), LONGEST_DELETION)


def _hold(plan: Plan, kept: Mapping[str, str]) -> Plan:
    held = {c.name: kept[c.name] for c in plan.changes if c.name in kept and not c.held}
    changes = tuple(
        replace(change, held=held[change.name]) if change.name in held else change
        for change in plan.changes
    )
    warnings = (f"{name}: kept, {why}" for name, why in held.items())
    return replace(plan, changes=changes, warnings=(*plan.warnings, *warnings))


def _refuse_empty_source(plan: Plan, desired: Desired) -> Plan:
    deletions = _deletions(plan)
    if not deletions or desired.values or desired.errors:
        return plan
    doomed = counted(len(deletions), "secret")
    names = join(sorted(deletions), ", ")
    return _stop(plan, f"the source folder is empty, and {doomed} would be deleted: {names}")


def _limit_deletions(plan: Plan, deleted_lately: int, limit: DeletionGuard) -> Plan:
    """Judge the deletions among this sync's own secrets and among all: neither may hide the other."""
    doomed = _deletions(plan)
    held = {change.name for change in plan.changes if change.held and _deletes(change)}
    for standing, pending, what in (
        (plan.in_scope - held, plan.pending, "secret"),
        (plan.own - held, plan.own_pending, "own secret"),
    ):
        lately = min(deleted_lately, pending)  # what came back since does not count
        text = (what, "in scope would be deleted")
        why = _too_many(len(doomed & standing), len(standing), lately, limit, text)
        if why:
            return _stop(plan, f"{why}: {join(sorted(doomed), ', ')}")
    return plan


def _limit_lost_keys(plan: Plan, lost_lately: Collection[str], limit: DeletionGuard) -> Plan:
    """Judge the keys that a bundle would lose: a wipe inside one secret is one all the same."""
    for change in plan.changes:
        if change.keys is None or change.held:
            continue
        if not change.keys.is_known:
            unread = f"{change.name} was not read as a bundle, so it is not known which keys it would lose"
            return _stop(plan, unread)
        lost, text = change.keys.lost, ("key", f"of {change.name} would be lost")
        held = change.keys.held
        lately = len(set(lost_lately) - held)  # what came back since does not count
        why = _too_many(len(lost), len(held), lately, limit, text)
        if why:
            return _stop(plan, f"{why}: {join(lost, ', ')}")
    return plan


def _too_many(
    doomed: int, standing: int, lately: int, limit: DeletionGuard, text: tuple[str, str]
) -> str | None:
    """Say how many of how many are lost if that needs a person's agreement."""
    lost, total = doomed + lately, standing + lately
    percent = limit.max_percent
    if total < SMALL_SCOPE:
        percent = max(percent, SMALL_SCOPE_PERCENT)
    if not doomed or lost < limit.min_count or lost * 100 <= percent * total:
        return None
    earlier = f" ({lately} of them within the last 24 hours)" if lately else ""
    what, where = text
    return f"{lost} of {counted(total, what)} {where}{earlier}, more than {percent} %"


def _stop(plan: Plan, why: str) -> Plan:
    kept = [f"{change.action} {change.name}" for change in plan.changes if change.held]
    more = f", which also lets through what is kept: {join(kept, ', ')}" if kept else ""
    way = f"If that is meant, run the sync with force {plan.fingerprint}{more}"
    return replace(plan, stops=(*plan.stops, f"Nothing was written: {why}. {way}."))


def _deletions(plan: Plan) -> frozenset[str]:
    return frozenset(change.name for change in plan.changes if _deletes(change) and not change.held)


def _deletes(change: Change) -> bool:
    return change.action == Action.DELETE
