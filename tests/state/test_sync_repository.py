"""Deleting a sync and what is known of it."""

import pytest

from functions.calls.parallel import ThreadPool
from functions.state.memory import memory_object
from functions.state.status_document import status_object
from functions.state.sync_configs import Configs
from functions.state.sync_repository import ApiCache, SyncRepository
from tests.support.memory import MemoryStore
from tests.support.plan_examples import OBJECT, sync
from tests.support.virtual_time import VirtualClock

KNOWN = (status_object(OBJECT), memory_object(OBJECT))


def deleted(store):
    """Delete the sync, of which there are config, status and memory."""
    for about in KNOWN:
        store.put(about, b"{}")
    one = sync()
    one = one.model_copy(update={"etag": store.put(OBJECT, b"{}")})
    pool, clock = ThreadPool(1), store.clock
    SyncRepository(store, pool, Configs(store, pool, clock, {}), ApiCache()).delete(one)
    return store


def test_a_sync_is_deleted_with_all_that_is_known_of_it():
    """Config, memory and status go."""
    assert deleted(MemoryStore("memory", VirtualClock())).objects == {}


@pytest.mark.parametrize("after", ["secret-syncs/", "verified/", "memory/"])
def test_a_config_that_comes_back_meanwhile(after):
    """The status of a config that came back during its deletion, and that its run wrote, stays."""

    class Store(MemoryStore):
        def delete(self, name, *, if_match=None):
            super().delete(name, if_match=if_match)
            if name.startswith(after):
                self.put(OBJECT, b"{}")
                self.put(status_object(OBJECT), b'{"rerun": true}')

    store = deleted(Store("memory", VirtualClock()))
    assert store.get(status_object(OBJECT)).body == b'{"rerun": true}'
    assert store.get(OBJECT) is not None
