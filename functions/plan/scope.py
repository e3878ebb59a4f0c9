"""The permitted scope: what a sync may do to secrets that it never wrote.

An edit of the destination, of the key schema or of `disableSecretDeletion` may bring secrets of other
people into a sync's scope. What is new there is held until a person forces the plan. Pure.
"""

from uuid import UUID

from pydantic import ConfigDict

from functions.plan.bundle import KeyBundle
from functions.plan.models import Action, Change
from functions.plan.naming import KeySchema
from functions.plan.sync_config import Camel, InitialSync, SyncConfig

MAY_NOT_DELETE = (
    "this sync never wrote it, and may delete it only since its config was edited; force the plan if "
    "that is meant"
)
MAY_NOT_UPDATE = (
    "this sync never wrote it, and it may hold what the source lacks: import it, or force the plan"
)


class Scope(Camel):
    """Where a sync may act, on which names, and whether it may delete. As it is by default: nowhere."""

    model_config = ConfigDict(extra="ignore")

    connection_id: UUID | None = None
    vault_ocid: str = ""
    compartment_ocid: str = ""
    key_schema: str | None = None
    environment: str = ""
    bundle: str | None = None
    """Its name, which counts in place of the key schema."""
    is_deleting: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """The vault and compartment."""
        return self.vault_ocid, self.compartment_ocid

    def covers(self, other: "Scope", name: str) -> bool:
        """Say whether a name that `other` acts on was in this scope already."""
        is_same = (self.place, self.connection_id) == (other.place, other.connection_id)
        bundle = KeyBundle(self.bundle) if self.bundle else None
        return is_same and KeySchema(self.key_schema, self.environment, bundle).matches(name)


NOWHERE = Scope()


def scope_of(config: SyncConfig) -> Scope:
    """Return the scope that a config asks for."""
    to, options = config.destination_config, config.sync_options
    return Scope(
        connection_id=config.connection_id,
        vault_ocid=to.vault_ocid,
        compartment_ocid=to.compartment_ocid,
        key_schema=options.key_schema,
        environment=config.environment,
        bundle=options.bundle and options.bundle.name,
        is_deleting=not options.disable_secret_deletion,
    )


def is_new(name: str, permitted: Scope, config: SyncConfig, *, is_known: bool) -> bool:
    """Say whether a secret that this sync never wrote would be within its reach since an edit only.

    `is_known`: it held what the source said.
    """
    wider = scope_of(config)
    action = Action.DELETE if wider.is_deleting else Action.UPDATE
    is_settled = is_known and permitted.covers(wider, name)
    return not is_settled and why_held(Change(action, name), permitted, config) is not None


def why_held(change: Change, permitted: Scope, config: SyncConfig) -> str | None:
    """Say why a change of a secret that this sync never wrote is held; None where it is permitted."""
    is_known = permitted.covers(scope_of(config), change.name)
    if change.action == Action.DELETE and not (is_known and permitted.is_deleting):
        return MAY_NOT_DELETE
    imports = config.sync_options.initial_sync_behavior != InitialSync.OVERWRITE
    if change.action == Action.UPDATE and not is_known and (imports or permitted == NOWHERE):
        return MAY_NOT_UPDATE
    return None
