"""What a tick does with syncs, one after another, in virtual time."""

import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.jobs.drain import Drainer
from functions.jobs.seal import seal
from functions.jobs.tick import LOOK_FOR_PAUSE_SECONDS, SYNCS_A_WORKER, Ticker, due
from functions.plan.models import JobKind
from functions.ports import Entry
from functions.state.lease import SLOT_RENEW_AFTER_SECONDS, ObjectLease
from functions.state.status import Lease, Status
from functions.state.stop import PAUSE_OBJECT
from tests.support.memory import MemoryInvoker
from tests.support.one_sync import CONFIG, FOLDER, answer_of, status, ticks, world_of_one_sync
from tests.support.plan_examples import NOW
from tests.support.virtual_cloud import TICK_EVERY_SECONDS, VirtualCloud

MANY = 400
VERIFIED = "verified/p/a"
BEFORE, AFTER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


@pytest.fixture
def world():
    """A calm world with one sync."""
    return world_of_one_sync()


def config(world, **fields):
    """Change fields of the config, by hand."""
    stored = json.loads(world.store.get(CONFIG).body)
    world.store.put(CONFIG, json.dumps(stored | fields).encode())


def write(world, **fields):
    """Write a status document, of a sync whose config is known."""
    known = Status(config_etag=world.store.get(CONFIG).etag, **fields)
    world.store.put("status/p/a.json", known.to_json())


def add_sync(world, name):
    """Add another sync."""
    other = json.loads(world.store.get(CONFIG).body) | {"name": name, "secretPath": f"/{name}"}
    other["syncOptions"]["keySchema"] = f"{name}-{{{{secretKey}}}}"
    world.store.put(f"secret-syncs/p/{name}.json", json.dumps(other).encode())
    world.source.folders[replace(FOLDER, path=f"/{name}")] = {"B": "1"}


@pytest.fixture
def order(world, monkeypatch):
    """Which folders were read."""
    read, order = type(world.source).read, []

    def noted(self, folder, **how):
        order.append(folder.path)
        return read(self, folder, **how)

    monkeypatch.setattr(type(world.source), "read", noted)
    return order


def runs(world):
    """Return the kinds of the runs, newest first."""
    return [run.kind for run in status(world).runs]


@pytest.mark.parametrize(
    ("config_at", "verified_at", "took_seconds", "is_due"),
    [
        (BEFORE, None, 0, True),
        (BEFORE - timedelta(days=1), NOW, 0, True),
        (BEFORE - timedelta(days=1), AFTER, 0, False),
        (BEFORE - timedelta(days=1), AFTER, (AFTER - NOW).seconds, True),
        (BEFORE - timedelta(days=1), AFTER, (AFTER - NOW).seconds - 1, False),
        (AFTER + timedelta(seconds=1), AFTER, 0, True),
        (AFTER, AFTER, 0, True),
        (None, AFTER, 0, False),
    ],
)
def test_what_is_due(config_at, verified_at, took_seconds, is_due):
    """Due is what was never verified, in no round begun since a time, or not since its config was written."""
    verified = [Entry(VERIFIED, "e", verified_at, took_seconds)] if verified_at else []
    assert bool(due([Entry(CONFIG, "e", config_at, 2)], verified, NOW)) == is_due


def test_times_that_a_store_does_not_tell():
    """What is listed without the time of its verification counts as never verified."""
    configs = [Entry(CONFIG, "e", BEFORE, 2)]
    assert due(configs, [Entry(VERIFIED, "e", None, 0)], NOW) == configs


def test_the_longest_unverified_is_first():
    """What was not verified for the longest time is verified first, what never was before all."""
    configs = [Entry(f"secret-syncs/p/{name}.json", "e", BEFORE, 2) for name in "abc"]
    verified = [Entry("verified/p/a", "e", BEFORE, 0), Entry("verified/p/b", "e", NOW, 0)]
    names = [entry.name[-6] for entry in due(configs, verified, NOW)]
    assert names == ["c", "a", "b"]


