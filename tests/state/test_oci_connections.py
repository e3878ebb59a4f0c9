"""The connections that a container knows: what is read, for how long it counts, and whose key is protected."""

import json
from uuid import UUID

import pytest

from functions.calls.parallel import ThreadPool
from functions.errors import InvalidInput, Temporary
from functions.plan.oci_connection import OWN_CONNECTION, Method, object_of
from functions.ports import ABSENT
from functions.state.oci_connections import LISTED_EVERY_SECONDS, ConnectionCache, Connections
from tests.support.memory import MemoryStore
from tests.support.virtual_time import VirtualClock

ONE, TWO = UUID(int=1), UUID(int=2)
KEYS = {one: f"ocid1.vaultsecret.oc1.eu-frankfurt-1.{one.int}" for one in (ONE, TWO)}


class Store(MemoryStore):
    """A store that counts its lists, and whose reads fail if a test says so."""

    lists = 0
    is_down = False

    def list(self, prefix):
        """Return the objects."""
        self.lists += 1
        return super().list(prefix)

    def get(self, name, **how):
        """Return the object, or fail."""
        if self.is_down:
            raise Temporary("the store is down")
        return super().get(name, **how)


@pytest.fixture
def store():
    """A store with two connections, one of which is wrong, and a note."""
    store = Store("oci://bucket@namespace", VirtualClock())
    write(store, ONE, "one")
    write(store, TWO, "two", region="nowhere!")
    store.put("connections/README.md", b"")
    return store


def write(store, connection_id, name, **changes):
    """Write a connection, by hand."""
    key = {"id": str(connection_id), "privateKeySecretOcid": KEYS[connection_id]}
    whole = {"name": name, "method": Method.RESOURCE_PRINCIPAL, **key, **changes}
    store.put(object_of(connection_id), json.dumps(whole).encode())


@pytest.fixture
def connections(store):
    """What an invocation asks, in a container whose store it is."""
    cache = ConnectionCache()
    return lambda: Connections(store, ThreadPool(2), store.clock, cache)


def test_those_that_are_in_order(connections, store):
    """Each connection is listed but what is wrong; what was written since is read again, what is gone is not there."""
    assert [one.id for one in connections().all()] == [ONE]
    write(store, ONE, "new")
    write(store, TWO, "two")
    assert [one.name for one in connections().all()] == ["new", "two"]
    store.delete(object_of(ONE))
    assert [one.name for one in connections().all()] == ["two"]


def test_a_store_that_is_down(connections, store):
    """Where a connection cannot be read there is no list; what was read before need not be."""
    store.is_down = True
    with pytest.raises(Temporary):
        connections().all()
    store.is_down = False
    before = connections().all()
    store.is_down = True
    assert connections().all() == before


def test_one_of_them(connections, store):
    """One is found with its ETag, as it is now; what is wrong says so; the function's own stands in no object."""
    for name in ("one", "new"):
        write(store, ONE, name)
        found, etag = connections().find(ONE)
        assert (found.name, etag) == (name, store.get(object_of(ONE)).etag)
    with pytest.raises(InvalidInput, match="region"):
        connections().find(TWO)
    store.delete(object_of(ONE))
    assert connections().find(ONE) is None
    assert connections().find(OWN_CONNECTION.id) == (OWN_CONNECTION, ABSENT)


def test_their_names(connections, store):
    """A name is that of up to a minute ago; what is not known is looked up once, and then is missing."""
    names = connections()
    assert names.name_of(OWN_CONNECTION.id) == "function"
    assert store.lists == 0
    assert names.name_of(ONE) == "one"
    assert store.lists == 1
    for _ in range(2):
        assert names.name_of(TWO) == "missing"
        assert store.lists == 2
    write(store, ONE, "new")
    assert connections().name_of(ONE) == "one"
    store.clock.sleep(LISTED_EVERY_SECONDS + 1)
    assert connections().name_of(ONE) == "new"


def test_a_change_counts_at_once(connections, store):
    """What this container changed is read again at the next question."""
    assert connections().name_of(ONE) == "one"
    write(store, ONE, "new")
    connections().changed()
    assert connections().name_of(ONE) == "new"


def test_private_keys(connections, store):
    """Protected are the keys that any connection names, the wrong ones too, as they were a minute ago at most."""
    assert connections().private_keys() == set(KEYS.values())
    store.delete(object_of(TWO))
    assert connections().private_keys() == set(KEYS.values())
    store.clock.sleep(LISTED_EVERY_SECONDS)
    assert connections().private_keys() == set(KEYS.values())
    store.clock.sleep(1)
    assert connections().private_keys() == {KEYS[ONE]}
    assert store.lists == 2
