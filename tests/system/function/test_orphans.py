"""What is left of a sync whose config is gone: finished, kept a day, and never mistaken for the sync itself."""

import pytest

from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET
from tests.support.example_sync import PROJECT

IMPORT_FIRST = {"initialSyncBehavior": "import-prioritize-destination"}
DAY_SECONDS = 24 * 3600


def take_away(world, name):
    """Delete an object by hand."""
    world.cloud.objects.remove(BUCKET, f"{PREFIX}/{name}")


def left(world, sync):
    """Return the kinds of objects that are left of a sync."""
    names = world.cloud.objects.names(BUCKET, f"{PREFIX}/")
    paths = [name.removeprefix(f"{PREFIX}/").removesuffix(".json").split("/") for name in names]
    return {path[0] for path in paths if path[-1] == sync.name}


@pytest.fixture
def orphan(world):
    """A sync that ran, and whose config was deleted by hand."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.tick()
    take_away(world, sync.object)
    return sync


def test_an_orphan_is_swept_a_day_later(world, orphan):
    """A status without config is marked by a tick, kept for 24 hours, and then deleted with the rest."""
    world.tick()
    marked = orphan.status.orphaned_at
    assert marked
    world.tick()
    assert (left(world, orphan), orphan.status.orphaned_at) == (
        {"status", "memory", "verified"},
        marked,
    )
    world.age(DAY_SECONDS - 60)
    world.tick()
    assert "status" in left(world, orphan)
    world.age(60)
    world.tick()
    assert left(world, orphan) == set()
    assert orphan.live == {"A": "1"}, "the secrets stay"


def test_the_claim_lasts_as_long_as_the_status(world, orphan):
    """Another sync may take the secrets over once the status is gone, and not before."""
    other = world.sync(values={"A": "other"}, vault=orphan.vault_id)
    world.tick()
    other.run()
    assert other.live == {"A": "1"}
    assert "it belongs to the sync" in other.status.sync.message
    world.age(DAY_SECONDS)
    world.tick()
    other.run()
    assert other.live == {"A": "other"}


def test_a_leased_orphan_is_left_alone(world, orphan):
    """A status that somebody works on is not deleted, however long its config is away."""
    world.tick()
    world.age(DAY_SECONDS)
    text = world.bucket.get(orphan.status_object).decode()
    lease = f'"lease":{{"run":"x","expiresAt":"{world.soon(60)}"}},'
    world.bucket.put(orphan.status_object, ("{" + lease + text[1:]).encode())
    world.tick()
    assert "status" in left(world, orphan)


def test_objects_that_come_back_in_any_order(world, orphan):
    """A config that is back within the day, as after a restore that took its time, goes on as it was."""
    world.tick()
    world.age(DAY_SECONDS // 2)
    orphan.store()
    orphan.set("A", "2")
    assert orphan.run()["outcome"] == "succeeded"
    assert (orphan.live, orphan.status.orphaned_at) == ({"A": "2"}, None)
    world.age(DAY_SECONDS)
    world.tick()
    assert "status" in left(world, orphan)


def test_a_config_that_comes_back_imports_first(world):
    """A config made again under a marked status is a new sync: what people put there meanwhile is imported."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.run()
    take_away(world, sync.object)
    world.tick()
    sync.seed("THEIRS", b"theirs")
    sync.set("A", "2")
    sync.store()
    plan = sync.plan()
    assert [step["action"] for step in plan["changes"] if step["name"] == "THEIRS"] == ["tag"]
    assert any("takes 1 secret of the vault into the source: THEIRS" in w for w in plan["warnings"])
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "2", "THEIRS": "theirs"}
    folder = world.source.folders["dev", sync.folder]
    assert {row.key: row.value for row in folder.secrets} == {"A": "2", "THEIRS": "theirs"}


def test_a_config_that_comes_back_elsewhere(world, orphan):
    """What a config that comes back with another vault left in the former one is named and cleaned up."""
    world.tick()
    former, other = orphan.vault_id, world.sync()
    orphan.vault_id = other.vault_id
    orphan.store(destinationConfig=other.config["destinationConfig"])
    orphan.run()
    assert f"left behind by an edit in {former}" in orphan.status.sync.message
    world.command("cleanup", orphan)
    assert world.cloud.vault.states(former) == {"A": "PENDING_DELETION"}


def test_a_status_of_a_living_sync_is_never_marked(world):
    """Ticks leave statuses alone that have a config, be it a broken one."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.bucket.put(sync.object, b"{broken")
    world.tick()
    assert sync.status.orphaned_at is None


def test_an_edit_after_a_removal_is_a_wish_to_sync(world):
    """After a manual removal ticks leave a sync alone, until somebody edits its config."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.command("remove", sync)
    world.age(DAY_SECONDS)
    world.tick()
    assert sync.live == {}
    sync.store(description="I want it back")
    world.tick()
    assert sync.live == {"A": "1"}
    world.command("remove", sync)
    world.age(DAY_SECONDS)
    world.tick()
    assert sync.live == {}, "a later removal rests again"


def test_a_config_event_after_a_removal(world):
    """An edit whose event arrives syncs at once."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.command("remove", sync)
    sync.store(description="I want it back")
    world.config_event(f"secret-syncs/{PROJECT}/{sync.name}.json")
    assert sync.live == {"A": "1"}
