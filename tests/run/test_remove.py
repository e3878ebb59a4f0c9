"""Removing what a sync put into the vault, and bringing it back, in virtual time."""

import json

import pytest

from functions.errors import Forbidden
from functions.plan.job import Args
from functions.plan.models import JobKind, State
from functions.run.remove_secrets import preview_removal
from infra.local.oci.secret import Durations
from tests.support.memory import MemoryNotifier
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import CONFIG, FOLDER, answer_of, held, status, ticks, world_of_one_sync

OBJECTS = {CONFIG, "status/p/a.json", "memory/p/a.json", "verified/p/a"}
RESTS = "Ticks leave this sync alone until its source changes or somebody syncs it."


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync of two secrets, one of which left the source while none may be deleted."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    monkeypatch.setattr(world.auditor, "judge", lambda *_: [])  # it is told of commands alone
    config = json.loads(world.store.get(CONFIG).body)
    config["syncOptions"]["disableSecretDeletion"] = True
    world.store.put(CONFIG, json.dumps(config).encode())
    world.source.folders[FOLDER] = {"A": "1", "GONE": "1"}
    ticks(world, 1)
    world.source.folders[FOLDER] = {"A": "1", "B": "1"}
    world.vault.seed("B", b"a stranger's")
    world.vault.seed("OTHER", b"a stranger's")
    return world


def do(world, kind, seconds=120, **args):
    """Do a job for the sync, and let so much time pass; return what came of it."""

    def work(invocation):
        own = invocation.dispatcher()
        sync = own.configs.find("a")
        return own.accept(sync, own.job(sync, kind, "api", Args(**args)))

    return answer_of(world, work, seconds).outcome


def refuse(*_, **__):
    """Refuse a call."""
    raise Forbidden("no")


def removal(world):
    """Return the names that a removal would delete."""

    def work(invocation):
        own = invocation.dispatcher()
        return preview_removal(own.configs.find("a"), own.services, own.new_gate())

    return sorted(change.name for change in answer_of(world, work, 60).changes)


def test_a_removal(world):
    """A removal deletes what has the sync's tag and its current names, as its plan says; then the sync rests."""
    assert removal(world) == ["A", "B", "GONE"]
    assert held(world).keys() == {"A", "B", "GONE", "OTHER"}
    outcome = do(world, JobKind.REMOVE)
    assert held(world) == {"OTHER": "a stranger's"}
    assert outcome.message == RESTS
    assert world.store.objects.keys() >= OBJECTS
    world.interval *= 0
    ticks(world, 2)
    assert held(world) == {"OTHER": "a stranger's"}


def test_what_ends_the_rest(world):
    """After a removal the sync rests until somebody has it synced; an import, or a removal, is no wish for that."""
    for kind in (JobKind.REMOVE, JobKind.IMPORT, JobKind.REMOVE):
        do(world, kind)
        assert status(world).is_paused
    do(world, JobKind.SYNC)
    assert not status(world).is_paused
    assert held(world).keys() >= {"A"}


@pytest.mark.parametrize("refuses", [True, False])
def test_what_a_plan_of_a_removal_looks_up(world, monkeypatch, refuses):
    """Where nothing was written lately the plan of a removal looks up no secret by itself."""
    if refuses:
        monkeypatch.setattr(MemorySource, "read", refuse)
    world.scheduler.run(world.scheduler.seconds + 3600)
    world.store.delete("memory/p/a.json")
    for look in ("get", "find"):
        monkeypatch.setattr(MemoryVault, look, lambda *_: pytest.fail("it is looked up"))
    assert removal(world) == (["A", "GONE"] if refuses else ["A", "B", "GONE"])


def test_a_source_that_refuses(world, monkeypatch):
    """Where the source refuses, a removal takes what has the sync's tag alone."""
    monkeypatch.setattr(MemorySource, "read", refuse)
    assert removal(world) == ["A", "GONE"]
    do(world, JobKind.REMOVE)
    assert held(world).keys() == {"B", "OTHER"}


def test_a_removal_with_its_config(world, monkeypatch):
    """Once all is deleted nothing is left of the sync; the run is counted like any other."""
    counted = []
    monkeypatch.setattr(MemoryNotifier, "count", lambda _, metrics, __: counted.append(metrics))
    outcome = do(world, JobKind.REMOVE, delete_config=True)
    assert [(run["runs"], run["changes"]) for run in counted] == [(1, 3)]
    assert (outcome.is_final, outcome.message) == (True, None)
    assert not OBJECTS & world.store.objects.keys()


def test_an_undo(world, monkeypatch):
    """What one run deleted comes back; a run that is not known any more is refused."""
    turns = type(world.auditor.turns)
    monkeypatch.setattr(turns, "ends_unseen", lambda *_: False)  # an undo looks at the vault alone
    do(world, JobKind.REMOVE)
    removed = status(world).runs[0].id
    outcome = do(world, JobKind.UNDO, run="0" * 32)
    assert "not known any more" in outcome.message
    assert held(world).keys() == {"OTHER"}
    assert do(world, JobKind.UNDO, run=removed).is_final
    assert held(world).keys() == {"A", "B", "GONE", "OTHER"}
    assert State.PENDING_DELETION not in {
        secret.state(world.scheduler.now()) for secret in world.vault.secrets.values()
    }


def test_an_undo_of_what_is_still_going(world, monkeypatch):
    """What is in transition to its deletion is waited for, and then brought back."""
    monkeypatch.setattr(type(world.auditor.turns), "ends_unseen", lambda *_: False)
    world.vault.durations = Durations(scheduling=30)
    do(world, JobKind.REMOVE, seconds=5)
    states = {secret.state(world.scheduler.now()) for secret in world.vault.secrets.values()}
    assert State.SCHEDULING_DELETION in states
    assert do(world, JobKind.UNDO, run=status(world).runs[0].id).is_final
    assert held(world).keys() == {"A", "B", "GONE", "OTHER"}
