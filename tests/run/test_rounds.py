"""Jobs too large for one run, in virtual time: each attempt gets on, and repeats nothing of an earlier one."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from greenlet import getcurrent

from functions.errors import NotFound, Refused
from functions.plan.models import JobKind
from functions.state.memory import Memory
from functions.state.whole_job import last_job
from functions.triggers.command import Command
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import (
    CONFIG,
    EVENT,
    FOLDER,
    held,
    status,
    ticks,
    until_quiet,
    world_of_one_sync,
)
from tests.system.simulation.memory_world import OTHER_COMPARTMENT
from tests.system.simulation.scheduler import Fiber

MANY = 300
CALL_SECONDS = 1.0
"""Four side by side: no more than some 150 in a tick."""
WRITES = ("create", "update", "tag", "restore", "schedule_deletion")
READS = ("get", "read", "find")


class Calls:
    """Counts the calls about single secrets, by operation and secret, each taking its time."""

    def __init__(self, world, monkeypatch):
        self.made = Counter()
        for operation in (*WRITES, *READS):
            monkeypatch.setattr(MemoryVault, operation, self._slow(world, operation))

    def _slow(self, world, operation):
        real = getattr(MemoryVault, operation)

        def call(vault, about, *args, **how):
            self.made[operation, getattr(about, "name", about)] += 1
            if isinstance(getcurrent(), Fiber):  # else its caller is dead, and it arrives late
                world.scheduler.sleep(CALL_SECONDS)
            return real(vault, about, *args, **how)

        return call

    def count(self, *operations):
        """Return how many calls of these operations were made."""
        return sum(times for (operation, _), times in self.made.items() if operation in operations)

    def most(self):
        """Return how often the most frequent call about one secret was made."""
        return max(self.made.values(), default=0)


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync of many secrets that is verified by ticks alone."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    world.vault.durations = type(world.vault.durations)()
    world._workers = 4
    world.source.folders[FOLDER] = values("1")
    return world


def values(value, number=MANY):
    """Return so many keys of this value."""
    return {f"K{n:03}": value for n in range(number)}


@pytest.fixture
def synced(world):
    """The same, in sync since long ago."""
    ticks(world, 1)
    world.scheduler.run(world.scheduler.seconds + 1800)
    assert len(world.secrets.list()) == MANY
    return world


def memory(world):
    """Return what the sync remembers."""
    return Memory.model_validate_json(world.store.get("memory/p/a.json", max_bytes=2_000_000).body)


def until_done(world, most_ticks=30):
    """Tick until the sync has succeeded and nothing waits; return how many ticks that took."""
    for number in range(1, most_ticks + 1):
        ticks(world, 1)
        if status(world).sync.status in ("succeeded", "failed") and not world.queue.messages:
            return number
    raise AssertionError(status(world))


@pytest.mark.parametrize("cause", ["tick", "webhook", "command"])
def test_a_first_sync_of_many_runs(world, monkeypatch, cause):
    """A sync that takes many runs makes no call about a secret that one uninterrupted run would not."""
    calls = Calls(world, monkeypatch)
    if cause == "webhook":
        world.start("sync", lambda hands: hands.webhook(EVENT))
    if cause == "command":
        command(world)
    assert until_done(world) > 1
    assert held(world) == values("1")
    assert calls.made == {("create", name): 1 for name in values("1")}
    told = [one for one in jobs(world) if one.counts.get("create")]
    assert [one.counts["create"] for one in told] == [MANY]
    assert {name for one in told for name in one.changed["create"]} == set(values("1"))


def jobs(world):
    """Return what each job did, as it is told."""
    runs = status(world).runs
    return [
        last_job(runs[number:])
        for number, run in enumerate(runs)
        if run.job_id not in {one.job_id for one in runs[:number]}
    ]


def command(world):
    """Order a sync."""
    order = Command(command="sync", sync="a")
    world.start("command", lambda hands: hands.dispatcher(10.0).command(order))


@pytest.mark.parametrize("listing_seconds", [0.0, 20.0, 200.0])
def test_changes_of_many_runs(synced, monkeypatch, listing_seconds):
    """However stale listings are, changes that take many runs are written once, and hardly anything is read."""
    monkeypatch.setattr(synced.network, "staleness", lambda: listing_seconds)
    calls = Calls(synced, monkeypatch)
    new = values("1", 260) | values("2", 200) | {"NEW": "1"}
    synced.source.folders[FOLDER] = new
    synced.start("sync", lambda hands: hands.webhook(EVENT))
    until_done(synced)
    assert held(synced) == new
    assert max(n for (operation, _), n in calls.made.items() if operation in WRITES) == 1


def test_a_verification_of_many_runs(synced, monkeypatch):
    """A verification goes on where it was: each content is read once, what drifted is repaired."""
    for number in (3, 150, 299):
        synced.vault.edit(f"K{number:03}", value=b"drifted")
    calls = Calls(synced, monkeypatch)
    synced.interval = timedelta(0)
    ticks(synced, 1)
    began_at, cursor = memory(synced).round.began_at, memory(synced).round.cursor
    assert "" < cursor < "K299"
    synced.interval = timedelta(hours=1)
    until_done(synced)
    assert held(synced) == values("1")
    assert calls.count("read") == MANY
    assert calls.count("update") == 3
    assert calls.most() == 1
    assert status(synced).verified_at == began_at
    assert memory(synced).round is None


def test_the_next_round_is_due_from_the_beginning_of_this_one(synced, monkeypatch):
    """What drifts behind the cursor of a long round waits one interval from its beginning, not its end."""
    Calls(synced, monkeypatch)
    synced.interval = timedelta(0)
    ticks(synced, 1)
    began_at = memory(synced).round.began_at
    synced.vault.edit("K000", value=b"drifted")
    synced.interval = timedelta(minutes=10)
    until_done(synced)
    assert memory(synced).round is None
    assert held(synced) != values("1")
    left = began_at + synced.interval - synced.scheduler.now()
    synced.scheduler.run(synced.scheduler.seconds + left.total_seconds() + 1)
    ticks(synced, 1)
    assert held(synced) == values("1")


def test_names_that_change_behind_and_before_the_cursor(synced, monkeypatch):
    """What the source changes in mid-round is written at once, wherever the cursor stands."""
    Calls(synced, monkeypatch)
    synced.interval = timedelta(0)
    ticks(synced, 1)
    cursor = memory(synced).round.cursor
    new = values("1") | {"K000": "2", "K299": "2", "A": "new", "Z": "new"}
    del new["K001"], new["K298"]
    synced.source.folders[FOLDER] = new
    synced.start("sync", lambda hands: hands.webhook(EVENT))
    synced.scheduler.run(synced.scheduler.seconds + 20)
    assert held(synced) == new
    assert memory(synced).round.cursor >= cursor
    synced.interval = timedelta(hours=1)
    until_done(synced)
    assert held(synced) == new


def test_an_event_in_mid_round_is_followed_by_a_round(synced, monkeypatch):
    """A hint that the vault was written to is served by a round that began after it, no earlier one."""
    Calls(synced, monkeypatch)
    synced.interval = timedelta(0)
    ticks(synced, 1)
    assert memory(synced).round.cursor > "K000"
    synced.interval = timedelta(hours=1)
    synced.vault.edit("K000", value=b"drifted behind the cursor")
    hinted_at = synced.scheduler.now()

    def hint(hands):
        dispatcher = hands.dispatcher()
        sync = dispatcher.configs.get(CONFIG)
        dispatcher.put([dispatcher.job(sync, JobKind.VERIFY, "vault-event", delay=60)])

    synced.start("event", hint)
    ticks(synced, 25)
    assert held(synced) == values("1")
    assert status(synced).verified_at >= hinted_at
    assert not synced.queue.messages


def test_a_name_that_always_fails_stops_no_round(synced, monkeypatch):
    """What can be neither read nor repaired is passed once, named at the end, and no hot loop."""
    synced.vault.edit("K150", value=b"drifted")
    calls = Calls(synced, monkeypatch)
    read, update = MemoryVault.read, MemoryVault.update

    def unreadable(vault, secret_id):
        if vault._vault.secrets[secret_id].name == "K010":
            calls.made["read", secret_id] += 1
            raise NotFound("hidden")
        return read(vault, secret_id)

    def refused(vault, secret, value, tags):
        if secret.name == "K150":
            calls.made["update", "K150"] += 1
            raise Refused("no")
        return update(vault, secret, value, tags)

    monkeypatch.setattr(MemoryVault, "read", unreadable)
    monkeypatch.setattr(MemoryVault, "update", refused)
    synced.interval = timedelta(0)
    ticks(synced, 1)
    synced.interval = timedelta(hours=1)
    until_done(synced)
    assert status(synced).sync.status == "failed"
    assert status(synced).runs[0].errors.keys() == {"K010", "K150"}
    assert calls.made["update", "K150"] == 1
    assert calls.most() == 1, calls.made.most_common(3)


def test_tags_that_are_refused_for_all(world, monkeypatch):
    """Where the vault takes no tags, a job of many runs knows by itself what it wrote and what it read."""
    create = MemoryVault.create
    monkeypatch.setattr(
        MemoryVault,
        "create",
        lambda vault, name, value, _tags, token: create(vault, name, value, {}, token),
    )
    calls = Calls(world, monkeypatch)
    world.start("sync", lambda hands: hands.webhook(EVENT))
    until_done(world)
    assert held(world) == values("1")
    assert calls.made == {("create", name): 1 for name in values("1")}

    world.scheduler.run(world.scheduler.seconds + 1200)
    calls.made.clear()
    world.start("sync", lambda hands: hands.webhook(EVENT))
    until_done(world)
    assert calls.count("read") == MANY
    assert calls.count(*WRITES) == 0


def test_another_config_begins_the_round_again(synced, monkeypatch):
    """A verification that another config or key overtook begins again."""
    Calls(synced, monkeypatch)
    synced.interval = timedelta(0)
    ticks(synced, 1)
    first = memory(synced).round
    synced.store.put(CONFIG, synced.store.get(CONFIG).body)
    ticks(synced, 1)
    assert memory(synced).round.began_at > first.began_at
    assert memory(synced).round.config_etag != first.config_etag


@pytest.mark.parametrize("behavior", ["prioritize-source", "prioritize-destination"])
def test_an_import_of_many_runs(synced, monkeypatch, behavior):
    """An import keeps the names that it has done: nothing is read or written twice."""
    calls = Calls(synced, monkeypatch)
    synced.source.folders[FOLDER] = {"K000": "source"}
    written = Counter()
    write = MemorySource.write

    def counted(source, folder, new, *, replace):
        written.update(new.keys())
        if "K007" in new:
            return {"K007": "refused"} | write(source, folder, new, replace=replace)
        return write(source, folder, new, replace=replace)

    monkeypatch.setattr(MemorySource, "write", counted)
    order = Command(command="import", sync="a", import_behavior=behavior)
    synced.start("command", lambda hands: hands.dispatcher(10.0).command(order))
    until_quiet(synced)
    assert status(synced).import_.status == "failed"
    assert status(synced).runs[0].errors == {"K007": "refused"}
    assert calls.count("read") <= 1.1 * MANY  # those that time was up for, in each run
    assert max(written.values()) == 1
    assert memory(synced).import_pending.keys() == {"K007"}
    assert memory(synced).imported == {}


def test_a_removal_of_many_runs(synced, monkeypatch):
    """A removal deletes each secret once, however many runs that takes."""
    calls = Calls(synced, monkeypatch)
    monkeypatch.setattr(synced.auditor, "judge", lambda *_: [])  # it knows of no removal
    order = Command(command="remove", sync="a")
    synced.start("command", lambda hands: hands.dispatcher(10.0).command(order))
    until_quiet(synced)
    assert held(synced) == {}
    assert status(synced).remove.status == "succeeded"
    looks = {call for call in calls.made if call[0] == "get"}  # at what has no tag of the sync
    assert calls.made.keys() - looks == {("schedule_deletion", name) for name in values("1")}
    assert calls.most() == 1


@pytest.mark.parametrize("at_call", [1, 37, 120, 250, 290])
@pytest.mark.parametrize("kind", ["creates", "verification"])
def test_a_run_that_is_killed(world, monkeypatch, kind, at_call):
    """Whenever runs are killed in a long job, what was noted before is not done again, and it ends right."""
    if kind == "verification":
        ticks(world, 1)
        world.scheduler.run(world.scheduler.seconds + 1800)
        for number in range(0, MANY, 7):
            world.vault.edit(f"K{number:03}", value=b"drifted")
        world.interval = timedelta(0)
    calls = Calls(world, monkeypatch)
    kills = []

    def kill_at(process_calls=calls):
        total = sum(process_calls.made.values())
        alive = [process for process in world.processes if process.is_alive]
        if total >= at_call and alive and not kills:
            kills.append(total)
            for process in alive:
                world.network.crash(process)
        elif not kills:
            world.scheduler.at(world.scheduler.seconds + 0.5, kill_at)

    world.scheduler.at(world.scheduler.seconds + 0.5, kill_at)
    ticks(world, 4)
    world.interval = timedelta(hours=1)
    ticks(world, 16)
    assert kills
    assert held(world) == values("1")
    assert status(world).sync.status == "succeeded"
    needed = MANY if kind == "creates" else len(range(0, MANY, 7))
    under_way = world._workers
    assert calls.count(*WRITES) <= needed + under_way


def test_a_value_that_comes_back(synced, monkeypatch):
    """A to B to A within minutes: a stale listing that shows the first A is not believed."""
    monkeypatch.setattr(synced.network, "staleness", lambda: 120.0)
    for value in ("A", "B", "A", "B"):
        synced.source.folders[FOLDER] |= {"K000": value}
        synced.start("sync", lambda hands: hands.webhook(EVENT))
        synced.scheduler.run(synced.scheduler.seconds + 20)
        assert held(synced)["K000"] == value


def test_a_deletion_that_a_stale_list_hides(synced, monkeypatch):
    """A key that is deleted and comes back at once is restored, though the listing shows it as ACTIVE."""
    monkeypatch.setattr(synced.network, "staleness", lambda: 120.0)
    value = synced.source.folders[FOLDER].pop("K000")
    synced.start("sync", lambda hands: hands.webhook(EVENT))
    synced.scheduler.run(synced.scheduler.seconds + 20)
    assert "K000" not in held(synced)
    synced.source.folders[FOLDER]["K000"] = value
    synced.start("sync", lambda hands: hands.webhook(EVENT))
    synced.scheduler.run(synced.scheduler.seconds + 20)
    assert held(synced)["K000"] == value
    ticks(synced, 2)
    assert held(synced) == values("1")


def test_a_change_during_a_long_run(world, monkeypatch):
    """A change of the source that comes while many secrets are written does not wait until all are."""
    calls = Calls(world, monkeypatch)
    world.source.folders[FOLDER] = values("1", 1000)
    world.start("tick", lambda hands: hands.tick())
    world.scheduler.run(world.scheduler.seconds + 5)
    world.source.folders[FOLDER] = values("1", 1000) | {"AAA": "urgent"}
    world.start("sync", lambda hands: hands.webhook(EVENT))
    world.scheduler.run(world.scheduler.seconds + 60)
    ticks(world, 2)
    assert held(world)["AAA"] == "urgent"
    assert calls.count("create") < 1000


def test_a_cleanup_of_many_runs(synced, monkeypatch):
    """What an edit left behind is deleted once each, however many runs that takes, and none is forgotten."""
    calls = Calls(synced, monkeypatch)
    monkeypatch.setattr(synced.auditor, "judge", lambda *_: [])  # it knows of no cleanup
    config = json.loads(synced.store.get(CONFIG).body)
    config["destinationConfig"]["compartmentOcid"] = OTHER_COMPARTMENT
    synced.source.folders[FOLDER] = {"K000": "1"}
    synced.store.put(CONFIG, json.dumps(config).encode())
    synced.start("webhook", lambda hands: hands.webhook(EVENT))
    ticks(synced, 2)
    order = Command(command="cleanup", sync="a")
    synced.start("command", lambda hands: hands.dispatcher(10.0).command(order))
    until_quiet(synced)
    gone = {("schedule_deletion", name): 1 for name in values("1")}
    assert {what: n for what, n in calls.made.items() if what[0] == "schedule_deletion"} == gone
