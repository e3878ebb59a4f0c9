"""What version 0.1.0 left behind: its objects, tags, messages and credentials, as that version wrote them."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from functions.credentials import parse_credentials
from functions.jobs.seal import parse_job
from functions.plan.models import State
from infra.local.infisical.server import InfisicalServer
from infra.local.oci.cloud import COMPARTMENT_ID, QUEUE_ID
from tests.support.api import CONNECTIONS, SYNCS
from tests.support.example_sync import PROJECT
from tests.support.world import running_world

RECORDED = Path(__file__).parents[2] / "recordings" / "v0.1.0"
CREDENTIALS = json.loads((RECORDED / "credentials.json").read_text())
MESSAGES = json.loads((RECORDED / "messages.json").read_text())
SECRETS = json.loads((RECORDED / "secrets.json").read_text())
SOURCE = json.loads((RECORDED / "source.json").read_text())
RECORDED_STATES = {
    "by-api": "succeeded",
    "sync-1": "succeeded",
    "sync-2": "succeeded",
    "sync-3": "failed",
    "sync-4": "failed",
    "sync-5": "succeeded",
    "sync-6": "pending",
}
WRITES = ("CreateSecret", "UpdateSecret", "ScheduleSecretDeletion", "CancelSecretDeletion")


def vault_id(sync):
    """Return the vault of a recorded sync."""
    return f"ocid1.vault.oc1.eu-frankfurt-1.local.{sync}"


@pytest.fixture
def world():
    """Everything as 0.1.0 left it."""
    account = {
        "client_id": CREDENTIALS["clientId"],
        "client_secret": CREDENTIALS["clientSecret"],
        "webhook_secret": CREDENTIALS["webhookSecrets"][0],
    }

    def infisical(**options):
        return InfisicalServer(**{**options, **account})

    credentials = {**CREDENTIALS}
    del credentials["apiTokenHashes"]  # nobody knows the token of that hash
    with running_world(credentials=credentials, infisical=infisical) as world:
        for file in (RECORDED / "objects").rglob("*.json"):
            world.bucket.put(str(file.relative_to(RECORDED / "objects")), file.read_bytes())
        for place, values in SOURCE.items():
            environment, _, path = place.partition(":")
            world.source.add_folder(environment, path)
            for key, value in values.items():
                world.source.set(environment, path, key, value)
        world.source.add_import("dev", "/sync-1", "dev", "/shared")
        for row in SECRETS:
            if not row["content"]:
                continue  # the private key of the connection is in no file
            world.cloud.kms.add_vault(row["vaultId"], COMPARTMENT_ID)
            world.cloud.kms.add_key(row["keyId"], row["vaultId"])
            keys = {name: row[name] for name in ("vaultId", "keyId", "tags")}
            state = State.ACTIVE if row["state"] == State.UPDATING else State(row["state"])
            world.cloud.vault.seed(row["name"], b64decode(row["content"]), state=state, **keys)
        world.cloud.reset_calls()
        yield world


def run(world, sync):
    """Run a recorded sync by command."""
    return world.call({"command": "sync", "sync": sync})


def live(world, sync):
    """Return the values of a recorded sync's vault."""
    return world.cloud.vault.live(vault_id(sync))


def test_credentials():
    """The credentials of 0.1.0 are taken as they are."""
    assert parse_credentials(json.dumps(CREDENTIALS).encode()).digest_key


def test_what_it_wrote_is_its_own(world):
    """A run after the upgrade knows the secrets of 0.1.0 by their tags: it writes none of them again."""
    before = live(world, "sync-1")
    assert run(world, "sync-1")["outcome"] == "succeeded"
    assert {operation: world.cloud.count(operation) for operation in WRITES} == dict.fromkeys(
        WRITES, 0
    )
    assert live(world, "sync-1") == before
    assert set(before) == {"pay-PASSWORD", "pay-SHARED", "pay-URL"}


def test_what_it_could_not_import_is_kept(world):
    """A secret that 0.1.0 could not import into the source is not deleted by a later version either."""
    run(world, "sync-2")
    assert "BINARY" in live(world, "sync-2")


def test_what_its_guard_held_is_held(world):
    """A deletion that 0.1.0 held back needs a person's word after the upgrade too."""
    assert run(world, "sync-3")["outcome"] == "failed"
    assert len(live(world, "sync-3")) == 12


def test_what_it_failed_at_fails(world):
    """A name that OCI does not take is named again, and the rest stays in sync."""
    assert "NOT A NAME" in json.dumps(run(world, "sync-4"))
    assert set(live(world, "sync-4")) == {"FINE"}


def test_what_it_switched_off_stays_off(world):
    """A sync without auto-sync is run by no webhook and no tick."""
    world.source.set("dev", "/sync-5", "A", "another")
    world.webhook("/sync-5")
    world.tick()
    assert live(world, "sync-5") == {"A": b"1"}


def test_messages(world):
    """A message that 0.1.0 put on the queue is genuine to a later version, which does its job."""
    assert all(parse_job(message, world.digests, world.clock.now()) for message in MESSAGES)
    mine = [message for message in MESSAGES if '/sync-6.json"' in message]
    world.cloud.queues.put(QUEUE_ID, mine[-1])
    world.tick()
    world.until(lambda: not world.queue.messages)
    assert live(world, "sync-6") == {"A": b"11", "B": b"22"}


def test_the_api_shows_what_it_made(world):
    """Syncs and connections that were made by 0.1.0 are listed."""
    token = {"authorization": f"Bearer {world.stack.api_token}"}
    status, answer = world.post(None, token, path=f"{CONNECTIONS}?method=all", method="GET")
    assert (status, [row["name"] for row in answer["appConnections"]]) == (
        200,
        ["function", "other-tenancy"],
    )
    status, answer = world.post(None, token, path=f"{SYNCS}?projectId={PROJECT}", method="GET")
    states = {row["name"]: row["syncStatus"] for row in answer["secretSyncs"]}
    assert (status, states) == (200, RECORDED_STATES)