@pytest.mark.parametrize("is_new", [True, False])
def test_a_job_that_waits(world, is_new):
    """A sync whose job waits on the queue is left alone, unless its config was written since."""
    write(world, retry_at=world.scheduler.now() + timedelta(seconds=90))
    if is_new:
        config(world, description="changed")
    ticks(world, 1)
    assert runs(world) == ([JobKind.VERIFY] if is_new else [])


@pytest.mark.parametrize(
    ("fields", "known"),
    [({"isAutoSyncEnabled": False}, {}), ({}, {"is_paused": True})],
    ids=["auto-sync is off", "its secrets were removed"],
)
def test_what_is_left_alone(world, fields, known):
    """A sync that nobody wants to run by itself counts as verified, so that no tick looks again."""
    config(world, **fields)
    write(world, **known)
    ticks(world, 1)
    assert (runs(world), len(world.secrets.list())) == ([], 0)
    assert world.store.get(VERIFIED) is not None


def test_a_broken_config(world):
    """A config that cannot be read counts as verified: it is looked at again when it was written."""
    world.store.put(CONFIG, b"nonsense")
    ticks(world, 1)
    assert world.store.get(VERIFIED) is not None
    assert runs(world) == []


def test_a_sync_whose_last_run_died_comes_last(world, order):
    """A sync whose lease ran out unreleased is verified after all others: it may kill this tick too."""
    write(world, lease=Lease(run="dead", expires_at=world.scheduler.now() - timedelta(seconds=50)))
    add_sync(world, "b")
    ticks(world, 1)
    assert order == ["/b", "/a"]


def ticker_of(world, invocation, invoker=None):
    """Return what ticks and works in an invocation."""
    own = invocation.dispatcher()
    drainer = Drainer(own.services, own.queue, own.configs, own.new_gate)
    return Ticker(own, drainer, invoker, world.interval, 2)


def queue_all(ticker):
    """Put a job of each sync on the queue."""
    own = ticker.dispatcher
    jobs = [
        own.job(sync, JobKind.SYNC, "command") for sync in own.configs.load(own.configs.entries())
    ]
    own.queue.put([seal(job, own.services.digests) for job in jobs])


@pytest.mark.parametrize("left", ["nothing", "due", "queued"])
def test_when_workers_are_called(world, monkeypatch, left):
    """Workers are called where time did not suffice for what is due, or for what is queued, and only then."""
    add_sync(world, "b")
    if left != "due":
        ticks(world, 1)
    read, is_time_left, called = type(world.source).read, True, []

    def last(self, folder, **how):
        nonlocal is_time_left
        is_time_left = False
        return read(self, folder, **how)

    monkeypatch.setattr(type(world.source), "read", last)

    def tick(invocation):
        ticker = ticker_of(world, invocation, MemoryInvoker(called.append))
        if left == "queued":
            queue_all(ticker)
        ticker.tick(lambda: is_time_left)
        return ticker

    ticker = answer_of(world, tick, 60)
    assert called == ([] if left == "nothing" else [{"command": "drain"}] * ticker.max_workers)


