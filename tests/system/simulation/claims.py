"""What people own in the places that a sync is pointed to: worked out apart from the code under test.

At each edit of a config the vault is looked at as it truly is. What an edit brings into the sync's scope is
somebody's until a person lets it go; what an import is due for is theirs until the source has it.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from functions.plan.models import State
from functions.plan.ownership import OWNER_TAG
from functions.plan.scope import NOWHERE
from functions.plan.sync_config import InitialSync
from tests.system.simulation.documents import status_of
from tests.system.simulation.names import in_scope, key_of, schema_of

SEEN_BY_LISTINGS = timedelta(seconds=60)
"""What is younger may be missing in a stale listing."""


def place_of(config):
    """Return the vault and compartment that a config writes to."""
    to = config.destination_config
    return to.vault_ocid, to.compartment_ocid


def covers(permitted, config, name):
    """Say whether a permitted scope has a name of the place that a config writes to."""
    schema = schema_of(permitted.key_schema, permitted.environment)
    return permitted.place == place_of(config) and in_scope(schema, name)


def permitted_scope(status, *, has_tags):
    """Return what a sync may do to what it never wrote; None: what its config says."""
    is_blank = status is None or status.is_blank
    return NOWHERE if is_blank and has_tags else status and status.scope


@dataclass
class Claims:
    """What is others', by the name of a config and the id of a secret, since which edit."""

    vault: object
    store: object
    since: dict = field(default_factory=dict)
    widened: dict = field(default_factory=dict)
    """Whether the scope had the secret's name before, so that only its deletion is new."""
    owed: dict = field(default_factory=dict)
    """The key of what is to be imported."""
    imports: dict = field(default_factory=dict)
    """The last job that imported before the edit."""

    def edited(self, sync, *, is_new):
        """Look at what a config that was just written brings into the scope of its sync."""
        name, config = sync.object_name, sync.config
        status = status_of(self.store, name)
        begins_again = status is not None and status.orphaned_at is not None
        if begins_again or (is_new and status is None):
            self.forget(name)
        permitted = permitted_scope(status, has_tags=self._has_tags(sync))
        permitted = None if begins_again else permitted
        is_elsewhere = permitted is None or (
            permitted != NOWHERE and permitted.place != place_of(config)
        )
        is_import_due = (
            is_elsewhere and config.sync_options.initial_sync_behavior != InitialSync.OVERWRITE
        )
        self.since[name] = int(sync.etag)
        self.imports[name] = status and status.import_.job_id
        is_running = status is not None and status.lease is not None  # it may import as it was
        schema = schema_of(config.sync_options.key_schema, config.environment)
        self.owed[name] = {
            secret.id: key_of(schema, secret.name)
            for secret in self._strangers(sync, schema)
            if is_import_due and not is_running
        }
        if permitted is not None and not is_import_due:
            self._widen(sync, permitted, self._strangers(sync, schema))

    def _widen(self, sync, permitted, strangers):
        widened = self.widened.setdefault(sync.object_name, {})
        may_go = permitted.is_deleting or sync.config.sync_options.disable_secret_deletion
        for secret in strangers:
            is_known = covers(permitted, sync.config, secret.name)
            if not (is_known and may_go):
                widened[secret.id] = widened.get(secret.id, True) and is_known

    def _strangers(self, sync, schema):
        now, place = self.vault.clock.now(), place_of(sync.config)
        earlier = now - SEEN_BY_LISTINGS
        return [
            secret
            for secret in self.vault.secrets.values()
            if secret.created <= earlier
            and secret.state(now) == secret.state(earlier) == State.ACTIVE
            and (secret.vault_id, secret.fact(now)["compartmentId"]) == place
            and in_scope(schema, secret.name)
            and OWNER_TAG not in secret.fact(now)["freeformTags"]
            and not secret.fact(now).get("isReplica")
        ]

    def _has_tags(self, sync):
        now, owner = self.vault.clock.now(), str(sync.id)
        return any(
            secret.fact(now)["freeformTags"].get(OWNER_TAG) == owner
            and (secret.vault_id, secret.fact(now)["compartmentId"]) == place_of(sync.config)
            for secret in self.vault.secrets.values()
        )

    def saw(self, config, keys):
        """Note which keys the source has: what it holds itself, no import is to bring."""
        owed = self.owed.get(config, {})
        self.owed[config] = {i: key for i, key in owed.items() if key not in keys}

    def forget(self, config):
        """Note that somebody let all of it go, or that the sync is a new one."""
        self.widened.pop(config, None)
        self.owed.pop(config, None)

    def touched(self, secret_id):
        """Leave out what somebody changes by hand."""
        for held in (*self.widened.values(), *self.owed.values()):
            held.pop(secret_id, None)

    def is_new(self, view, operation, secret, status):
        """Say whether a change follows only from an edit that brought somebody's secret into the scope."""
        if self._was_imported_since(view.sync.object_name, status) and covers(
            status.scope, view.sync.config, secret.name
        ):
            return False  # a job looked at all that is there, and somebody asked for it
        is_known = self.widened.get(view.sync.object_name, {}).get(secret.id)
        imports = view.options.initial_sync_behavior != InitialSync.OVERWRITE
        is_held = operation == "schedule_deletion" or (
            operation in ("update", "promote") and imports and is_known is False
        )
        return is_known is not None and is_held and self._follows(view)

    def is_owed(self, view, operation, secret):
        """Say whether a secret would go that an import is to bring into the source."""
        owed = self.owed.get(view.sync.object_name, ())
        return operation == "schedule_deletion" and secret.id in owed and self._follows(view)

    def imported(self, view, keys):
        """Note what an import brings; one that follows an older config is as good as the one that is due."""
        self.saw(view.sync.object_name, keys)
        if not self._follows(view):
            self.owed.pop(view.sync.object_name, None)

    def still_owed(self, sync, status):
        """Return what no import saw to, though one was due."""
        now, owed = self.vault.clock.now(), self.owed.get(sync.object_name, ())
        if self._was_imported_since(sync.object_name, status) or status.scope == NOWHERE:
            return []
        secrets = [self.vault.secrets[secret_id] for secret_id in owed]
        return [secret for secret in secrets if secret.state(now) == State.ACTIVE]

    def _was_imported_since(self, config, status):
        known = config in self.imports and status is not None
        return known and status.import_.job_id != self.imports[config]

    def _follows(self, view):
        return int(view.sync.etag) >= self.since.get(view.sync.object_name, 0)
