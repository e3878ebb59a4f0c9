"""The lease of a run, and the status document that it lies in."""

import logging
from types import SimpleNamespace

import pytest

from functions.calls.deadline import Gate
from functions.errors import ConfigChanged, DeadlineReached, LeaseLost, Paused, Temporary
from functions.state.lease import RENEW_AFTER_SECONDS, HeldLease
from functions.state.status_document import StatusDocument, status_object
from functions.state.stop import PAUSE_OBJECT
from tests.support.memory import MemoryStore
from tests.support.plan_examples import OBJECT, sync
from tests.support.virtual_time import VirtualClock


@pytest.fixture
def clock():
    """Time that a test lets pass."""
    return VirtualClock()


@pytest.fixture
def store(clock):
    """A store with the config of the sync."""
    return MemoryStore("memory", clock)


def lease(store, clock, run):
    """Return a lease that is not taken yet, and its gate."""
    gate = Gate(clock, clock.monotonic() + 300)
    return HeldLease(StatusDocument(store, OBJECT, clock, run), run, clock, gate), gate


def take(store, clock, run):
    """Take the lease; return it and its gate."""
    held, gate = lease(store, clock, run)
    assert held.take(lambda _: None, mark_rerun=False)
    return held, gate


def free(store, clock):
    """Free the lease, whoever holds it."""

    def mutate(status):
        status.lease = None
        return True

    StatusDocument(store, OBJECT, clock, "another").change(mutate)


def test_a_lease_that_another_freed(store, clock):
    """A run whose lease was taken over and freed again stops with LeaseLost."""
    held, _ = take(store, clock, "one")
    free(store, clock)
    with pytest.raises(LeaseLost):
        held.change(lambda _: None)


@pytest.mark.parametrize("years", [1, -1])
def test_a_lease_after_a_year(store, clock, years):
    """A clock that jumps by a year, either way, holds no sync up: the next run takes the lease over."""
    held, gate = take(store, clock, "one")
    clock.seconds += years * 366 * 86_400.0
    other, _ = lease(store, clock, "two")
    assert other.take(lambda _: None, mark_rerun=True)
    assert other.took_over
    with pytest.raises(LeaseLost):
        held.change(lambda _: None)
    if years > 0:
        with pytest.raises((LeaseLost, DeadlineReached)):
            gate.check()


def test_the_lease_tells_how_far_its_run_is(store, clock):
    """Whatever the holder writes notes how many changes of how many are made; a new lease begins anew."""
    held, _ = take(store, clock, "one")
    held.progress = lambda: (3, 12)
    noted = held.change(lambda _: None).lease
    assert (noted.done, noted.total) == (3, 12)
    free(store, clock)
    held, _ = take(store, clock, "two")
    noted = held.change(lambda _: None).lease
    assert (noted.done, noted.total) == (0, 0)


def test_a_lost_lease_closes_the_gate(store, clock):
    """Renewing never raises: where the lease is gone no further vault call starts."""
    current = sync().model_copy(update={"etag": store.put(OBJECT, b"config")})
    held, gate = take(store, clock, "one")
    free(store, clock)
    clock.sleep(RENEW_AFTER_SECONDS)
    held.renew(current, store)
    assert isinstance(gate.closed_because, LeaseLost)


def test_a_sound_document_is_no_error(store, clock, caplog):
    """A document that is there, or is not, is loaded without a word; nonsense is an error in the log."""
    document = StatusDocument(store, OBJECT, clock, "one")
    with caplog.at_level(logging.WARNING):
        assert document.load().runs == []
        assert document.was_lost
        store.put(status_object(OBJECT), b'{"version": 3}')
        assert document.load().version == 3
        assert not document.was_lost
        assert caplog.records == []
        store.put(status_object(OBJECT), b"nonsense")
        assert document.load().version == 1
        assert document.was_lost
    (row,) = caplog.records
    assert (row.levelname, OBJECT in row.getMessage()) == ("ERROR", True)


@pytest.fixture
def held(store, clock):
    """A lease that is held, of a sync that is stored, and what renews it."""
    stored = sync().model_copy(update={"etag": store.put(OBJECT, b"{}")})
    one, gate = take(store, clock, "me")
    return SimpleNamespace(renew=lambda: one.renew(stored, store), gate=gate)


def test_when_a_lease_is_renewed(store, clock, held):
    """A lease is renewed each 15 s, and says when: what the run noted is then written, too."""
    until = held.gate.lease_until
    assert not held.renew()
    clock.sleep(RENEW_AFTER_SECONDS)
    assert held.renew()
    assert held.gate.lease_until == until + RENEW_AFTER_SECONDS
    assert not held.renew()
    clock.sleep(RENEW_AFTER_SECONDS - 0.1)
    assert not held.renew()


@pytest.mark.parametrize("what", ["config", "pause", "lease"])
def test_what_ends_a_run(store, clock, held, what):
    """A run whose config was changed, that is paused, or whose lease is another's starts no call any more."""
    clock.sleep(RENEW_AFTER_SECONDS)
    match what:
        case "config":
            store.put(OBJECT, b"{ }")
        case "pause":
            store.put(PAUSE_OBJECT, b"{}")
        case "lease":
            free(store, clock)
    assert not held.renew()
    assert isinstance(held.gate.closed_because, ConfigChanged | LeaseLost | Paused)
    store.delete(PAUSE_OBJECT)
    assert not held.renew(), "also where the reason is gone"


def test_a_renewal_that_fails_is_tried_again(store, clock, held, monkeypatch):
    """Where the store does not answer the lease lasts as long as it did, and is renewed when it answers."""
    until = held.gate.lease_until

    def fail(*_, **__):
        raise Temporary("later")

    clock.sleep(RENEW_AFTER_SECONDS)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "put", fail)
        assert not held.renew()
    assert (held.gate.lease_until, held.gate.closed_because) == (until, None)
    assert held.renew()
