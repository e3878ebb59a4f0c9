"""The planner: wanted values and the vault as it is → what to do. Pure.

current state                            | wanted, equal | wanted, differs | not wanted (in scope)
absent, DELETED                          |        Create                   | –
ACTIVE                                   | – (or Tag)    | Update          | Delete, if allowed
PENDING_DELETION                         |        Restore                  | –
CREATING UPDATING DELETING SCHEDULING_…  |        Blocked: the sync waits, nothing is written
FAILED                                   |        an error for that key    | –

A restored secret is planned again once it is ACTIVE: then it is updated if its value differs.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretBytes

from functions.plan.desired import Desired, desired_from
from functions.plan.models import (
    BLOCKING,
    Action,
    Bundle,
    Change,
    SourceSecrets,
    State,
    VaultSecret,
)
from functions.plan.ownership import CONNECTION_OWNER, DIGEST_TAG, OWNER_TAG, Digests
from functions.plan.plan import Plan, join
from functions.plan.sync_config import BlockingScope, Sync
from functions.secret_tags import SecretTags

DELETE_ORDER = {Action.DELETE: 1}


class Planner:
    """Compares what is wanted with what is there, for one sync."""

    def __init__(
        self,
        sync: Sync,
        digests: Digests,
        protected_ids: Iterable[str],
        living: Iterable[str],
        wanted_tags: SecretTags | None = None,
    ) -> None:
        """Take the ids of secrets that are never touched and of the syncs that exist."""
        config = sync.config
        self._id = str(sync.id)
        self._options = config.sync_options
        self._vault = config.destination_config.vault_ocid
        self._digests = digests
        self._protected_ids = frozenset(protected_ids)
        self._living = frozenset(living) - {self._id}
        self._wanted_tags = wanted_tags or SecretTags()
        self._only = self._options.filter
        self.schema = config.names

    def desired(self, source: SourceSecrets) -> Desired:
        """Return what the vault should hold."""
        return desired_from(source, self.schema, self._only)

    def tags(self, name: str, value: SecretBytes) -> dict[str, str]:
        """Return the tags that a secret of this sync carries."""
        return {OWNER_TAG: self._id, DIGEST_TAG: self._digests.of(self._vault, name, value)}

    def is_mine(self, secret: VaultSecret) -> bool:
        """Say whether the secret carries this sync's tag."""
        return secret.tags.get(OWNER_TAG) == self._id

    def is_tagged_with(self, secret: VaultSecret, value: SecretBytes) -> bool:
        """Say whether the secret's tags promise this value, written by this sync."""
        return (
            self.is_mine(secret)
            and secret.tags.get(DIGEST_TAG) == self.tags(secret.name, value)[DIGEST_TAG]
        )

    def is_another(self, digest: str, name: str, value: SecretBytes) -> bool | None:
        """Say whether a digest is another value's, None where it was made with another key."""
        knows = self._digests.knows(digest)
        return digest != self.tags(name, value)[DIGEST_TAG] if knows else None

    def tells(self, secret: VaultSecret) -> bool:
        """Say whether the secret's tags tell what it holds: this sync wrote them, with this key."""
        return self.is_mine(secret) and self._digests.knows(secret.tags.get(DIGEST_TAG))

    def _is_told(self, secret: VaultSecret, value: SecretBytes) -> bool:
        """Say whether the tags tell what a plan must know; of a bundle that is which keys are others."""
        return self.is_tagged_with(secret, value) if self.schema.bundle else self.tells(secret)

    def must_mend(self, secret: VaultSecret, value: SecretBytes) -> bool:
        """Say whether the tags of a secret that holds this value are not as they should be."""
        is_promised = self.is_tagged_with(secret, value)
        return (not is_promised and OWNER_TAG in secret.tags) or self._lacks_tags(secret)

    def may_write_unread(self, secret: VaultSecret, value: SecretBytes) -> bool:
        """Say whether a secret whose content is not handed out may be written all the same.

        A digest of a former key says nothing of the value; writing it once mends that.
        """
        was_written = self.is_mine(secret) and DIGEST_TAG in secret.tags
        return was_written and not self.is_tagged_with(secret, value)

    def protected_because(self, secret: VaultSecret) -> str | None:
        """Say why no job may ever touch the secret, None where it may."""
        if secret.id in self._protected_ids:
            return "the vault secret of this name holds credentials of this function"
        if secret.tags.get(OWNER_TAG) == CONNECTION_OWNER:
            return "the vault secret of this name is the private key of an OCI connection"
        return secret.managed_by and f"the vault secret of this name is under {secret.managed_by}"

    def owned_by_other(self, secret: VaultSecret) -> str | None:
        """Say which other living sync owns the secret, None where none does."""
        owner = secret.tags.get(OWNER_TAG)
        return f"it belongs to the sync {owner}" if owner in self._living else None

    def index(self, listing: Sequence[VaultSecret]) -> dict[str, VaultSecret]:
        """Return the secret that counts for each name: one that is not DELETED, ACTIVE if possible."""
        found: dict[str, VaultSecret] = {}
        for secret in listing:
            if secret.state == State.DELETED:
                continue
            if secret.name not in found or secret.state == State.ACTIVE:
                found[secret.name] = secret
        return found

    def must_read(
        self,
        desired: Desired,
        listing: Sequence[VaultSecret],
        *,
        settled: Container[str],
        unsure: Container[str],
        verify: Container[str],
    ) -> list[VaultSecret]:
        """Return the secrets whose content must be read, because the listing does not settle it.

        A tag that tells another value needs no look at the content. `settled`: names that are known to
        hold what is desired; `unsure`: names whose tags prove nothing; `verify`: names to compare in any
        case.
        """
        return [
            secret
            for name, secret in self.index(listing).items()
            if name in desired.values
            and secret.state == State.ACTIVE
            and name not in settled
            and not self.protected_because(secret)
            and not self.owned_by_other(secret)
            and (
                name in verify or name in unsure or not self._is_told(secret, desired.values[name])
            )
        ]

    def plan(
        self,
        desired: Desired,
        listing: Sequence[VaultSecret],
        bundles: Mapping[str, Bundle],
        settled: Container[str] = (),
    ) -> Plan:
        """Return the plan; `bundles` holds the content of the doubtful secrets, by name."""
        index = self.index(listing)
        draft = _Draft(errors=dict(desired.errors))
        for name, value in desired.values.items():
            secret = index.get(name)
            equal = name in settled or (
                bundles[name].value == value
                if name in bundles
                else secret is not None and self.is_tagged_with(secret, value)
            )
            self._plan_wanted(draft, name, value, secret, equal=equal, settled=name in settled)
        scope = [secret for name, secret in index.items() if self.schema.matches(name)]
        for secret in scope:
            if secret.name not in desired.values and secret.name not in desired.errors:
                self._plan_unwanted(draft, secret)
        changes = sorted(draft.changes, key=lambda c: (DELETE_ORDER.get(c.action, 0), c.name))
        touchable = [
            s for s in scope if not self.protected_because(s) and not self.owned_by_other(s)
        ]
        pending = [
            secret
            for secret in touchable
            if secret.state == State.PENDING_DELETION and secret.name not in desired.values
        ]
        return Plan(
            changes=tuple(changes),
            errors=draft.errors,
            warnings=(
                *(
                    f"{name}: not written, as its value in the source is empty"
                    for name in desired.empty
                ),
                *self._left_behind(index.values()),
            ),
            blocked=self.blocked(listing),
            drift=tuple(sorted(draft.drift)),
            unchanged=draft.unchanged,
            in_scope=_active(touchable),
            own=_active(filter(self.is_mine, touchable)),
            pending=len(pending),
            own_pending=sum(map(self.is_mine, pending)),
        )

    def _plan_wanted(
        self,
        draft: "_Draft",
        name: str,
        value: SecretBytes,
        secret: VaultSecret | None,
        *,
        equal: bool,
        settled: bool,
    ) -> None:
        if secret is None:
            if settled:
                draft.unchanged += 1
            else:
                draft.changes.append(Change(Action.CREATE, name, None, value))
            return
        why = self.protected_because(secret)
        if why:
            draft.errors[name] = f"{why}; rename the key or the secret"
            return
        held = self.owned_by_other(secret)
        if held:
            draft.errors[name] = f"{held}; delete that sync's claim or force this plan"
        promised = self.is_tagged_with(secret, value)
        match secret.state:
            case State.FAILED:
                draft.errors[name] = "the vault secret is in state FAILED; remove it in OCI"
            case State.PENDING_DELETION:
                draft.changes.append(Change(Action.RESTORE, name, secret, value, held))
                draft.drift += [name] if promised else []
            case State.ACTIVE if not equal:
                draft.changes.append(Change(Action.UPDATE, name, secret, value, held))
                draft.drift += [name] if promised else []
            case State.ACTIVE if not settled and self.must_mend(secret, value):
                draft.changes.append(Change(Action.TAG, name, secret, value, held))
            case _:
                draft.unchanged += 1

    def _lacks_tags(self, secret: VaultSecret) -> bool:
        wanted = self._wanted_tags
        return self.is_mine(secret) and not wanted.are_on(secret.tags, secret.defined_tags)

    def _left_behind(self, secrets: Iterable[VaultSecret]) -> list[str]:
        left = sorted(
            secret.name
            for secret in secrets
            if self.is_mine(secret)
            and secret.state == State.ACTIVE
            and not self.schema.matches(secret.name)
        )
        return (
            [f"left behind by an edit, for `cleanup` to take: {join(left, ', ')}"] if left else []
        )

    def _plan_unwanted(self, draft: "_Draft", secret: VaultSecret) -> None:
        if self._options.disable_secret_deletion or secret.state != State.ACTIVE:
            return
        if not (self.protected_because(secret) or self.owned_by_other(secret)):
            draft.changes.append(Change(Action.DELETE, secret.name, secret))

    def plan_removal(self, names: Iterable[str], listing: Sequence[VaultSecret]) -> Plan:
        """Return the plan that removes what this sync owns and the given names, if nobody's else."""
        current = frozenset(names)
        index = self.index(listing)
        mine = [
            secret
            for name, secret in index.items()
            if (self.is_mine(secret) or name in current)
            and not self.protected_because(secret)
            and not self.owned_by_other(secret)
        ]
        doomed = sorted((s for s in mine if s.state == State.ACTIVE), key=lambda s: s.name)
        return Plan(
            changes=tuple(Change(Action.DELETE, secret.name, secret) for secret in doomed),
            blocked=tuple(secret for secret in mine if secret.state in BLOCKING),
            in_scope=frozenset(secret.name for secret in mine),
        )

    def blocked(self, listing: Sequence[VaultSecret]) -> tuple[VaultSecret, ...]:
        """Return the secrets whose lifecycle state makes this sync wait."""
        anywhere = self._options.blocking_scope == BlockingScope.VAULT
        return tuple(
            secret
            for secret in self.index(listing).values()
            if secret.state in BLOCKING and (anywhere or self.schema.matches(secret.name))
        )


def _active(secrets: Iterable[VaultSecret]) -> frozenset[str]:
    return frozenset(secret.name for secret in secrets if secret.state == State.ACTIVE)


@dataclass(slots=True)
class _Draft:
    changes: list[Change] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    drift: list[str] = field(default_factory=list)
    unchanged: int = 0
