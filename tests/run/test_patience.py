"""Long troubles, in virtual time: back-off is kept, failure is told, progress is not punished."""

from datetime import timedelta

import pytest

from functions.errors import Temporary
from functions.plan.models import Folder
from functions.state.lease import LEASE_SECONDS
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import (
    EVENT,
    FOLDER,
    TICK_SECONDS,
    status,
    ticks,
    world_of_one_sync,
)


@pytest.fixture
def world():
    """A calm world with one sync that is verified by ticks alone."""
    return world_of_one_sync()


def test_a_long_outage(world, monkeypatch):
    """While the source is down a sync is tried less and less often, then given up, and people are told."""
    reads = []

    def down(_self, *_args, **_how):
        reads.append(world.scheduler.seconds)
        raise Temporary("the source is down")

    with monkeypatch.context() as patch:
        patch.setattr(MemorySource, "read", down)
        assert ticks(world, 240) == 1
    assert world.notifier.notices == ["Secret sync a failed to verify"]
    runs = [
        at for at, before in zip(reads, [-TICK_SECONDS, *reads], strict=False) if at - before > 10
    ]
    assert len(runs) < 60  # of 240 ticks
    ticks(world, 12)
    assert status(world).sync.status == "succeeded"
    assert len(world.notifier.notices) == 2


def test_an_edited_config_does_not_wait(world, monkeypatch):
    """Whoever edits the config of a sync that waits has it tried at the next tick."""
    with monkeypatch.context() as patch:
        patch.setattr(MemoryVault, "list", _refuse)
        ticks(world, 12)
    name = "secret-syncs/p/a.json"
    world.store.put(name, world.store.get(name).body)
    ticks(world, 1)
    assert status(world).sync.status == "succeeded"


def _refuse(_vault):
    raise Temporary("the vault is down")


def test_a_job_that_gets_on_is_not_given_up(world, monkeypatch):
    """A sync too large for one run goes on soon, however many runs it takes, and is never given up."""
    world.source.folders[FOLDER] = {f"K{number:03}": "1" for number in range(120)}
    create = MemoryVault.create

    def slow(self, *args):
        made = create(self, *args)
        world.scheduler.sleep(9)
        return made

    monkeypatch.setattr(MemoryVault, "create", slow)
    world.start("sync", lambda hands: hands.webhook(EVENT))
    ticks(world, 40)
    assert len(world.secrets.list()) == 120
    assert status(world).sync.status == "succeeded"
    assert world.notifier.notices == []


def test_many_vanished_folders(world, monkeypatch):
    """Asking the source what became of many imports may take longer than a lease lasts."""
    shared = [Folder("p", "dev", f"/shared-{number}") for number in range(9)]
    world.source.folders |= {folder: {f"S{folder.path[-1]}": "1"} for folder in shared}
    world.source.folders[FOLDER] |= {f"K{number}": "1" for number in range(30)}
    world.source.imports[FOLDER] = list(shared)
    ticks(world, 3)
    assert len(world.secrets.list()) == 40
    why_kept = MemorySource.why_kept

    def slow(self, folder, missing, *, may_ask):
        world.scheduler.sleep(LEASE_SECONDS / 10)
        return why_kept(self, folder, missing, may_ask=may_ask)

    monkeypatch.setattr(MemorySource, "why_kept", slow)
    world.source.imports[FOLDER] = []
    answers = []
    world.start("sync", lambda hands: hands.dispatcher().webhook(EVENT), answers.append)
    world.scheduler.run(world.scheduler.seconds + 120)
    assert [report.outcome.end for report in answers[0]] == ["succeeded"]


def test_two_alarms_at_once(world, monkeypatch):
    """Two ticks at the same moment never both work on a sync: one takes the lease, the other leaves it."""
    world.interval = timedelta(0)
    read, reading = MemorySource.read, []

    def alone(self, *args, **how):
        assert not reading
        reading.append(1)
        world.scheduler.sleep(3)
        reading.clear()
        return read(self, *args, **how)

    monkeypatch.setattr(MemorySource, "read", alone)
    for _ in range(20):
        world.tick()
        ticks(world, 1)
    assert len(status(world).runs) == 20
