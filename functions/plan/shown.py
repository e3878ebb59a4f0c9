"""A plan as people and the API see it: actions and names, never a value. Pure."""

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.plan.models import Action, Change
from functions.plan.ownership import OWNER_TAG
from functions.plan.plan import Plan, counted
from functions.plan.sync_config import Camel


class ShownKeys(Camel):
    """Which keys of a bundle a change is about."""

    added: list[str]
    changed: list[str]
    removed: list[str]


class ShownChange(Camel):
    """One step of a plan; `held` names the guard that keeps it from being done without `force`."""

    action: Action
    name: str
    held: str | None = Field(default=None, exclude_if=lambda held: held is None)
    owner: Literal["this", "nobody"] | None = Field(
        default=None, exclude_if=lambda owner: owner is None
    )
    """Of a deletion: whether this sync wrote the secret, by its tag."""
    keys: ShownKeys | None = Field(default=None, exclude_if=lambda keys: keys is None)
    """Of a bundle, where it is known what the vault holds."""


class ShownPlan(Camel):
    """What a sync would do. With `stops` nothing is written without `force`."""

    changes: list[ShownChange]
    errors: dict[str, str]
    """By name: why it cannot be synced."""
    warnings: list[str]
    stops: list[str]
    blocked: list[str]
    drift: list[str]
    """Names that somebody else changed in the vault since this sync wrote them."""
    in_scope: int
    counts: dict[str, int]
    """By action; `unknown` are the secrets that time did not suffice to compare."""
    fingerprint: str


def show(plan: Plan, sync_id: UUID, warnings: Iterable[str] = ()) -> ShownPlan:
    """Return a plan as it is shown."""
    return ShownPlan(
        changes=[
            ShownChange(
                action=change.action,
                name=change.name,
                held=change.held,
                owner=_owner(change, sync_id) if change.action == Action.DELETE else None,
                keys=_keys(change),
            )
            for change in plan.changes
        ],
        errors=dict(sorted(plan.errors.items())),
        warnings=[*warnings, *warn_of_strangers(plan, sync_id), *plan.warnings],
        stops=list(plan.stops),
        blocked=[f"{secret.name} is {secret.state}" for secret in plan.blocked],
        drift=list(plan.drift),
        in_scope=len(plan.in_scope),
        counts=plan.counts(),
        fingerprint=plan.fingerprint,
    )


def warn_of_strangers(plan: Plan, sync_id: UUID) -> list[str]:
    """Return a warning that names the secrets that would be deleted though this sync wrote none of them."""
    names = sorted(
        change.name
        for change in plan.changes
        if change.action == Action.DELETE
        and not change.held
        and _owner(change, sync_id) == "nobody"
    )
    if not names:
        return []
    text = (
        f"The source lacks {counted(len(names), 'secret')} that this sync never wrote, so this is "
        f"scheduled for deletion: {', '.join(names)}. A keySchema or disableSecretDeletion prevents it."
    )
    return [text]


def _keys(change: Change) -> ShownKeys | None:
    found = change.keys
    if found is None or not found.is_known:
        return None
    return ShownKeys(
        added=list(found.added), changed=list(found.changed), removed=list(found.removed)
    )


def _owner(change: Change, sync_id: UUID) -> Literal["this", "nobody"]:
    is_own = change.secret is not None and change.secret.tags.get(OWNER_TAG) == str(sync_id)
    return "this" if is_own else "nobody"
