"""A vault's secrets by plain calls: the simulator's lifecycle and rules without HTTP and SDK."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import SecretBytes

from functions.errors import (
    ContentRefused,
    InvalidInput,
    NameTaken,
    NotFound,
    Refused,
    SyncError,
    TooManyVersions,
    ValueReused,
    WrongState,
)
from functions.plan.models import Bundle, State, VaultSecret
from infra.local.http import Failure
from infra.local.oci import vault_rules as rules
from infra.local.oci.secret import READABLE, Secret
from infra.local.oci.vault_store import Vault

PRUNED_AT_ONCE = 5
_MANAGERS = {
    "isReplica": "replication",
    "rotationConfig": "rotation",
    "isAutoGenerationEnabled": "auto-generation",
}


class MemoryVault:
    """The secrets of one compartment in one vault, as `SecretVault` describes them."""

    def __init__(self, vault: Vault, vault_id: str, compartment_id: str) -> None:
        self._vault = vault
        self._home = {"vaultId": vault_id, "compartmentId": compartment_id}
        self._tokens: dict[str, str] = {}
        """The ids of what was created, by token."""
        self.unreadable: dict[str, datetime] = {}
        """Ids of secrets whose content is not handed out, and since when."""

    def list(self) -> Sequence[VaultSecret]:
        """Return every secret of the compartment and vault, as it was a while ago."""
        as_of = self._now() - timedelta(seconds=self._vault.list_staleness_seconds)
        return [
            shown(secret, as_of)
            for secret in self._vault.secrets.values()
            if secret.created <= as_of and secret.fact(as_of).items() >= self._home.items()
        ]

    def find(self, name: str) -> VaultSecret | None:
        """Look a name up: as it is where it has content, else as the listing shows it."""
        holder = self._vault.holder(self._home["vaultId"], name)
        if holder and holder.state(self._now()) in READABLE:
            return shown(holder, self._now())
        same = [secret for secret in self.list() if secret.name == name]
        return min(same, key=lambda secret: secret.state == State.DELETED, default=None)

    def get(self, secret_id: str) -> VaultSecret:
        """Return one secret as it is now."""
        return shown(self._found(secret_id), self._now())

    def read(self, secret_id: str) -> Bundle:
        """Return the current content."""
        secret, now = self._found(secret_id), self._now()
        number = secret.current.at(now)
        if number is None or secret.state(now) not in READABLE:
            raise WrongState(f"secret {secret_id}: no content while it is {secret.state(now)}")
        if secret_id in self.unreadable:
            raise ContentRefused(f"secret {secret_id}: it expired")
        return Bundle(SecretBytes(secret.versions[number].content), number)

    def create(self, name: str, value: bytes, tags: Mapping[str, str], token: str) -> str:
        """Create a secret; once for each token."""
        if token in self._tokens:
            return self._tokens[token]
        if self._vault.holder(self._home["vaultId"], name):
            raise NameTaken(f"secret {name}: the name is taken")
        now = self._now()
        ready = now + timedelta(seconds=self._vault.durations.creating)
        facts = {**self._home, "secretName": name, "freeformTags": dict(tags)}
        secret = self._vault.add(facts, now, (now, State.CREATING), (ready, State.ACTIVE))
        secret.add_version(now, ready, value)
        self._tokens[token] = secret.id
        return secret.id

    def update(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> None:
        """Write a new version and merge `tags` into those that `secret` shows."""
        found, now = self._writable(secret, State.ACTIVE), self._now()
        try:
            rules.check_update(found, {"secretContent": {}}, now)
            rules.check_version(found, {}, value, self._vault.version_limit, now)
        except Failure as failure:
            raise _translated(failure) from None
        found.add_version(now, self._updated(found, secret.tags, tags), value)

    def tag(self, secret: VaultSecret, tags: Mapping[str, str | None]) -> None:
        """Merge `tags` into those that `secret` shows."""
        self._updated(self._writable(secret, State.ACTIVE), secret.tags, tags)

    def restore(self, secret: VaultSecret) -> None:
        """Cancel a deletion."""
        found, now = self._writable(secret, State.PENDING_DELETION), self._now()
        end = now + timedelta(seconds=self._vault.durations.cancelling)
        found.move(now, State.CANCELLING_DELETION, end, State.ACTIVE)

    def schedule_deletion(
        self, secret: VaultSecret, when: datetime, *, if_unchanged: bool = False
    ) -> None:
        """Begin a deletion."""
        found, now = self._writable(secret, State.ACTIVE), self.get(secret.id)
        has_changed = (now.tags, now.compartment_id) != (secret.tags, secret.compartment_id)
        if if_unchanged and has_changed:
            raise WrongState(f"secret {secret.name}: it was changed meanwhile")
        found.schedule(self._now(), when, self._vault.durations)

    def prune_versions(self, secret: VaultSecret, when: datetime, *, at_least: int = 0) -> int:
        """Schedule the oldest DEPRECATED versions for deletion, if there are that many."""
        found, now = self._writable(secret, State.ACTIVE), self._now()
        old = [v for v in found.there(now) if not v.deletion]
        if len(old) < at_least:
            return 0
        chosen = [v for v in old if found.stages(v, now) == ["DEPRECATED"]][:PRUNED_AT_ONCE]
        for version in chosen:
            version.deletion = when
        return len(chosen)

    def promote(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> bool:
        """Make the newest version that holds `value` the current one."""
        found, now = self._writable(secret, State.ACTIVE), self._now()
        if secret.id in self.unreadable:
            return False
        newest = [v for v in reversed(found.there(now)) if v.content == value and not v.deletion]
        for version in sorted(newest, key=lambda v: "CURRENT" not in found.stages(v, now)):
            ready = self._updated(found, secret.tags, tags)
            if "CURRENT" not in found.stages(version, now):
                found.promote(ready, version.number)
            return True
        return False

    def _updated(
        self, found: Secret, old: Mapping[str, str], new: Mapping[str, str | None]
    ) -> datetime:
        """Begin an update and say when it ends."""
        now = self._now()
        ready = now + timedelta(seconds=self._vault.durations.updating)
        merged = {**old, **new}
        found.change(now, freeformTags={k: v for k, v in merged.items() if v is not None})
        found.move(now, State.UPDATING, ready, State.ACTIVE)
        return ready

    def _writable(self, secret: VaultSecret, state: State) -> Secret:
        found = self._found(secret.id)
        now = found.state(self._now())
        if now != state:
            raise WrongState(f"secret {secret.name}: is {now}, not {state}")
        return found

    def _found(self, secret_id: str) -> Secret:
        if secret_id not in self._vault.secrets:
            raise NotFound(f"secret {secret_id} does not exist")
        return self._vault.secrets[secret_id]

    def _now(self) -> datetime:
        return self._vault.clock.now()


def shown(secret: Secret, as_of: datetime) -> VaultSecret:
    """Return a secret as it was then."""
    facts = secret.fact(as_of)
    return VaultSecret(
        id=secret.id,
        name=secret.name,
        state=secret.state(as_of),
        tags=facts["freeformTags"],
        compartment_id=facts["compartmentId"],
        managed_by=next((why for fact, why in _MANAGERS.items() if facts.get(fact)), None),
    )


def _translated(failure: Failure) -> SyncError:
    body = failure.answer.body
    if body["code"] == "LimitExceeded":
        return TooManyVersions(body["message"])
    if "reuse" in body["message"]:
        return ValueReused(body["message"])
    return (InvalidInput if failure.answer.status == 400 else Refused)(body["message"])
