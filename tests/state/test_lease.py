"""The places of workers: held by compare-and-swap, kept while there is work, given up when lost."""

import pytest

from functions.errors import Conflict, Temporary
from functions.state.lease import SLOT_RENEW_AFTER_SECONDS, SLOT_SECONDS, ObjectLease
from tests.support.memory import MemoryStore
from tests.support.virtual_time import VirtualClock


class Store(MemoryStore):
    """A store whose next write is carried out and then refused, as a retry after a lost answer is."""

    loses = False

    def put(self, name, body, *, if_match=None):
        etag = super().put(name, body, if_match=if_match)
        if self.loses:
            self.loses = False
            raise Conflict("the retry found the object changed")
        return etag


@pytest.fixture
def clock():
    """Time that a test lets pass."""
    return VirtualClock()


@pytest.fixture
def store(clock):
    """A store that may lose an answer."""
    return Store("memory", clock)


def test_so_many_places(store, clock):
    """There are so many places and no more; one that is freed or has run out is taken again."""
    first, second = (ObjectLease.take(store, clock, name, 2) for name in ("a", "b"))
    assert second
    assert ObjectLease.take(store, clock, "c", 2) is None
    first.free()
    assert ObjectLease.take(store, clock, "c", 2)
    clock.sleep(SLOT_SECONDS + 1)
    assert ObjectLease.take(store, clock, "d", 2)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"worker":"x","expiresAt":"2999-01-01T00:00:00Z"}'])
def test_a_place_that_nobody_can_hold(store, clock, body):
    """A place whose object is nonsense, or says that it is held for years, is free."""
    store.put("workers/1", body)
    assert ObjectLease.take(store, clock, "a", 1)


@pytest.mark.parametrize("years", [1, -1])
def test_a_place_after_a_year(store, clock, years):
    """A clock that jumps by a year, either way, leaves no place taken for ever."""
    slot = ObjectLease.take(store, clock, "a", 1)
    clock.seconds += years * 366 * 86_400.0
    assert ObjectLease.take(store, clock, "b", 1)
    slot.renew()
    assert slot.is_lost or years < 0  # nobody renews what it took a moment ago


def test_a_lost_answer_costs_no_place(store, clock):
    """A worker whose own write was answered by 412 after a retry has its place, and keeps it."""
    store.loses = True
    slot = ObjectLease.take(store, clock, "a", 1)
    clock.sleep(SLOT_RENEW_AFTER_SECONDS)
    store.loses = True
    slot.renew()
    assert not slot.is_lost
    slot.free()
    assert store.list("workers/") == []


def test_a_place_that_another_took(store, clock):
    """A worker that finds another in its place says so, without raising, and leaves it to the other."""
    slot = ObjectLease.take(store, clock, "a", 1)
    clock.sleep(SLOT_SECONDS + 1)
    assert ObjectLease.take(store, clock, "b", 1)
    slot.renew()
    assert slot.is_lost
    slot.free()
    assert ObjectLease.take(store, clock, "c", 1) is None


def test_a_store_that_is_down(store, clock, monkeypatch):
    """A place that could not be renewed now is not lost: it is tried again."""
    slot = ObjectLease.take(store, clock, "a", 1)
    clock.sleep(SLOT_RENEW_AFTER_SECONDS)

    def down(*_args, **_how):
        raise Temporary("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", down)
        slot.renew()
    slot.renew()
    assert not slot.is_lost
    clock.sleep(SLOT_SECONDS - 1)
    assert ObjectLease.take(store, clock, "b", 1) is None


def test_a_place_is_renewed_now_and_then(store, clock):
    """However often its worker asks, a place is renewed once in half a minute, and not once it is lost."""
    place = ObjectLease.take(store, clock, "a", 1)
    [entry] = store.list("workers/")
    clock.sleep(SLOT_RENEW_AFTER_SECONDS - 1)
    place.renew()
    assert store.get(entry.name).etag == entry.etag
    clock.sleep(1)
    for _ in range(2):
        place.renew()
    renewed = store.get(entry.name).etag
    assert renewed == str(int(entry.etag) + 1)
