"""Calls that are not needed are not made."""

from collections import Counter

from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from infra.local.oci.traffic import Fault

LONG_AGO_SECONDS = 1000
VAULT_READS = ("GetSecret", "GetSecretBundle", "GetSecretBundleByName")


def reads(world):
    """Return how often single secrets were read."""
    counted = Counter(world.operations())
    return {name: counted[name] for name in VAULT_READS if counted[name]}


def test_a_change_is_written_without_reading(world):
    """This sync's own tag tells that a value differs: no content is read to update it."""
    sync = world.sync(values={"A": "1", "B": "1", "C": "1"})
    sync.run()
    world.age(LONG_AGO_SECONDS)
    sync.set("A", "2")
    sync.set("B", "2")
    world.cloud.reset_calls()
    assert sync.webhook()[0] == 200
    assert sync.live == {"A": "2", "B": "2", "C": "1"}
    assert reads(world) == {}


def test_content_is_read_where_no_tag_tells(world):
    """A missing tag, another sync's and one of another key tell nothing: the content is compared."""
    sync = world.sync(values={"A": "1", "B": "1", "C": "1", "D": "1"})
    sync.run()
    world.age(LONG_AGO_SECONDS)
    mine = world.cloud.vault.get("A", sync.vault_id).fact(world.clock.now())["freeformTags"]
    edits = {
        "A": {},
        "B": {**mine, OWNER_TAG: "1c0f8f6e-0000-4000-8000-00000000dead"},
        "C": {**mine, DIGEST_TAG: "0" * 8 + ":" + "0" * 64},
    }
    for name, tags in edits.items():
        sync.edit(name, freeformTags=tags)
    world.cloud.reset_calls()
    assert sync.webhook()[0] == 200
    assert reads(world) == {"GetSecretBundle": 3}
    assert {sync.versions(name) for name in "ABCD"} == {1}


def test_what_another_key_wrote_and_nobody_can_read_is_written_once(world):
    """After the digest key was rotated, an own secret whose content cannot be read is written once more."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.age(LONG_AGO_SECONDS)
    mine = world.cloud.vault.get("A", sync.vault_id).fact(world.clock.now())["freeformTags"]
    sync.edit("A", freeformTags={**mine, DIGEST_TAG: "0" * 8 + ":" + "0" * 64})
    world.cloud.faults.append(Fault("GetSecretBundle", 404, "NotAuthorizedOrNotFound"))
    for _ in range(2):
        world.age(LONG_AGO_SECONDS)
        assert sync.webhook()[0] == 200
    assert sync.versions("A") == 2
