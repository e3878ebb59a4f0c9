"""A sync for tests: its folder in the source, its config and status objects, its vault."""

import json

from functions.plan.sync_config import PREFIX as CONFIGS
from functions.state.memory import Memory
from functions.state.status import Status, parse_status
from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, KEY_ID, REGION, VAULT_ID

PROJECT = "3c4b6d1e-0000-4000-8000-000000000001"


def destination(**changes):
    """Return a destinationConfig."""
    whole = {"compartmentOcid": COMPARTMENT_ID, "vaultOcid": VAULT_ID, "keyOcid": KEY_ID}
    return whole | changes


def sync_config(name, project, environment, folder, destination, *, options=None, **fields):
    """Return the least config of a sync, with more syncOptions and more or other fields."""
    return {
        "name": name,
        "projectId": project,
        "environment": environment,
        "secretPath": folder,
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", **(options or {})},
        "destinationConfig": destination,
        **fields,
    }


class ExampleSync:
    """One sync: its folder in the source, its config and status objects, its vault."""

    def __init__(self, world, name, *, vault=None, folder=None, values=None, **fields):
        self.world = world
        self.name = name
        self.folder = folder or f"/{name}"
        self.vault_id = vault or f"ocid1.vault.oc1.{REGION}.local.{name}"
        key_id = self.vault_id.replace("ocid1.vault", "ocid1.key")
        world.cloud.kms.add_vault(self.vault_id, COMPARTMENT_ID)
        world.cloud.kms.add_key(key_id, self.vault_id)
        world.source.add_folder("dev", self.folder)
        self.object = f"{CONFIGS}{PROJECT}/{name}.json"
        self.status_object = f"status/{PROJECT}/{name}.json"
        self.memory_object = f"memory/{PROJECT}/{name}.json"
        self.config = sync_config(
            name,
            PROJECT,
            "dev",
            self.folder,
            destination(vaultOcid=self.vault_id, keyOcid=key_id),
            **fields,
        )
        for key, value in (values or {}).items():
            self.set(key, value)
        self.store()

    def store(self, **changes):
        """Write the config object, by hand."""
        self.config |= changes
        self.world.bucket.put(self.object, json.dumps(self.config).encode())

    def set(self, key, value):
        self.world.source.set("dev", self.folder, key, value)

    def delete(self, key):
        self.world.source.delete("dev", self.folder, key)

    def seed(self, name, value=b"old", **how):
        """Put a secret into the vault, by hand."""
        keys = {"vaultId": self.vault_id, "keyId": self.config["destinationConfig"]["keyOcid"]}
        return self.world.cloud.vault.seed(name, value, **keys, **how)

    def edit(self, name, **how):
        """Change a secret of the vault, by hand."""
        self.world.cloud.vault.edit(name, vault_id=self.vault_id, **how)

    @property
    def live(self):
        """The values that the vault holds, as text."""
        held = self.world.cloud.vault.live(self.vault_id)
        return {name: value.decode() for name, value in held.items()}

    @property
    def states(self):
        return self.world.cloud.vault.states(self.vault_id)

    def versions(self, name):
        """The number of versions of a secret of the vault."""
        return len(self.world.cloud.vault.get(name, self.vault_id).versions)

    @property
    def status(self):
        """The status document."""
        stored = self.world.bucket.get(self.status_object)
        return (parse_status(stored) if stored else None) or Status()

    def write_status(self, changes):
        """Change fields of the status, by hand."""
        held = json.loads(self.world.bucket.get(self.status_object))
        self.world.bucket.put(self.status_object, json.dumps(held | changes).encode())

    def forget(self):
        """Take the memory away, as if it had never been written."""
        self.world.cloud.objects.remove(BUCKET, f"{PREFIX}/{self.memory_object}")

    @property
    def memory(self):
        """What later runs know of keys and names."""
        stored = self.world.bucket.get(self.memory_object)
        return Memory.model_validate_json(stored) if stored else Memory()

    def webhook(self, **how):
        return self.world.webhook(self.folder, **how)

    def run(self, **args):
        """Run the sync by command."""
        return self.world.command("sync", self, **args)

    def plan(self):
        return self.world.command("plan", self)["plan"]
