"""A plan: what a sync would do. Pure."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from functions.plan.models import Action, Change, VaultSecret
from functions.plan.ownership import OWNER_TAG

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync would do. `stops` are guards: with one of them nothing is written without force."""

    changes: tuple[Change, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    blocked: tuple[VaultSecret, ...] = ()
    stops: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    unchanged: int = 0
    in_scope: frozenset[str] = frozenset()
    """Names of the ACTIVE secrets in scope that are nobody else's."""
    own: frozenset[str] = frozenset()
    """Those of them that carry this sync's tag."""
    pending: int = 0
    """How many unwanted secrets in scope that are nobody else's wait for their deletion."""
    own_pending: int = 0
    """How many of them carry this sync's tag."""
    unproven: frozenset[str] = frozenset()
    """Addresses of keys that have their value from another place now, while the former may only hide."""
    unknown: int = 0
    """How many secrets were not compared."""

    @property
    def fingerprint(self) -> str:
        """Return a hash of what a person must agree to: what it deletes, and what is held back."""
        lines = (" ".join((c.action, c.name, *c.lost_keys)) for c in self.critical)
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]

    @property
    def critical(self) -> list[Change]:
        """The changes that a person must agree to."""
        return [c for c in self.changes if c.is_loss or c.held]

    def after_import(self, names: Collection[str]) -> "Plan":
        """Return the plan as it is once the source has these secrets of the vault: they get tags, no more."""
        if not names:
            return self
        changes = (
            Change(Action.TAG, change.name, change.secret) if change.name in names else change
            for change in self.changes
        )
        text = (
            f"The initial import comes first and takes {counted(len(names), 'secret')} of the vault into "
            f"the source: {join(sorted(names), ', ')}."
        )
        return replace(self, changes=tuple(changes), warnings=(*self.warnings, text))

    def judged_by_tags(self, sync_id: UUID) -> "Plan":
        """Return the plan that no content was read for: of what has no tag of the sync it cannot tell."""
        untold = {
            change.name
            for change in self.changes
            if change.action in (Action.UPDATE, Action.TAG)
            and change.secret
            and change.secret.tags.get(OWNER_TAG) != str(sync_id)
        }
        changes = tuple(change for change in self.changes if change.name not in untold)
        return replace(self, changes=changes, unknown=len(untold))

    def counts(self) -> dict[str, int]:
        """Return how many changes of each kind there are."""
        found = [change.action.value for change in self.changes]
        counts = {action.value: found.count(action.value) for action in Action}
        rest = {"unchanged": self.unchanged, "unknown": self.unknown, "errors": len(self.errors)}
        return counts | rest


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 secret, 2 secrets."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def join(lines: Sequence[str], separator: str = "; ") -> str:
    """Return the first few lines as one sentence."""
    more = len(lines) - MOST_SHOWN
    return separator.join([*lines[:MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])])
