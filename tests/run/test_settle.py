"""Waiting for the vault before anything is planned, in virtual time."""

from functions.errors import ContentRefused, Refused, Temporary, WrongState
from functions.plan.models import State
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from functions.run.context import LOOKS_AFTER_RESTORE
from functions.state.lease import LEASE_SECONDS
from functions.triggers.command import Command
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import FOLDER, held, status, ticks, world_of_one_sync
from tests.support.plan_examples import GONE_SYNC

SYNC = Command(command="sync", sync="a")


def restored(monkeypatch, late_looks):
    """Restore a secret whose content is handed out only after so many looks; return the world and the looks."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    world.vault.durations = type(world.vault.durations)()
    world.vault.seed("A", b"old", state=State.PENDING_DELETION)
    read, looks = MemoryVault.read, []

    def late(vault, secret_id):
        looks.append(secret_id)
        if len(looks) <= late_looks:
            raise ContentRefused(f"secret {secret_id}: not yet")
        return read(vault, secret_id)

    monkeypatch.setattr(MemoryVault, "read", late)
    ticks(world, 1)
    return world, looks


def test_the_content_of_a_restored_secret_may_be_late(monkeypatch):
    """What was just restored is looked at again a few times, in the same run."""
    world, _ = restored(monkeypatch, LOOKS_AFTER_RESTORE)
    assert held(world) == {"A": "1"}
    assert len(status(world).runs) == 1


def test_content_that_does_not_come(monkeypatch):
    """After these looks the content of a restored secret is that key's affair, as any that is not handed out."""
    world, looks = restored(monkeypatch, 100)
    assert len(looks) == 1 + LOOKS_AFTER_RESTORE
    [run] = status(world).runs
    assert (status(world).sync.status, list(run.errors)) == ("failed", ["A"])


def test_a_lease_is_kept_while_the_vault_is_waited_for():
    """While a run waits for a lifecycle state its lease is renewed, so that no other run takes over."""
    world = world_of_one_sync()
    world.vault.seed("A", b"old", state=State.UPDATING)
    world.start("command", lambda hands: hands.dispatcher().command(SYNC))
    world.scheduler.run(world.scheduler.seconds + LEASE_SECONDS + 1)
    lease = status(world).lease
    assert lease
    assert lease.expires_at > world.scheduler.now()


def test_what_is_refused_is_not_tried_again_at_once(monkeypatch):
    """What the vault refuses is tried once in a run, however often the run comes back for the rest."""
    world = world_of_one_sync()
    world.source.folders[FOLDER] = {"A": "1", "B": "1"}
    create, tried = MemoryVault.create, []

    def refuse(vault, name, *args):
        tried.append(name)
        if name == "A":
            raise Refused("no")
        if tried.count(name) == 1:
            raise WrongState("not yet")
        return create(vault, name, *args)

    monkeypatch.setattr(MemoryVault, "create", refuse)
    ticks(world, 1)
    assert sorted(tried) == ["A", "B", "B"]
    assert held(world) == {"B": "1"}
    assert status(world).runs[0].errors == {"A": "no"}


def test_a_content_that_is_right_and_its_tags_are_not(monkeypatch):
    """What holds the wanted value, with a tag of a sync that is gone, is tagged and not written."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    world.vault.seed("A", b"1", freeformTags={OWNER_TAG: GONE_SYNC})
    ticks(world, 1)
    [found] = world.secrets.list()
    assert found.tags.keys() == {OWNER_TAG, DIGEST_TAG}
    assert found.tags[OWNER_TAG] != GONE_SYNC
    assert status(world).runs[0].counts == {"tag": 1, "unchanged": 0, "errors": 0}


def test_a_content_that_cannot_be_read_now(monkeypatch):
    """Where a content cannot be read for now the run waits: nothing is planned of what is not known."""
    world = world_of_one_sync()
    world.vault.seed("A", b"old")

    def fail(*_):
        raise Temporary("The vault is down.")

    monkeypatch.setattr(MemoryVault, "read", fail)
    ticks(world, 1)
    assert held(world) == {"A": "old"}
    assert status(world).sync.status == "pending"
    assert status(world).sync.message.startswith("The vault is down.")
