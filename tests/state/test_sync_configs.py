"""The configs that a container knows: what is read, what is wrong with one, and what one is called."""

import json
from datetime import timedelta

import pytest

from functions.calls.parallel import ThreadPool
from functions.errors import InvalidInput, NotFound, Temporary
from functions.state.status import Phase, parse_status
from functions.state.sync_configs import Configs
from tests.support.example_sync import destination, sync_config
from tests.support.memory import MemoryStore
from tests.support.virtual_time import START, VirtualClock

A, B, BROKEN = (f"secret-syncs/p/{name}.json" for name in ("a", "b", "broken"))
STATUS = "status/p/broken.json"


class Store(MemoryStore):
    """A store in which the reads or writes of some objects fail, if a test says so."""

    fails_at = ""

    def get(self, name, **how):
        """Return the object, or fail."""
        self._try(name)
        return super().get(name, **how)

    def put(self, name, body, **how):
        """Write the object, or fail."""
        self._try(name)
        return super().put(name, body, **how)

    def _try(self, name):
        if name == self.fails_at:
            raise Temporary("the store is down")


@pytest.fixture
def store():
    """A store with two configs and one that is wrong, a folder marker and a note."""
    store = Store("oci://bucket@namespace", VirtualClock())
    write(store, A, "first")
    write(store, B, "second")
    store.put(BROKEN, b'{"name": "third"}')
    for name in ("secret-syncs/p/", "secret-syncs/p/README.md"):
        store.put(name, b"")
    write(store, "secret-syncs/other/a.json", "first")
    return store


def write(store, at, name, **more):
    """Write a config of this name."""
    config = sync_config(name, at.split("/")[1], "dev", "/x", destination(), **more)
    store.put(at, json.dumps(config).encode())


@pytest.fixture
def configs(store):
    """The configs of a cold container."""
    return Configs(store, ThreadPool(2), store.clock, {})


def names(syncs):
    """Return what syncs are called."""
    return [sync.config.name for sync in syncs]


def test_what_is_a_config(configs):
    """Objects that end in .json are configs, of all projects or of one; folders and notes are none."""
    assert [entry.name for entry in configs.entries("p")] == [A, B, BROKEN]
    assert len(configs.entries()) == 4


def test_one_that_is_wrong(configs, store):
    """A config that is wrong is left out and named with its fault; its status says so, and is written once."""
    etags = set()
    for _ in range(2):
        entries = configs.entries("p")
        assert names(configs.load(entries)) == ["first", "second"]
        assert list(configs.faults(entries)) == [BROKEN]
        status = parse_status(store.get(STATUS).body)
        assert (status.sync.status, status.config_etag) == (Phase.FAILED, store.get(BROKEN).etag)
        assert status.sync.message == str(configs.faults(entries)[BROKEN])
        etags.add(store.get(STATUS).etag)
        configs.forget()
    assert len(etags) == 1
    store.put(BROKEN, b'{"name": "third"}')
    configs.load(configs.entries())
    assert parse_status(store.get(STATUS).body).config_etag == store.get(BROKEN).etag


def test_one_that_was_wrong(configs, store):
    """A config is read again once it was written: what was wrong is forgotten, and what is wrong now counts."""
    configs.load(configs.entries())
    write(store, BROKEN, "third")
    store.put(A, b"{}")
    entries = configs.entries("p")
    assert names(configs.load(entries)) == ["second", "third"]
    assert list(configs.faults(entries)) == [A]


@pytest.mark.parametrize("schema", ["a/{{secretKey}}", "a-{{secretKey}}", None])
def test_a_slash_in_a_key_schema(configs, store, schema, caplog):
    """A config of an earlier version may hold a slash in its key schema: the log says that it writes nothing."""
    write(store, A, "first", options={"keySchema": schema} if schema else {})
    assert configs.get(A).config.sync_options.key_schema == schema
    assert bool([text for text in caplog.messages if "holds a slash" in text]) == (
        schema == "a/{{secretKey}}"
    )


def test_a_store_that_is_down(configs, store):
    """Where a config cannot be read there is no list, as it would lack a sync; a status need not be written."""
    store.fails_at = STATUS
    assert names(configs.load(configs.entries("p"))) == ["first", "second"]
    configs.forget()
    store.fails_at = A
    with pytest.raises(Temporary):
        configs.load(configs.entries("p"))


def test_what_a_container_knows(configs, store):
    """Known is what was read last and is not known to be gone; what is wrong is not."""
    assert (configs.known(A), configs.known_of("p")) == (None, [])
    configs.load(configs.entries())
    assert names(configs.known_of("p")) == ["first", "second"]
    assert configs.known(A) == configs.get(A)
    assert configs.known(BROKEN) is None
    for name in (A, B):
        store.delete(name)
    assert names(configs.known_of("p")) == ["first", "second"]
    assert configs.get(A) is None
    assert names(configs.known_of("p")) == ["second"]
    configs.entries("other")
    assert names(configs.known_of("p")) == ["second"]
    configs.entries("p")
    assert configs.known_of("p") == []


def test_what_a_config_is_found_by(configs):
    """A config is found by its id or its name, if no other has it; else the message says which do."""
    second = configs.find("second")
    assert configs.find(str(second.id)) == second
    with pytest.raises(
        InvalidInput, match=r"More than one sync has this name; give an id: .* in p"
    ):
        configs.find("first")
    with pytest.raises(NotFound, match=r'name or id "x{64}"'):
        configs.find("x" * 65)
    with pytest.raises(NotFound, match='name or id "fourth"'):
        configs.find("fourth")


@pytest.mark.parametrize("called", ["broken", "third"])
def test_a_wrong_one_is_found_by_its_fault(configs, called):
    """Whoever asks for a config that is wrong, by its file or the name in it, is told what is wrong."""
    with pytest.raises(InvalidInput, match="projectId"):
        configs.find(called)


def test_when_it_was_found(configs, store):
    """The status of a wrong config says when it was seen first."""
    store.clock.sleep(60)
    with pytest.raises(InvalidInput):
        configs.get(BROKEN)
    seen = parse_status(store.get(STATUS).body)
    assert seen.created_at == seen.updated_at == START + timedelta(seconds=60)
