"""The secrets of all vaults, as the simulators share them and as tests arrange and inspect them."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import wraps
from itertools import count
from typing import Any

from functions.plan.models import State
from functions.ports import Clock
from infra.local.http import Answer, Handler, Json, absent, wire_time
from infra.local.oci.secret import GOING, Durations, Secret, Timeline

DEFAULT_DELETION = timedelta(days=30)


class Vault:
    """All secrets of all vaults; `defaults` says where `seed` puts them.

    Options, to be set at any time: `version_limit`; `list_staleness_seconds` (lists show the state
    of that long ago); `refuse_tags` (tags are never accepted); `refuse_tags_with_content` (not in
    an update that brings content).
    """

    def __init__(self, clock: Clock, durations: Durations, defaults: Json) -> None:
        self.clock = clock
        self.durations = durations
        self.version_limit = 30
        self.list_staleness_seconds = 0.0
        self.refuse_tags = False
        self.refuse_tags_with_content = False
        self.lock = threading.RLock()
        self.secrets: dict[str, Secret] = {}
        self._by_name: defaultdict[tuple[str, str], list[Secret]] = defaultdict(list)
        self._defaults = defaults
        self._numbers = count(1)

    def seed(
        self,
        name: str,
        value: bytes,
        *,
        state: State = State.ACTIVE,
        tags: Mapping[str, str] | None = None,
        age: timedelta = timedelta(0),
        deletion: datetime | None = None,
        **facts: Any,
    ) -> str:
        """Put a secret there without a call, in a state that stays; return its id.

        `facts` are fields of the API: compartmentId, vaultId, keyId, metadata, secretRules,
        isReplica, rotationConfig, isAutoGenerationEnabled, … A secret in PENDING_DELETION goes on
        to DELETED at `deletion`, 30 days ahead by default.
        """
        with self.lock:
            now = self.clock.now()
            created = now - age
            base = {"secretName": name, "freeformTags": dict(tags or {})}
            secret = self.add({**self._defaults, **base, **facts}, created, (created, state))
            secret.add_version(created, created, value)
            if state == State.PENDING_DELETION:
                secret.schedule(now, deletion or now + DEFAULT_DELETION, Durations())
            return secret.id

    def edit(
        self,
        name: str,
        *,
        value: bytes | None = None,
        state: State | None = None,
        vault_id: str | None = None,
        **facts: Any,
    ) -> None:
        """Change a secret by hand, as somebody else would: no rule applies, no call is logged."""
        with self.lock:
            now, secret = self.clock.now(), self.get(name, vault_id)
            if value is not None:
                secret.add_version(now, now, value)
            if state is not None:
                secret.states.change((now, state))
            secret.change(now, **facts)
            self.touch(secret)

    def get(self, name: str, vault_id: str | None = None) -> Secret:
        """Return the secret that holds a name; KeyError where nobody does."""
        secret = self.holder(vault_id or self._defaults["vaultId"], name)
        if secret is None:
            raise KeyError(name)
        return secret

    def live(self, vault_id: str | None = None) -> dict[str, bytes]:
        """Return name and newest content of the secrets that are not on their way out."""
        with self.lock:
            now = self.clock.now()
            return {
                secret.name: secret.newest()
                for secret in self._in(vault_id)
                if secret.state(now) not in GOING
            }

    def states(self, vault_id: str | None = None) -> dict[str, State]:
        """Return name and state of all secrets that are not DELETED."""
        with self.lock:
            now = self.clock.now()
            states = {secret.name: secret.state(now) for secret in self._in(vault_id)}
            return {name: state for name, state in states.items() if state != State.DELETED}

    def tags(self, name: str, vault_id: str | None = None) -> dict[str, str]:
        """Return the free-form tags of a secret."""
        with self.lock:
            return dict(self.get(name, vault_id).fact(self.clock.now()).get("freeformTags") or {})

    def _in(self, vault_id: str | None) -> list[Secret]:
        wanted = vault_id or self._defaults["vaultId"]
        return [secret for secret in self.secrets.values() if secret.vault_id == wanted]

    def name_of(self, secret_id: str) -> str:
        """Return a secret's name, or what was given where it is no secret's id."""
        secret = self.secrets.get(secret_id)
        return secret.name if secret else secret_id

    def holder(self, vault_id: str, name: str) -> Secret | None:
        """Return the secret that holds a name: the last one that is not DELETED."""
        now = self.clock.now()
        holders = [s for s in self._by_name[vault_id, name] if s.state(now) != State.DELETED]
        return holders[-1] if holders else None

    def add(self, facts: Json, created: datetime, *states: tuple[datetime, State]) -> Secret:
        """Store a secret without content."""
        number = next(self._numbers)
        region = facts["vaultId"].split(".")[3]
        secret = Secret(
            id=f"ocid1.vaultsecret.oc1.{region}.local{number:06d}",
            name=facts["secretName"],
            vault_id=facts["vaultId"],
            facts=Timeline((created, {**facts, "timeCreated": wire_time(created)})),
            states=Timeline(*states),
            current=Timeline(),
            versions={},
            created=created,
        )
        self.touch(secret)
        self.secrets[secret.id] = secret
        self._by_name[facts["vaultId"], secret.name].append(secret)
        return secret

    def touch(self, secret: Secret) -> None:
        """Give a changed secret a new ETag."""
        secret.etag = f"{next(self._numbers):032x}"

    def found(self, secret_id: str) -> Secret:
        """Return a secret or raise 404."""
        if secret_id not in self.secrets:
            raise absent(f"secret {secret_id}")
        return self.secrets[secret_id]

    def locked(self, handler: Handler) -> Handler:
        """Return the handler made to run alone."""

        @wraps(handler)
        def alone(*args: Any, **kwargs: Any) -> Answer:
            with self.lock:
                return handler(*args, **kwargs)

        return alone
