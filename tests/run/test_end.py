"""The end of a run: what it records, and when it starts over, in virtual time."""

import json

import pytest

from functions.errors import InvalidInput, OutOfTime, Temporary, WrongState
from functions.plan.job import MAX_ATTEMPTS
from functions.plan.models import JobKind
from functions.run.outcome import BLOCKED_RETRY_SECONDS
from functions.triggers.command import Command
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import (
    CONFIG,
    EVENT,
    FOLDER,
    answer_of,
    status,
    ticks,
    world_of_one_sync,
)

VERIFIED = "verified/p/a"


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    return world


def hint(world, seconds=60):
    """Deliver a webhook, and let so much time pass."""
    world.start("webhook", lambda invocation: invocation.webhook(EVENT))
    world.scheduler.run(world.scheduler.seconds + seconds)


def test_only_a_verification_counts_as_one(world):
    """A sync that a hint caused is not taken for a verification; that of a tick is."""
    hint(world)
    assert status(world).sync.status == "succeeded"
    assert world.store.get(VERIFIED) is None
    ticks(world, 1)
    assert world.store.get(VERIFIED) is not None


@pytest.mark.parametrize("is_down", [True, False])
def test_a_run_starts_over_only_from_a_good_end(world, monkeypatch, is_down):
    """A hint that comes while a run is on makes it start over, but not where the run must be tried again anyway."""
    read, times = MemorySource.read, []

    def slow(self, *args, **how):
        times.append(world.scheduler.seconds)
        world.scheduler.sleep(3)
        if is_down:
            raise Temporary("the source is down", retry_after_seconds=600)
        return read(self, *args, **how)

    monkeypatch.setattr(MemorySource, "read", slow)
    hint(world, seconds=1)
    hint(world, seconds=12)
    assert len(times) == (1 if is_down else 2)
    assert (status(world).sync.status == "succeeded") != is_down


@pytest.mark.parametrize(("order", "looks"), [("sync", 2), ("import", 1)])
def test_who_starts_over_for_a_hint(world, monkeypatch, order, looks):
    """A sync starts over for a hint that came while it was on; an import leaves that to the hint's own job."""
    read, times = MemorySource.read, []

    def slow(self, *args, **how):
        times.append(world.scheduler.seconds)
        world.scheduler.sleep(3)
        return read(self, *args, **how)

    monkeypatch.setattr(MemorySource, "read", slow)
    command = Command(command=order, sync="a")
    world.start("command", lambda hands: hands.dispatcher().command(command))
    world.scheduler.run(world.scheduler.seconds + 1)
    hint(world, seconds=20)
    assert len(times) == looks


def test_deletions_are_counted_once(world, monkeypatch):
    """The status counts what was deleted, for the guards of later runs: not what was written, nor a repetition."""
    world.source.folders[FOLDER] = {f"K{n}": "1" for n in range(20)}
    hint(world)
    assert status(world).deletions == []
    world.source.folders[FOLDER] = {f"K{n}": "2" for n in range(2, 20)}
    delete, tried = MemoryVault.schedule_deletion, []

    def fails_once(vault, secret, *args, **how):
        tried.append(secret.name)
        if len(tried) == 1:
            raise Temporary("later")
        return delete(vault, secret, *args, **how)

    monkeypatch.setattr(MemoryVault, "schedule_deletion", fails_once)
    hint(world, seconds=120)
    assert sorted(tried) == ["K0", "K0", "K1"]
    assert sum(one.count for one in status(world).deletions) == 2


def test_a_run_that_lifecycle_states_block(world, monkeypatch):
    """A run that ends because a secret is not in the state that it needs is tried again after half a minute."""

    def refuse(_):
        raise WrongState("it is going")

    monkeypatch.setattr(MemoryVault, "list", refuse)
    began = world.scheduler.now()
    hint(world, seconds=10)
    wait = (status(world).retry_at - began).total_seconds()
    assert BLOCKED_RETRY_SECONDS <= wait < BLOCKED_RETRY_SECONDS + 5
    assert status(world).sync.message.startswith("it is going")


def test_a_run_whose_time_is_up_while_it_writes(world, monkeypatch):
    """A run that has no time to write what it should is not done: the rest follows."""

    def stop(*_):
        raise OutOfTime("No time is left.")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryVault, "create", stop)
        hint(world, seconds=10)
    assert status(world).sync.status == "pending"
    assert status(world).sync.message.startswith("No time is left. The rest follows")


def test_a_job_that_gave_up_leaves_its_sync_due(world, monkeypatch):
    """After its last attempt the next tick goes on: the sync counts as never verified."""
    ticks(world, 1)
    assert world.store.get(VERIFIED) is not None

    def down(*_, **__):
        raise Temporary("it is down")

    monkeypatch.setattr(MemorySource, "read", down)

    def work(invocation):
        own = invocation.dispatcher()
        sync = own.configs.find("a")
        job = own.job(sync, JobKind.SYNC, "api")
        return own.accept(sync, job.model_copy(update={"attempt": MAX_ATTEMPTS}))

    assert answer_of(world, work, 120).outcome.has_given_up
    assert world.store.get(VERIFIED) is None


def test_a_sync_that_is_being_deleted_takes_no_command(world):
    """Its secrets are on their way out: whoever syncs or imports it is told so, whoever removes is not."""
    config = json.loads(world.store.get(CONFIG).body)
    world.store.put(CONFIG, json.dumps(config | {"isBeingRemoved": True}).encode())

    def work(name):
        return lambda own: own.dispatcher().command(Command(command=name, sync="a"))

    for name in ("sync", "import"):
        refusal = answer_of(world, work(name), 60)
        assert isinstance(refusal, InvalidInput)
        assert "being deleted" in str(refusal)
    assert answer_of(world, work("remove"), 60)["outcome"] == "succeeded"
