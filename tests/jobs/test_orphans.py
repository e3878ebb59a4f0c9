"""Statuses without a config: marked, and deleted a day later with all that is known of the sync."""

from datetime import timedelta

import pytest

from functions.errors import Temporary
from functions.jobs.orphans import MOST_AT_ONCE, sweep
from functions.state.status import Lease, Status, parse_status
from tests.support.bare_services import bare_services
from tests.support.memory import MemoryStore
from tests.support.virtual_time import VirtualClock

CONFIG, STATUS = "secret-syncs/p/a.json", "status/p/a.json"
REST = ("memory/p/a.json", "verified/p/a")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def services():
    """A store with what is left of one sync."""
    clock = VirtualClock()
    services = bare_services(clock)
    for name in (STATUS, *REST):
        services.store.put(name, b"{}")
    return services


def swept(services, *, is_time_left=lambda: True):
    """Sweep; return what is left."""
    store = services.store
    sweep(services, store.list("secret-syncs/"), store.list("status/"), is_time_left)
    return sorted(
        row.name for kind in ("memory/", "status/", "verified/") for row in store.list(kind)
    )


def write(services, **fields):
    """Write the status."""
    services.store.put(STATUS, Status(**fields).to_json())


def marked_at(services):
    """Return since when the status has no config."""
    return parse_status(services.store.get(STATUS).body).orphaned_at


ALL = sorted((STATUS, *REST))


def test_a_status_without_config_is_marked_first(services):
    """What has no config is marked with the time, once, and all of it is kept."""
    now = services.clock.now()
    assert swept(services) == ALL
    assert marked_at(services) == now
    services.clock.sleep(60)
    assert swept(services) == ALL
    assert marked_at(services) == now


@pytest.mark.parametrize(("ago", "left"), [(DAY - MINUTE, ALL), (DAY, []), (2 * DAY, [])])
def test_it_is_deleted_a_day_later(services, ago, left):
    """A day after it was marked all that is left of it is deleted."""
    write(services, orphaned_at=services.clock.now() - ago)
    assert swept(services) == left


@pytest.mark.parametrize(("ends_in", "left"), [(MINUTE, ALL), (-MINUTE, [])])
def test_what_somebody_works_on_is_kept(services, ends_in, left):
    """Under a lease that runs nothing is deleted."""
    now = services.clock.now()
    write(services, orphaned_at=now - DAY, lease=Lease(run="r", expires_at=now + ends_in))
    assert swept(services) == left


def test_a_config_that_is_there_keeps_its_status(services):
    """A status whose config is there, or came back since the configs were listed, is neither marked nor deleted."""
    write(services, orphaned_at=services.clock.now() - DAY)
    services.store.put(CONFIG, b"{}")
    assert swept(services) == ALL
    sweep(services, [], services.store.list("status/"), lambda: True)
    assert sorted(row.name for row in services.store.list("status/")) == [STATUS]


def test_a_status_that_was_changed_meanwhile_is_kept(services, monkeypatch):
    """A status that somebody changed after the look at it is not deleted."""
    write(services, orphaned_at=services.clock.now() - DAY)
    delete = MemoryStore.delete

    def changed_first(store, name, **how):
        if name == REST[0]:
            write(services, version=7)
        delete(store, name, **how)

    monkeypatch.setattr(MemoryStore, "delete", changed_first)
    assert STATUS in swept(services)


def test_a_sweep_ends_with_its_time_and_goes_on_over_failures(services, monkeypatch):
    """Without time nothing is looked at; what fails stays for now, and the others are swept; so many at once."""
    assert swept(services, is_time_left=lambda: False) == ALL
    assert marked_at(services) is None
    for number in range(MOST_AT_ONCE):
        services.store.put(f"status/p/b{number:02}.json", b"{}")
    get, looked_at = MemoryStore.get, []

    def failing(store, name, **how):
        looked_at.append(name)
        if name == STATUS:
            raise Temporary("later")
        return get(store, name, **how)

    monkeypatch.setattr(MemoryStore, "get", failing)
    swept(services)
    assert len({name for name in looked_at if name.startswith("status/")}) == MOST_AT_ONCE
    monkeypatch.undo()
    assert marked_at(services) is None
    assert parse_status(services.store.get("status/p/b00.json").body).orphaned_at
