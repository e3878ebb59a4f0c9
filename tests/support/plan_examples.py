"""Examples and a small vault for the tests of the core."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import SecretBytes, SecretStr

from functions.plan.desired import desired_from
from functions.plan.models import (
    Action,
    Bundle,
    Change,
    Origin,
    SourceSecret,
    SourceSecrets,
    State,
    VaultSecret,
)
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG, Digests
from functions.plan.sync_config import Sync, parse_sync
from functions.plan.table import Planner

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STORE = "oci://bucket@namespace/prefix"
OBJECT = "secret-syncs/project-1/api.json"
VAULT = "ocid1.vault.oc1.iad.b.c"
DIGESTS = Digests(SecretBytes(b"k" * 32))
OTHER_SYNC = "00000000-0000-4000-8000-00000000cafe"
GONE_SYNC = "00000000-0000-4000-8000-00000000dead"
PROTECTED_ID = "id-of-the-credentials"


def body(**changes):
    """Return the least config there is, with top-level fields changed; None drops one."""
    config = {
        "name": "api",
        "projectId": "project-1",
        "environment": "prod",
        "secretPath": "/api",
        "syncOptions": {"initialSyncBehavior": "overwrite-destination"},
        "destinationConfig": {
            "compartmentOcid": "ocid1.compartment.oc1..aaaa",
            "vaultOcid": VAULT,
            "keyOcid": "ocid1.key.oc1.iad.b.d",
        },
    }
    return {name: value for name, value in (config | changes).items() if value is not None}


def sync(**options) -> Sync:
    """Return a sync with these syncOptions."""
    config = body(syncOptions={"initialSyncBehavior": "overwrite-destination"} | options)
    return parse_sync(STORE, OBJECT, "etag-1", json.dumps(config).encode())


OWN_SYNC = str(sync().id)


def planner(*, protected=(PROTECTED_ID,), **options) -> Planner:
    """Return the planner of a sync with these options, beside one other living sync."""
    return Planner(sync(**options), DIGESTS, protected, [OTHER_SYNC, OWN_SYNC])


def tags(name, value, owner=OWN_SYNC):
    """Return the tags that `owner` gives a secret of this name and value."""
    return {OWNER_TAG: owner, DIGEST_TAG: DIGESTS.of(VAULT, name, SecretBytes(value.encode()))}


def secret(name, state=State.ACTIVE, **fields) -> VaultSecret:
    """Return a vault secret as a listing shows it."""
    return VaultSecret(**{"id": f"id-of-{name}", "name": name, "state": state} | fields)


def source(values=None, *, errors=None, origins=None) -> SourceSecrets:
    """Return a source folder; `origins` says which keys come through what."""
    origins = origins or {}
    secrets = (
        SourceSecret(key, SecretStr(value), origins.get(key))
        for key, value in (values or {}).items()
    )
    return SourceSecrets(tuple(secrets), errors or {}, frozenset(origins.values()))


def bundles(**values):
    """Return contents by vault name."""
    return {name: Bundle(SecretBytes(value.encode()), 1) for name, value in values.items()}


def plan(values, listing, contents=None, *, errors=None, written_by_this_run=(), **options):
    """Plan source values against a listing and what was read of it."""
    this = planner(**options)
    desired = desired_from(source(values, errors=errors), this.schema)
    return this.plan(desired, listing, bundles(**(contents or {})), written_by_this_run)


def steps(made):
    """Return the changes as `action name`."""
    return [f"{change.action} {change.name}" for change in made.changes]


IMPORT = Origin("import", "prod", "/shared")

SETTLED = {
    State.CREATING: State.ACTIVE,
    State.UPDATING: State.ACTIVE,
    State.CANCELLING_DELETION: State.ACTIVE,
    State.SCHEDULING_DELETION: State.PENDING_DELETION,
    State.DELETING: State.DELETED,
}


class Vault:
    """A vault in memory: secrets with their contents, one live secret a name."""

    def __init__(self, held):
        self._held = [(secret, value) for secret, value in held]

    def listing(self):
        """Return what a listing shows."""
        return [secret for secret, _ in self._held]

    def contents(self):
        """Return the value of each secret that is ACTIVE, by name."""
        return {held.name: value for held, value in self._held if held.state == State.ACTIVE}

    def read(self, secrets):
        """Return the contents of these secrets, by name."""
        values = {held.id: value for held, value in self._held}
        return {one.name: Bundle(SecretBytes(values[one.id]), 1) for one in secrets}

    def settle(self):
        """Let every transition come to its end."""
        self._held = [
            (replace(held, state=SETTLED.get(held.state, held.state)), value)
            for held, value in self._held
        ]

    def make(self, change: Change, new_tags):
        """Carry out one change, as OCI would: refuses what the secret's state forbids."""
        if change.action == Action.CREATE:
            live = [held.name for held, _ in self._held if held.state != State.DELETED]
            assert change.name not in live
            made = secret(change.name, State.CREATING, id=f"new-{change.name}", tags=new_tags)
            self._held.append((made, change.value.get_secret_value()))
            return
        place = next(n for n, (held, _) in enumerate(self._held) if held.id == change.secret.id)
        held, value = self._held[place]
        merged = {**held.tags, **new_tags}
        before, after = {
            Action.UPDATE: (State.ACTIVE, replace(held, state=State.UPDATING, tags=merged)),
            Action.TAG: (State.ACTIVE, replace(held, tags=merged)),
            Action.RESTORE: (
                State.PENDING_DELETION,
                replace(held, state=State.CANCELLING_DELETION),
            ),
            Action.DELETE: (State.ACTIVE, replace(held, state=State.SCHEDULING_DELETION)),
        }[change.action]
        assert held.state == before
        if change.action == Action.UPDATE:
            value = change.value.get_secret_value()
        self._held[place] = (after, value)