@pytest.mark.parametrize("ends_by", [None, "time", "pause", "another worker"])
def test_when_a_worker_stops(world, order, monkeypatch, ends_by):
    """A worker stops once its time is over, all is paused or its place is lost; what it took stays on the queue."""
    for name in "bc":
        add_sync(world, name)
    read, is_time_left = type(world.source).read, True

    def slow(self, folder, **how):
        nonlocal is_time_left
        is_time_left = ends_by != "time"
        if ends_by == "pause":
            world.store.put(PAUSE_OBJECT, b"{}")
        if ends_by == "another worker":
            [place] = world.store.list("workers/")
            world.store.put(place.name, world.store.get(place.name).body)
            world.scheduler.sleep(SLOT_RENEW_AFTER_SECONDS)
        world.scheduler.sleep(LOOK_FOR_PAUSE_SECONDS)
        return read(self, folder, **how)

    monkeypatch.setattr(type(world.source), "read", slow)

    def work(invocation):
        ticker = ticker_of(world, invocation)
        queue_all(ticker)
        return ticker.work(lambda: is_time_left)

    assert answer_of(world, work, 120)
    every = ["/a", "/b", "/c"]
    assert order == (every[:1] if ends_by else every)
    # What goes back unopened is a new message: it must not become a dead letter.
    left = len(every) - len(order)
    assert [message.deliveries for message in world.queue.messages] == [0] * left
    assert bool(world.store.list("workers/")) == (ends_by == "another worker")


@pytest.mark.parametrize("others", [1, 2])
def test_no_more_workers_than_places(world, order, others):
    """A worker for whom no place is left says so, and takes nothing off the queue."""
    for number in range(others):
        ObjectLease.take(world.store, world.scheduler, f"{number}", 2)

    def work(invocation):
        ticker = ticker_of(world, invocation)
        queue_all(ticker)
        return ticker.work(lambda: True)

    assert answer_of(world, work, 30) == (others == 1)
    assert order == (["/a"] if others == 1 else [])


def test_a_sync_that_another_run_is_at(world, caplog):
    """A sync that another run holds is left to it: nothing waits on the queue for it."""
    held = Lease(run="other", expires_at=world.scheduler.now() + timedelta(seconds=90))
    write(world, lease=held)
    ticks(world, 1)
    assert (runs(world), len(world.queue.messages)) == ([], 0)
    assert not [row for row in caplog.records if row.levelno >= logging.ERROR]


def test_an_error_that_nobody_foresaw(world, monkeypatch, caplog):
    """An unexpected error ends a tick, and is told by its kind alone: its text might hold anything."""

    def fail(*_):
        raise RuntimeError("hunter2")

    monkeypatch.setattr(type(world.queue), "receive", fail)
    ticks(world, 1)
    assert "the tick ended by an unexpected RuntimeError" in caplog.messages
    assert "hunter2" not in caplog.text


def test_when_dead_letters_are_counted(world, monkeypatch):
    """What the queue gave up is counted after each tick that took jobs, and else every ten minutes."""
    asked, depth = [], type(world.queue).depth

    def noted(queue):
        asked.append(minute)
        return depth(queue)

    monkeypatch.setattr(type(world.queue), "depth", noted)
    for minute in range(31):
        if minute == 15:
            world.queue.put(["no job"])
        ticks(world, 1)
    assert asked == [0, 10, 15, 20, 30]


def test_no_more_is_put_on_the_queue_than_workers_get_on_with():
    """However many syncs are due, each is verified once, and hints do not wait behind all of them."""
    cloud = VirtualCloud(calls_per_second=10, max_workers=2)
    for number in range(MANY):
        cloud.add_sync(f"s{number}", {"A": "1"}, compartment=f"c{number}")
    for _ in range(3):
        cloud.tick()
        cloud.pass_time(TICK_EVERY_SECONDS)
    cloud.rate = None
    cloud.pass_time(2 * cloud.interval.total_seconds())
    cloud.rate = 2
    cloud.take_calls()
    most = 0
    for _ in range(4):
        cloud.tick()
        cloud.pass_time(TICK_EVERY_SECONDS)
        most = max(most, len(cloud.queue.messages))
    assert 0 < most <= cloud.max_workers * SYNCS_A_WORKER
    while cloud.running or cloud.queue.messages:
        cloud.tick()
        cloud.pass_time(TICK_EVERY_SECONDS)
    # What a worker is at while the tick lists may be verified once more.
    assert MANY <= cloud.calls["vault.read"] - cloud.refused["vault.read"] <= 1.03 * MANY
