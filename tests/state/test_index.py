import json

import pytest

from functions.calls.parallel import ThreadPool
from functions.state.index import MAX_INDEX_BYTES, Index
from functions.state.sync_configs import Configs
from tests.support.example_sync import destination, sync_config
from tests.support.memory import MemoryStore
from tests.support.virtual_time import VirtualClock

FEW = 20
MANY = FEW + 10
INDEX = "index/project/configs.json"


class CountingStore(MemoryStore):
    """A store that notes what is read."""

    def __init__(self, *where):
        super().__init__(*where)
        self.asked = []

    def get(self, name, **how):
        """Return the object, or None where there is none."""
        self.asked.append(name)
        return super().get(name, **how)


@pytest.fixture
def store():
    """A store with many configs of one project, and one of another."""
    store = CountingStore("oci://bucket@namespace", VirtualClock())
    for number in range(MANY):
        write(store, number, "/first")
    other = sync_config("other", "other", "dev", "/x", destination())
    store.put("secret-syncs/other/one.json", json.dumps(other).encode())
    return store


def write(store, number, path):
    """Write a config."""
    config = sync_config(f"s{number}", "project", "dev", path, destination())
    store.put(f"secret-syncs/project/s{number}.json", json.dumps(config).encode())


def load(store):
    """Load all configs in a cold container; return their paths by name, and which objects it read."""
    store.asked = []
    configs = Configs(store, ThreadPool(2), store.clock, {})
    found = {sync.config.name: sync.config.secret_path for sync in configs.load(configs.entries())}
    return found, set(store.asked)


def test_a_cold_container_reads_one_object_instead_of_many(store):
    """What many configs of a project say is kept in one object; of few configs no index is made."""
    first, asked = load(store)
    assert len(asked) == 1 + MANY + 1
    second, asked = load(store)
    assert second == first
    assert asked == {INDEX, "secret-syncs/other/one.json"}
    assert [entry.name for entry in store.list("index/")] == [INDEX]


def test_an_index_is_never_wrong(store):
    """What changed, came or went since the index was written is read as it is."""
    load(store)
    write(store, 0, "/second")
    write(store, MANY, "/new")
    store.delete("secret-syncs/project/s1.json")
    found, asked = load(store)
    assert found["s0"] == "/second"
    assert found[f"s{MANY}"] == "/new"
    assert "s1" not in found
    assert len(asked) == 1 + 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"secret-syncs/project/s0.json": "x"}',
        b" " * (MAX_INDEX_BYTES + 1),
    ],
)
def test_an_index_that_is_nonsense_does_no_harm(store, body):
    """Without a readable index every config is read, and the index is written again."""
    right, _ = load(store)
    store.put(INDEX, body)
    found, asked = load(store)
    assert found == right
    assert len(asked) == 1 + MANY + 1
    assert len(load(store)[1]) == 2


def test_an_entry_that_is_no_config_is_read_by_itself(store):
    """A content of the index that is no config does not count."""
    right, _ = load(store)
    known = json.loads(store.get(INDEX, max_bytes=MAX_INDEX_BYTES).body)
    known["secret-syncs/project/s0.json"][1] = "{}"
    store.put(INDEX, json.dumps(known).encode())
    found, asked = load(store)
    assert found == right
    assert "secret-syncs/project/s0.json" in asked


def test_an_index_that_would_be_too_large_is_not_written(store):
    """Beyond 4 MB there is no index."""
    entries = store.list("secret-syncs/project/")
    Index(store, "configs", FEW).save(
        entries, [("secret-syncs/project/s0.json", "1", "x" * MAX_INDEX_BYTES)]
    )
    assert store.list("index/") == []
