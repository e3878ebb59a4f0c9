"""Which keys of a bundle a plan is about, and what each of them stands for. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from pydantic import SecretBytes

from functions.plan.bundle import KeyBundle, KeyChanges, compare, key_of, unpack
from functions.plan.desired import Desired
from functions.plan.models import Action, Bundle, Change
from functions.plan.plan import Plan
from functions.plan.table import Planner

_WRITES = (Action.CREATE, Action.UPDATE)


def with_keys(
    plan: Plan, desired: Desired, contents: Mapping[str, Bundle], planner: Planner
) -> Plan:
    """Return the plan with the keys of the bundle, if its sync has one."""
    if not planner.schema.bundle:
        return plan
    changes = (
        replace(change, keys=_keys(change, desired, contents.get(change.name), planner))
        if change.action in _WRITES
        else change
        for change in plan.changes
    )
    return replace(plan, changes=tuple(changes))


def _keys(change: Change, desired: Desired, held: Bundle | None, planner: Planner) -> KeyChanges:
    if change.secret is None:
        return KeyChanges(added=tuple(sorted(map(key_of, desired.parts))))
    before = unpack(held.value) if held else None
    if before is not None:
        return compare(before, desired.parts)
    assert change.value
    # What this sync wrote and somebody spoiled is only put right.
    is_promised = planner.is_tagged_with(change.secret, change.value)
    return KeyChanges(is_known=held is not None and is_promised)


def parts_of(
    change: Change, bundle: KeyBundle, values: Mapping[str, SecretBytes], known: Collection[str]
) -> Iterator[Change]:
    """Return what the change of a bundle comes to for each key, as if that were a secret of its own.

    `known`: keys that it held once. A bundle that is made new, or deleted, may lose any of these.
    """
    keys = change.keys or KeyChanges()
    lost: Collection[str] = keys.removed
    if change.action == Action.DELETE:
        lost = known
    elif change.secret is None:
        lost = [key for key in known if bundle.part(key) not in values]
    for action, found in (
        (Action.CREATE, keys.added),
        (Action.UPDATE, keys.changed),
        (Action.DELETE, lost),
    ):
        for part in map(bundle.part, sorted(found)):
            yield replace(change, action=action, name=part, value=values.get(part), keys=None)
