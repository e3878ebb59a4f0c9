"""What edits of a sync left behind, and whether it is known where."""

from functions.plan.models import State
from functions.plan.ownership import OWNER_TAG
from tests.system.simulation.audit import Violation
from tests.system.simulation.claims import place_of
from tests.system.simulation.documents import status_of
from tests.system.simulation.names import in_scope, schema_of


def left_behind(world, sync):
    """Return the secrets that the sync wrote and does not write to any more."""
    now, config = world.scheduler.now(), sync.config
    schema = schema_of(config.sync_options.key_schema, config.environment)
    return [
        secret
        for secret in world.vault.secrets.values()
        if secret.fact(now)["freeformTags"].get(OWNER_TAG) == str(sync.id)
        and secret.state(now) == State.ACTIVE
        and not secret.fact(now).get("isReplica")
        and not (_place(secret, now) == place_of(config) and in_scope(schema, secret.name))
    ]


def judge_leftovers(world, sync):
    """Raise Violation where the status does not tell where the sync wrote before."""
    if sync.object_name in world.auditor.losses:
        return
    now, status = world.scheduler.now(), status_of(world.store, sync.object_name)
    known = {
        (one.destination.vault_ocid, one.destination.compartment_ocid)
        for one in (status.place, *status.former_places)
    }
    lost = [s.name for s in left_behind(world, sync) if _place(s, now) not in known]
    if lost:
        raise Violation(f"nobody knows where the sync left {lost}")


def _place(secret, now):
    return secret.vault_id, secret.fact(now)["compartmentId"]
