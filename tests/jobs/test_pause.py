"""Pausing all syncs and telling people, in virtual time."""

from datetime import timedelta

import pytest

from functions.errors import Conflict, Paused
from functions.jobs.pause import pause, remind, resume
from functions.state.stop import PAUSE_OBJECT, check_not_paused, load_pause
from tests.support.bare_services import bare_services
from tests.support.memory import MemoryNotifier, MemoryStore
from tests.support.virtual_time import START, VirtualClock

HOUR = 3600
BEGINNING, STILL, END = (
    "Secret syncs are paused",
    "Secret syncs are still paused",
    "Secret syncs go on",
)


@pytest.fixture
def services():
    """Services whose notices are kept."""
    return bare_services(VirtualClock(), notifier=MemoryNotifier())


def test_people_are_reminded_once_a_day(services):
    """Of a pause that lasts people are told again after each day."""
    pause(services, "ann")
    told_at = []
    for hour in range(1, 50):
        services.clock.sleep(HOUR)
        remind(services)
        if len(services.notifier.notices) > 1 + len(told_at):
            told_at.append(hour)
    assert services.notifier.notices == [BEGINNING, STILL, STILL]
    assert told_at == [24, 48]


def test_a_pause_that_nobody_was_told_of(services):
    """Of a pause that was written by hand people are told at the next tick, and then once a day."""
    services.store.put(PAUSE_OBJECT, b"{}")
    remind(services)
    services.clock.sleep(HOUR)
    remind(services)
    assert services.notifier.notices == [STILL]


def test_ticks_of_a_pause_are_counted(services, monkeypatch):
    """Each tick that finds everything paused counts one."""
    counted = []
    monkeypatch.setattr(MemoryNotifier, "count", lambda _, *metrics: counted.append(metrics))
    pause(services, "ann")
    for _ in range(2):
        remind(services)
    assert counted == [({"paused": 1}, {"queue": "jobs"})] * 2


def test_a_pause_that_cannot_be_read(services, caplog):
    """An object that is no pause pauses all the same, and the log says what to do; resuming replaces it."""
    services.store.put(PAUSE_OBJECT, b"{")
    with pytest.raises(Paused):
        check_not_paused(services.store)
    assert f"{PAUSE_OBJECT} cannot be read, so everything is paused" in caplog.text
    resume(services, "ann")
    check_not_paused(services.store)


def test_who_and_when(services):
    """It is kept and told since when all is paused and by whom; a second pause or end changes and tells nothing."""
    assert resume(services, "bob") is None
    first = pause(services, "ann")
    services.clock.sleep(HOUR)
    assert pause(services, "bob") == first == load_pause(services.store)
    assert (first.since, first.by, first.is_on) == (START, "ann", True)
    with pytest.raises(Paused, match="paused since 2026-01-01T00:00:00Z by ann; resume them first"):
        check_not_paused(services.store)
    ended = resume(services, "bob")
    assert ended == load_pause(services.store)
    assert (ended.since, ended.by) == (START, "ann")
    assert (ended.until, ended.resumed_by) == (START + timedelta(hours=1), "bob")
    services.clock.sleep(HOUR)
    assert resume(services, "carol") == ended
    remind(services)
    check_not_paused(services.store)
    assert services.notifier.notices == [BEGINNING, END]


def before_the_next_write(monkeypatch, meanwhile):
    """Let something else happen between what a change reads and what it writes."""
    put = MemoryStore.put

    def late(store, name, body, **how):
        monkeypatch.undo()
        meanwhile(body)
        return put(store, name, body, **how)

    monkeypatch.setattr(MemoryStore, "put", late)


def test_somebody_else_was_faster(services, monkeypatch):
    """Who pauses while another pauses is told so; whose own answer was lost is not."""
    before_the_next_write(monkeypatch, lambda _: pause(services, "bob"))
    with pytest.raises(Conflict, match="Somebody else"):
        pause(services, "ann")
    assert load_pause(services.store).by == "bob"
    before_the_next_write(monkeypatch, lambda body: services.store.put(PAUSE_OBJECT, body))
    assert resume(services, "ann").resumed_by == "ann"
