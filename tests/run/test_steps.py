"""How many calls a run makes in a row: counted in virtual time, in which each call takes equally long."""

from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from functions.triggers.oci_event import ResourceEvent
from tests.support.one_sync import CONFIG, EVENT, FOLDER, status, ticks, world_of_one_sync
from tests.system.simulation.events import BUCKET
from tests.system.simulation.memory_world import COMPARTMENT, Container

CALL_SECONDS = 0.5
MANY = 200
CHANGED = 10
LOAD = {"queue.put": 1, "store.get": 2, "store.list": 1}
"""The queue message; the status and the stop; the configs of the project."""
BEGIN = {"store.put": 1, "source.read": 1, "vault.list": 1, "store.get": 1}
"""The lease; both sides; the memory."""


@pytest.fixture
def world(monkeypatch):
    """A calm world with one warm container and one sync of 200 secrets, in sync since long ago."""
    world = world_of_one_sync()
    world._workers = 2 * CHANGED
    world.vault.durations = type(world.vault.durations)()
    world.source.folders[FOLDER] = {f"K{n:03}": "1" for n in range(MANY)}
    ticks(world, 1)
    world.scheduler.run(world.scheduler.seconds + 1800)
    monkeypatch.setattr(world.network, "_latency", lambda: CALL_SECONDS / 2)
    return world


def steps_of(world, monkeypatch, work):
    """Return the calls of an invocation by the moment at which they began; telling people comes after it."""
    carry, began = world.network.carry, defaultdict(Counter)

    def noted(process, family, operation, effect):
        if family != "notify":
            began[world.scheduler.seconds][f"{family}.{operation}"] += 1
        return carry(process, family, operation, effect)

    answers = []
    with monkeypatch.context() as patch:
        patch.setattr(world.network, "carry", noted)
        world.start("work", work, answers.append)
        world.scheduler.run(world.scheduler.seconds + 30)
    assert answers
    return [began[at] for at in sorted(began)]


def webhook(hands):
    """Take the webhook of the folder."""
    return hands.webhook(EVENT)


def config_event(hands):
    """Take the event that the config was written."""
    about = f"prefix/{CONFIG}"
    kind = "com.oraclecloud.objectstorage.updateobject"
    return hands.dispatcher().event(ResourceEvent(kind, about, COMPARTMENT, BUCKET))


def test_an_event_that_finds_nothing(world, monkeypatch):
    """A webhook for which there is nothing to do makes three calls in a row: load and put, lease and look, record."""
    assert steps_of(world, monkeypatch, webhook) == [LOAD, BEGIN, {"store.put": 1}]
    assert status(world).runs[0].counts == {"unchanged": MANY, "errors": 0}


def test_a_written_config_that_changes_nothing(world, monkeypatch):
    """The event of a written config makes three calls in a row as well."""
    read = {"queue.put": 1, "store.get": 3}
    assert steps_of(world, monkeypatch, config_event) == [read, BEGIN, {"store.put": 1}]


def test_an_event_that_writes(world, monkeypatch):
    """A webhook for which one in twenty secrets changed makes five calls in a row, and reads no content."""
    world.source.folders[FOLDER] |= {f"K{n:03}": "2" for n in range(CHANGED)}
    load, begin, mark, write, record = steps_of(world, monkeypatch, webhook)
    assert (load, begin) == (LOAD, BEGIN)
    assert mark["store.put"] == 2
    assert write == {"vault.update": CHANGED}
    assert record == {"store.put": 2}


def test_a_container_that_just_started(world, monkeypatch):
    """A container that knows no config reads those of the project before it queues anything: two calls more."""
    world.containers[:] = [Container()]
    first, second, third, *rest = steps_of(world, monkeypatch, webhook)
    assert (first, second) == ({"store.list": 1, "store.get": 1}, {"store.get": 1})
    assert (third, rest) == ({"queue.put": 1, "store.get": 1}, [BEGIN, {"store.put": 1}])


def test_a_tick_that_verifies(world, monkeypatch):
    """A run of a tick looks while it takes the lease, too."""
    world.interval = timedelta(0)
    steps = steps_of(world, monkeypatch, lambda hands: hands.tick())
    assert BEGIN in steps


def test_hints_keep_their_distance(world, monkeypatch):
    """Within two seconds of the last read a hint only takes the lease, and reads when that time is over."""
    steps_of(world, monkeypatch, webhook)
    read_at = world.scheduler.now()
    stored = status(world).model_copy(update={"read_at": read_at})
    world.store.put("status/p/a.json", stored.to_json())
    load, lease, mark, look, record = steps_of(world, monkeypatch, webhook)
    assert (load, lease, mark) == (LOAD, {"store.put": 1}, {"store.put": 1})
    assert look == {"source.read": 1, "vault.list": 1, "store.get": 1}
    assert record == {"store.put": 1}
    assert status(world).read_at - read_at >= timedelta(seconds=2)
