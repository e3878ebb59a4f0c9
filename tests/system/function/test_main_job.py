"""The main job: a changed folder reaches OCI Vault."""

import json
from pathlib import Path

from oci.object_storage import ObjectStorageClient

from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET, NAMESPACE, QUEUE_ID
from infra.local.principal import write_config_file
from tests.support.local_oci import client, signing
from tests.support.world import function


def test_a_webhook_brings_the_vault_in_step(any_world):
    """A signed webhook creates, updates and deletes in the vault what the folder says."""
    sync = any_world.sync(values={"A": "1", "B": "two\nlines\n", "EMPTY": ""})
    sync.seed("OLD")
    sync.seed("A", b"0")
    status, body = sync.webhook()
    assert status == 200
    assert [job["outcome"] for job in body["jobs"]] == ["succeeded"]
    assert sync.live == {"A": "1", "B": "two\nlines\n"}
    assert sync.states["OLD"] == "PENDING_DELETION"
    assert sync.status.sync.status == "succeeded"
    assert "EMPTY: not written, as its value in the source is empty" in sync.status.sync.message


def test_the_source_itself_sets_it_off(any_world):
    """A change in the source arrives in the vault by the source's own webhook."""
    sync = any_world.sync(values={"A": "1"})
    webhooks = any_world.infisical.webhooks
    webhooks.delay_seconds = 0.01
    webhooks.url = f"{any_world.stack.gateway.url}/webhooks/infisical"
    try:
        sync.set("A", "2")
        any_world.until(lambda: sync.live == {"A": "2"})
        any_world.until(lambda: not webhooks._timers)
    finally:
        webhooks.url = None


def test_imports_and_references(any_world):
    """Imported keys come with the folder, own keys win, references are expanded."""
    any_world.source.set("dev", "/shared", "HOST", "db")
    any_world.source.set("dev", "/shared", "A", "theirs")
    sync = any_world.sync(values={"A": "mine", "URL": "pg://${dev.shared.HOST}/x"})
    any_world.source.add_import("dev", sync.folder, "dev", "/shared")
    sync.run()
    assert sync.live == {"A": "mine", "HOST": "db", "URL": "pg://db/x"}


def test_the_key_schema(world):
    """A key schema names the secrets in the vault and leaves all other names alone."""
    sync = world.sync(values={"A": "1"}, options={"keySchema": "{{environment}}_{{secretKey}}"})
    sync.seed("prod_A")
    sync.seed("dev_OLD")
    sync.run()
    assert sync.live == {"dev_A": "1", "prod_A": "old"}


def test_sub_folders(world):
    """A sync that includes sub-folders follows a change in one of them."""
    sync = world.sync(values={"A": "1"}, options={"includeAllSubFolders": True})
    world.source.set("dev", f"{sync.folder}/deep/er", "B", "2")
    status, body = world.webhook(f"{sync.folder}/deep/er")
    assert (status, len(body["jobs"])) == (200, 1)
    assert sync.live == {"A": "1", "B": "2"}


def test_the_other_header_works_too(world):
    """A webhook signed in the header of Hanzo KMS is accepted."""
    sync = world.sync(values={"A": "1"})
    assert sync.webhook(header="x-kms-signature")[0] == 200
    assert sync.live == {"A": "1"}


def test_the_test_event(world):
    """The test event of a webhook is answered with 200 and does nothing."""
    sync = world.sync(values={"A": "1"})
    assert sync.webhook(event="test") == (200, {"message": "The webhook works."})
    assert sync.live == {}
    assert world.cloud.queues.contents(QUEUE_ID) == []


def test_the_same_delivery_twice(world):
    """The same delivery twice is answered 200 both times and has one effect."""
    sync = world.sync(values={"A": "1"})
    delivery = world.event(sync.folder)
    assert world.post(*delivery)[0] == 200
    world.age(5)
    assert world.post(*delivery)[0] == 200
    assert (sync.live, sync.versions("A")) == ({"A": "1"}, 1)
    assert world.cloud.count("CreateSecret") == 1
    assert world.cloud.count("UpdateSecret") == 0


def test_first_the_queue_then_the_work(world):
    """The job is on the queue before the vault is touched; the message stays for the next tick."""
    sync = world.sync(values={"A": "1"})
    sync.webhook()
    names = world.operations()
    assert names.index("PutMessages") < names.index("ListSecrets")
    (message,) = map(json.loads, world.cloud.queues.contents(QUEUE_ID))
    assert (message["config"], message["kind"], message["cause"]) == (
        sync.object,
        "sync",
        "webhook",
    )
    assert message["jobId"] == sync.status.sync.job_id


def test_a_tick_makes_sure_of_a_burst_once(world):
    """A tick looks once more when the source had time to settle, and then drops the messages."""
    sync = world.sync(values={"A": "1"})
    sync.webhook()
    world.tick()
    assert len(world.cloud.queues.contents(QUEUE_ID)) == 1
    sync.set("A", "lost event")
    world.age(20)
    world.tick()
    assert sync.live == {"A": "lost event"}
    assert world.cloud.queues.contents(QUEUE_ID) == []


def test_a_disabled_sync_is_left_alone(world):
    """A webhook does not run a sync whose auto-sync is off."""
    sync = world.sync(values={"A": "1"}, isAutoSyncEnabled=False)
    assert sync.webhook()[1] == {"message": f"No sync for dev:{sync.folder}."}
    assert sync.live == {}
    sync.run()
    assert sync.live == {"A": "1"}


def test_an_unchanged_value_makes_no_version(world):
    """Running again changes nothing in the vault."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    world.operations()
    for _ in range(2):
        sync.run()
    assert not {"CreateSecret", "UpdateSecret"} & set(world.operations())
    assert sync.versions("A") == 1


def test_all_pages(world):
    """A vault whose list has many pages is read to its end."""
    world.cloud.page_size = 7
    sync = world.sync(values={f"K{n}": str(n) for n in range(30)})
    sync.run()
    assert sync.run()["run"]["counts"]["unchanged"] == 30
    assert world.cloud.count("CreateSecret") == 30


def test_a_config_that_is_put_with_the_real_client(world):
    """A config written into the bucket by OCI's own client runs at once, by the event of the write."""
    sync = world.sync(values={"A": "1"})
    world.cloud.trust(signing()[1])
    storage = client(ObjectStorageClient, world.cloud)
    body = json.dumps(sync.config).encode()
    storage.put_object(NAMESPACE, BUCKET, f"{PREFIX}/{sync.object}", body)
    world.until(lambda: sync.status.sync.status == "succeeded")
    assert sync.live == {"A": "1"}


def test_on_the_machine_of_a_person(world, tmp_path):
    """With an OCI config file and a credentials file the function works without a resource principal."""
    sync = world.sync(values={"A": "1"})
    env = world.env
    key_directory = Path(env["OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM"]).parent
    secret = world.cloud.vault.secrets[env["CREDENTIALS_SECRET_OCID"]]
    (tmp_path / "credentials.json").write_bytes(secret.newest())
    changes = {name: None for name in env if name.startswith("OCI_RESOURCE_PRINCIPAL")}
    changes["CREDENTIALS_SECRET_OCID"] = None
    changes["CREDENTIALS_FILE"] = str(tmp_path / "credentials.json")
    changes["OCI_AUTH"] = "config_file"
    changes["OCI_CONFIG_FILE"] = str(write_config_file(key_directory))
    with function(world, **changes) as host:
        reply = host.call(json.dumps({"command": "sync", "sync": sync.name}).encode())
    assert reply.status == 200, reply.body
    assert sync.live == {"A": "1"}
