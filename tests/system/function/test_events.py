"""Events of OCI: a written config, a vault that somebody wrote to."""

import pytest

from infra.local.oci.cloud import BUCKET
from tests.support.payloads import payload
from tests.support.world import PREFIX
from tests.system.function.test_ticks import messages


@pytest.mark.parametrize("action", ["created", "updated"])
def test_a_config_that_was_written(any_world, action):
    """The event of a written config runs that sync and no other, by whichever API the bucket is read."""
    world = any_world
    sync, other = world.sync(values={"A": "1"}), world.sync(values={"A": "1"})
    world.call(event(action, sync.object))
    assert (sync.live, other.live) == ({"A": "1"}, {})
    assert messages(world)[0]["cause"] == "event"


def event(action, name, bucket=BUCKET):
    """Return the event of an object."""
    about = {"resourceName": f"{PREFIX}/{name}", "additionalDetails": {"bucketName": bucket}}
    return payload(f"object-{action}", {"data": about})


def test_events_of_other_objects(world):
    """A deleted config, a status object, another bucket or an unknown name does nothing."""
    sync = world.sync(values={"A": "1"})
    gone = sync.object.replace("sync-", "gone-")
    for body in (
        event("deleted", sync.object),
        event("created", sync.status_object),
        event("created", sync.object, bucket="another"),
        event("created", gone),
        {"eventType": "com.oraclecloud.objectstorage.createobject"},
        {"eventType": "com.oraclecloud.computeapi.launchinstance", "data": {}},
    ):
        assert world.call(body)["message"].startswith("No sync for")
    assert (sync.live, messages(world)) == ({}, [])


def vault_event(action, vault):
    """Return the event of a vault's secret."""
    return payload(f"vault-secret-{action}", {"data": {"additionalDetails": {"vaultId": vault}}})


def test_write_events_of_a_vault(world):
    """Write events of a vault, however many, cause one verification of its syncs a minute later."""
    sync, other = world.sync(values={"A": "1"}), world.sync(values={"A": "1"})
    world.tick()
    world.age(1000)
    sync.edit("A", value=b"by hand")
    for _ in range(3):
        world.call(vault_event("updated", sync.vault_id))
    assert {message["config"] for message in messages(world)} == {sync.object}
    runs = len(other.status.runs)
    world.tick()
    assert sync.live == {"A": "by hand"}
    world.age(61)
    world.tick()
    assert sync.live == {"A": "1"}
    assert [run.cause for run in sync.status.runs[:2]] == ["vault-event", "tick"]
    assert (len(other.status.runs), messages(world)) == (runs, [])


def test_the_event_of_an_own_write(world):
    """The event of a write that the sync made itself is dropped without a run."""
    sync = world.sync(values={"A": "1"})
    world.call(vault_event("created", sync.vault_id))
    sync.run()
    runs = len(sync.status.runs)
    world.age(61)
    world.command("drain")
    assert (len(sync.status.runs), messages(world)) == (runs, [])


def test_read_events_of_a_vault(world):
    """A read event of a vault does nothing."""
    sync = world.sync()
    world.call(vault_event("read", sync.vault_id))
    world.call(payload("vault-secrets-listed"))
    assert messages(world) == []
