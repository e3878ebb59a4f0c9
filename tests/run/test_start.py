"""What is read while the lease is being taken, and when it does not count."""

from datetime import timedelta

import pytest

from functions.errors import Temporary
from functions.run.start import SPACING_SECONDS
from functions.state.lease import LEASE_SECONDS
from functions.state.status import Lease, parse_status
from functions.triggers.command import Command
from tests.support.memory import MemoryStore
from tests.support.memory_source import MemorySource
from tests.support.one_sync import EVENT, FOLDER, status, ticks, world_of_one_sync

STATUS = "status/p/a.json"
MEMORY = "memory/p/a.json"
PUT = MemoryStore.put
COMMAND = Command(command="sync", sync="a")


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync, in sync since long ago, whose lists are not stale."""
    world = world_of_one_sync()
    world._workers = 4
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    ticks(world, 1)
    world.scheduler.run(world.scheduler.seconds + 1800)
    return world


@pytest.fixture
def calls(world, monkeypatch):
    """The reads of the source and the writes of the lease, in their order."""
    made = []
    read = MemorySource.read

    def noted_read(source, folder, **how):
        made.append("read")
        return read(source, folder, **how)

    def noted_put(store, name, body, **how):
        is_lease = takes_lease(store, name, body)
        etag = PUT(store, name, body, **how)
        if is_lease:
            made.append("lease")
        return etag

    monkeypatch.setattr(MemorySource, "read", noted_read)
    monkeypatch.setattr(MemoryStore, "put", noted_put)
    return made


def takes_lease(store, name, body):
    """Say whether a write is that of a run that begins: it takes the lease, or the mark of a hint away."""
    new = parse_status(body) if name == STATUS else None
    if new is None or new.lease is None or new.rerun:
        return False
    stored = store.get(STATUS)
    old = parse_status(stored.body) if stored else None
    return not (old and old.lease) or old.lease.run != new.lease.run or old.rerun


def at_first_lease(monkeypatch, act):
    """Have `act` make the first write of the lease that is tried."""
    put, tried = MemoryStore.put, []

    def watched(store, name, body, **how):
        if tried or not takes_lease(store, name, body):
            return put(store, name, body, **how)
        tried.append(name)
        return act(lambda: put(store, name, body, **how))

    monkeypatch.setattr(MemoryStore, "put", watched)


def a_second_later(world):
    """Return what has a write wait so long that all that goes on beside it is over."""

    def wait(put):
        world.scheduler.sleep(1)
        return put()

    return wait


def change_status(world, **fields):
    """Write the status as somebody else does."""
    known = status(world).model_copy(update={"writer": "another", **fields})
    PUT(world.store, STATUS, known.to_json())


def sync(world):
    """Take the webhook of the folder."""
    world.start("webhook", lambda hands: hands.webhook(EVENT))
    world.scheduler.run(world.scheduler.seconds + 60)


def held(world):
    """Return what the vault holds under the one name."""
    [secret] = world.vault.secrets.values()
    return secret.newest().decode()


def test_the_look_beside_the_lease_counts(world, calls):
    """Where nobody is at work, what was read while the lease was taken is what is written."""
    world.source.folders[FOLDER] = {"A": "2"}
    sync(world)
    assert held(world) == "2"
    assert sorted(calls) == ["lease", "read"]


def test_another_status_was_seen(world, calls, monkeypatch):
    """If somebody wrote the status since it was loaded, both sides and the memory are read again, at once."""

    def overtaken(put):
        world.scheduler.sleep(1)
        world.source.folders[FOLDER] = {"A": "2"}
        change_status(world)
        PUT(world.store, MEMORY, world.store.get(MEMORY).body + b" ")
        return put()

    at_first_lease(monkeypatch, overtaken)
    sync(world)
    assert held(world) == "2"
    assert calls == ["read", "lease", "read"]
    assert status(world).sync.status == "succeeded"
    assert status(world).runs[0].seconds < SPACING_SECONDS


def test_the_own_lease_is_no_proof(world, calls, monkeypatch):
    """A run that finds its own lease after a lost answer reads again: a hint may have left its mark meanwhile."""
    carry, told = world.network.carry, []

    def hinted(put):
        world.scheduler.sleep(1)
        return told.append(put()) or told[0]

    def lost(*call):
        answer = carry(*call)
        if told == [answer]:
            world.source.folders[FOLDER] = {"A": "2"}
            change_status(world, rerun=True)
            raise Temporary("the answer was lost")
        return answer

    at_first_lease(monkeypatch, hinted)
    monkeypatch.setattr(world.network, "carry", lost)
    sync(world)
    assert held(world) == "2"
    assert calls[-2:] == ["lease", "read"]


def test_a_lease_held_by_another(world, calls):
    """Where another run is at work nothing is read, and it is told to look again."""
    until = world.scheduler.now() + timedelta(seconds=40)
    change_status(world, lease=Lease(run="another", expires_at=until))
    world.start("webhook", lambda hands: hands.webhook(EVENT))
    world.scheduler.run(world.scheduler.seconds + 10)
    assert calls == []
    assert status(world).rerun


def test_a_lease_that_ran_out(world, calls, monkeypatch):
    """What a run that died may have left under way is waited out by the lease: nothing is read before it is taken over."""
    since = world.scheduler.now() - timedelta(seconds=5)
    change_status(world, lease=Lease(run="another", expires_at=since))
    at_first_lease(monkeypatch, a_second_later(world))
    sync(world)
    assert calls == ["lease", "read"]


def test_a_memory_that_is_read_too_late(world, monkeypatch):
    """A run that reads the memory when another has taken over does not write it: it is the other's."""
    get, frozen = MemoryStore.get, []
    written = world.store.get(MEMORY).body.replace(b'"about":"dev:/a"', b'"about":"dev:/b"')

    def late(store, name, **how):
        if name == MEMORY and not frozen:
            frozen.append(name)
            [process] = [process for process in world.processes if process.is_alive]
            process.frozen_until = world.scheduler.seconds + LEASE_SECONDS
            world.scheduler.sleep(LEASE_SECONDS)
            until = world.scheduler.now() + timedelta(seconds=LEASE_SECONDS)
            change_status(world, lease=Lease(run="another", expires_at=until))
            PUT(world.store, MEMORY, written)
        return get(store, name, **how)

    monkeypatch.setattr(MemoryStore, "get", late)
    world.start("command", lambda hands: hands.dispatcher().command(COMMAND))
    world.scheduler.run(world.scheduler.seconds + LEASE_SECONDS + 10)
    assert frozen
    assert b"dev:/b" in written
    assert get(world.store, MEMORY).body == written


def test_a_lost_status(world, calls, monkeypatch):
    """A status that is not there proves nothing, as it may have been deleted and made again."""
    world.store.delete(STATUS)
    at_first_lease(monkeypatch, a_second_later(world))
    sync(world)
    assert calls == ["lease", "read"]


def test_a_look_that_fails(world, calls):
    """What the early look raises is the outcome of the run; it is not tried twice."""
    del world.source.folders[FOLDER]
    sync(world)
    assert sorted(calls) == ["lease", "read"]
    assert (status(world).sync.status, status(world).lease) == ("failed", None)
    assert "has no folder" in status(world).sync.message


def test_a_lease_that_takes_long(world, calls, monkeypatch):
    """While the lease is being taken it is not renewed, however long that lasts."""

    def slow(put):
        world.scheduler.sleep(3)
        etag = put()
        world.scheduler.sleep(3)
        return etag

    at_first_lease(monkeypatch, slow)
    world.source.folders[FOLDER] = {"A": "2"}
    sync(world)
    assert held(world) == "2"
    assert status(world).sync.status == "succeeded"
