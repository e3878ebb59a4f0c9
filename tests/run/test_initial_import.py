"""The import before the first sync, in virtual time: what it keeps, and what is noted before anything is pushed."""

import json

import pytest

from functions.errors import ContentRefused, Forbidden
from functions.state.memory import Memory
from functions.state.status import parse_status
from functions.triggers.command import Command
from tests.support.memory import MemoryStore
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import CONFIG, FOLDER, answer_of, held, status, ticks, world_of_one_sync
from tests.system.simulation.memory_world import COMPARTMENT, VAULT

MEMORY, STATUS = "memory/p/a.json", "status/p/a.json"
REFUSED = {"refused": ContentRefused("it expired"), "forbidden": Forbidden("no permission")}


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync that begins with an import; its vault holds two secrets of other values."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    config = json.loads(world.store.get(CONFIG).body)
    config["syncOptions"]["initialSyncBehavior"] = "import-prioritize-destination"
    world.store.put(CONFIG, json.dumps(config).encode())
    world.source.folders[FOLDER] = {"A": "1", "B": "1"}
    for name in ("A", "B"):
        world.vault.seed(name, b"old")
    return world


def refuse(monkeypatch, world, refusal, names):
    """Let the contents of these secrets be refused."""
    ids = {secret.id for secret in world.vault.secrets.values() if secret.name in names}
    read = MemoryVault.read

    def tried(vault, secret_id):
        if secret_id in ids:
            raise refusal
        return read(vault, secret_id)

    monkeypatch.setattr(MemoryVault, "read", tried)


def memory(world):
    """Return what the sync remembers."""
    return Memory.model_validate_json(world.store.get(MEMORY).body)


@pytest.mark.parametrize("refusal", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_imported_is_kept(world, monkeypatch, refusal):
    """Of an import that can read some secrets the others are held with their reason, and the sync goes on."""
    refuse(monkeypatch, world, refusal, ["B"])
    ticks(world, 2)
    assert world.source.folders[FOLDER] == {"A": "old", "B": "1"}
    assert held(world) == {"A": "old", "B": "old"}
    assert list(memory(world).import_pending) == ["B"]
    assert status(world).is_import_done
    assert str(refusal) in status(world).import_.message


@pytest.mark.parametrize(("kind", "is_done"), [("refused", True), ("forbidden", False)])
def test_an_import_that_can_read_nothing(world, monkeypatch, kind, is_done):
    """Where nothing at all may be read a permission is missing, and the import is still to be done."""
    refuse(monkeypatch, world, REFUSED[kind], ["A", "B"])
    ticks(world, 2)
    assert status(world).is_import_done == is_done
    assert ("Nothing was imported" in (status(world).sync.message or "")) != is_done
    assert held(world) == {"A": "old", "B": "old"}
    assert world.source.folders[FOLDER] == {"A": "1", "B": "1"}


def test_what_is_held_is_noted_before_the_import_counts_as_done(world, monkeypatch):
    """Once the status says that the import is done, the memory says what it could not bring over."""
    refuse(monkeypatch, world, REFUSED["refused"], ["B"])
    put, noted = MemoryStore.put, []

    def watched(store, name, body, **how):
        if name == STATUS and parse_status(body).is_import_done:
            noted.append(memory(world))
        return put(store, name, body, **how)

    monkeypatch.setattr(MemoryStore, "put", watched)
    ticks(world, 1)
    assert list(noted[0].import_pending) == list(noted[0].keys) == ["B"]
    assert noted[0].imported == {}


def test_an_import_permits_what_the_config_says(world):
    """After a lost status nothing is permitted, until a person has imported what is there."""
    ticks(world, 2)
    for name in (MEMORY, STATUS):
        world.store.delete(name)
    order = Command(command="import", sync="a", import_behavior="prioritize-destination")
    answer_of(world, lambda hands: hands.dispatcher().command(order), 60)
    assert status(world).scope.place == (VAULT, COMPARTMENT)
    assert memory(world).imported == {}


def test_an_import_into_a_sync_with_a_filter(world):
    """What was imported would not pass the filter, and be deleted: so nothing is."""
    config = json.loads(world.store.get(CONFIG).body)
    config["syncOptions"] |= {
        "initialSyncBehavior": "overwrite-destination",
        "filter": {"tags": ["vault"]},
    }
    world.store.put(CONFIG, json.dumps(config).encode())
    order = Command(command="import", sync="a", import_behavior="prioritize-destination")
    answer_of(world, lambda hands: hands.dispatcher().command(order), 60)
    assert "a sync with a filter" in status(world).import_.message
    assert world.source.folders[FOLDER] == {"A": "1", "B": "1"}
