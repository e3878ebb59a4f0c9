"""A stack in which the function may do just what the deployment's policies let it do."""

import json
import re
from contextlib import contextmanager
from itertools import count
from tempfile import TemporaryDirectory
from typing import NamedTuple

from infra.local.buckets import PREFIX
from infra.local.oci.cloud import (
    BUCKET,
    COMPARTMENT_ID,
    FUNCTION_ID,
    KEY_ID,
    QUEUE_ID,
    TENANCY_ID,
    TOPIC_ID,
    VAULT_ID,
)
from infra.local.oci.iam import Iam
from infra.local.services import CREDENTIALS_NAME
from tests.deploy.terraform.engine import policy_statements
from tests.support.world import running_world

SECRETS = "ocid1.compartment.oc1..secrets"
VAULTS = "ocid1.compartment.oc1..vaults"
DESTINATION = {"compartmentOcid": SECRETS, "vaultOcid": VAULT_ID, "keyOcid": KEY_ID}
GIVEN = {
    "oci_queue_queue": {"id": QUEUE_ID},
    "oci_functions_function": {"id": FUNCTION_ID},
    "oci_ons_notification_topic": {"topic_id": TOPIC_ID, "id": TOPIC_ID},
}
_numbers = count(1)


def deployed(form):
    """The texts of all policy statements by name, as Terraform makes them for the simulated cloud."""
    statements = policy_statements(
        GIVEN,
        name="simulated",
        policy_form=form,
        tenancy_ocid=TENANCY_ID,
        compartment_ocid=COMPARTMENT_ID,
        secrets_compartment_ocid=SECRETS,
        vault_compartment_ocid=VAULTS,
        vault_ocid=VAULT_ID,
        key_ocid=KEY_ID,
    )
    return {
        name: [text.replace("'simulated-config'", f"'{BUCKET}'") for text in texts]
        for name, texts in statements.items()
    }


def function_iam(statements):
    """What these statements, by name, let the function do."""
    texts = "\n".join(text for several in statements.values() for text in several)
    (group,) = set(re.findall(r"Allow (dynamic-group id \S+)", texts))
    principal = {"request.principal.type": "fnfunc", "request.principal.id": FUNCTION_ID}
    return Iam.of(statements, subjects=["any-user", group], principal=principal)


@contextmanager
def policy_world():
    """A stack whose secrets, and whose vault and key, are in compartments of their own."""
    with running_world() as world, TemporaryDirectory() as world.keys:
        world.cloud.objects.on_write = None
        world.cloud.identity.compartments |= {SECRETS: "secrets", VAULTS: "vaults"}
        place_vault(world)
        world.tick()  # from here on there is a warm container, which knows its credentials
        yield world


def place_vault(world):
    """Put vault and key into the compartment that the policies are about."""
    world.cloud.kms.add_vault(VAULT_ID, VAULTS)
    world.cloud.kms.add_key(KEY_ID, VAULT_ID)


def clear(world):
    """Take away what was left behind: syncs, connections, secrets, policies, log."""
    world.cloud.iam = None
    world.reset()
    for name in world.cloud.objects.names(BUCKET, f"{PREFIX}/"):
        world.cloud.objects.remove(BUCKET, name)
    vault = world.cloud.vault
    for secret in list(vault.secrets.values()):
        if secret.name != CREDENTIALS_NAME:
            del vault.secrets[secret.id], vault._by_name[secret.vault_id, secret.name]
    world.log.clear()


class Told(NamedTuple):
    """Whether something worked, and what was answered."""

    worked: bool
    text: str = ""


def a_sync(world, values=None, **options):
    """A sync to the vault of the policies, with names of its own there."""
    prefix = f"S{next(_numbers)}_"
    sync = world.sync(
        vault=VAULT_ID,
        values=values,
        options={"keySchema": f"{prefix}{{{{secretKey}}}}", **options},
        destinationConfig=DESTINATION,
    )
    sync.prefix = prefix
    place_vault(world)
    return sync


def holds(sync, **values):
    """Say whether the vault has these values of a sync, and no other."""
    mine = {name: value for name, value in sync.live.items() if name.startswith(sync.prefix)}
    return mine == {f"{sync.prefix}{key}": value for key, value in values.items()}


def command(world, name, sync, **rest):
    """Give a command; return the answer as text, whatever it is."""
    return world.invoke({"command": name, "sync": sync.name, **rest}).body.decode()


def api(world, method, path, body=None):
    """Call the management API; return whether it worked, and the answer."""
    headers = {
        "authorization": f"Bearer {world.stack.api_token}",
        "content-type": "application/json",
    }
    raw = json.dumps(body) if body else None
    status, answer = world.post(raw, headers, path=path, method=method)
    return Told(status == 200, json.dumps(answer))
