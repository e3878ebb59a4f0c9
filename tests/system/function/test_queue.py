"""The queue: what waits on purpose never becomes a dead letter, and who may push to it may only hint."""

import json

import pytest

from functions.jobs.drain import HIDE_SECONDS
from infra.local.oci.traffic import Fault
from tests.system.function.test_ticks import messages, put_job

MOST_DELIVERIES = 4
A_WHILE_SECONDS = 40
DOWN = Fault(
    "GetObject",
    status=404,
    code="NotAuthorizedOrNotFound",
    when=lambda call: "secret-syncs/" in call.name_or_id,
)


@pytest.fixture
def strict_world(world):
    """A queue that soon gives a message up."""
    world.queue.max_deliveries = MOST_DELIVERIES
    return world


def drain_again_and_again(world, between=lambda: None):
    """Drain more often than the queue delivers one message."""
    for _ in range(2 * MOST_DELIVERIES):
        between()
        world.command("drain")
        world.age(A_WHILE_SECONDS)


def test_a_job_that_another_run_holds_up(strict_world):
    """A job outlives a run of an hour that holds its sync, with all its attempts; then it is run."""
    world = strict_world
    sync = world.sync(values={"A": "1"})
    job = put_job(world, sync, cause="command")

    def hold():
        lease = {"run": "another", "expiresAt": world.soon(A_WHILE_SECONDS)}
        world.bucket.put(sync.status_object, json.dumps({"lease": lease}).encode())

    drain_again_and_again(world, hold)
    (left,) = messages(world)
    assert (left["jobId"], left["attempt"]) == (job["jobId"], 1)
    assert left["createdAt"] < left["notBefore"]
    assert world.queue.dead == []
    world.bucket.put(sync.status_object, b"{}")
    world.command("drain")
    assert (sync.live, messages(world)) == ({"A": "1"}, [])


def test_a_store_that_is_down_for_long(strict_world):
    """While the config store is down no job on the queue is lost."""
    world = strict_world
    sync = world.sync(values={"A": "1"})
    put_job(world, sync, cause="command")
    world.cloud.faults.append(DOWN)
    drain_again_and_again(world)
    assert [message["attempt"] for message in messages(world)] == [1]
    world.cloud.faults.clear()
    world.command("drain")
    assert (sync.live, messages(world), world.queue.dead) == ({"A": "1"}, [], [])


def test_jobs_that_time_does_not_suffice_for(strict_world):
    """Jobs that were taken and not begun for want of time wait without being counted."""
    world = strict_world
    slow, other = world.sync(values={"A": "1"}), world.sync(values={"A": "1"})
    for sync in (slow, other):
        put_job(world, sync, cause="command")
    world.infisical.faults = lambda _request: world.clock.sleep(1.1)
    world.briefly(4, {"command": "drain"})
    counted = {json.loads(m.content)["config"]: m.deliveries for m in world.queue.messages}
    assert counted[other.object] == 0


def test_a_job_that_kills_its_container(world, monkeypatch):
    """Jobs that were taken along with one that kills its container are run, and only that one becomes a dead letter."""
    world.queue.max_deliveries = 6
    syncs = [world.sync(values={name: "1"}) for name in ("DEADLY", "A", "B")]
    for sync in syncs:
        sync.store(isAutoSyncEnabled=False)  # nothing else runs it
        put_job(world, sync, cause="command")

    def kill(call):
        if call.name_or_id == "DEADLY":
            world.stack.host.kill()

    monkeypatch.setattr(world.cloud, "before", kill)
    for _ in range(8):
        world.invoke({"command": "tick"})
        world.age(HIDE_SECONDS + 1)
    assert [sync.live for sync in syncs[1:]] == [{"A": "1"}, {"B": "1"}]
    assert [json.loads(message.content)["config"] for message in world.queue.dead] == [
        syncs[0].object
    ]


@pytest.mark.parametrize("lost", ["PutMessages", "DeleteMessage"])
def test_putting_off_that_fails(strict_world, lost):
    """A job is deleted only after it was put anew; where either fails it is there all the same, and runs."""
    world = strict_world
    sync = world.sync(values={"A": "1"})
    put_job(world, sync, cause="command")
    broken = Fault(lost, status=404, code="NotAuthorizedOrNotFound")
    world.cloud.faults += [DOWN, broken]
    world.command("drain")
    assert len(messages(world)) == (1 if lost == "PutMessages" else 2)
    world.cloud.faults.clear()
    world.age(A_WHILE_SECONDS)
    world.command("drain")
    world.age(A_WHILE_SECONDS)
    world.command("drain")
    assert (sync.live, messages(world)) == ({"A": "1"}, [])
    assert len(sync.status.runs) == 1


def pending_removal(world, sync):
    """Put a removal on the queue that the row shows as pending."""
    job = put_job(world, sync, kind="remove", cause="command")
    shown = {"remove": {"status": "pending", "jobId": job["jobId"], "message": "tried again"}}
    world.bucket.put(sync.status_object, json.dumps(shown).encode())


def test_a_job_of_a_former_digest_key(world):
    """A job that waits while the digestKey changes is dropped, and its row says so, not that it is tried again."""
    sync = world.sync(values={"A": "1"})
    pending_removal(world, sync)
    (message,) = world.queue.messages
    message.content = json.dumps(json.loads(message.content) | {"seal": "0" * 64})
    world.command("drain")
    assert (sync.status.remove.status, messages(world)) == ("failed", [])
    assert "digestKey was changed while it waited" in sync.status.remove.message


def test_a_job_whose_config_became_wrong(world):
    """A job that waits while its config is spoilt is dropped, and its row says why."""
    sync = world.sync(values={"A": "1"})
    pending_removal(world, sync)
    world.bucket.put(sync.object, b"{")
    world.command("drain")
    assert (sync.status.remove.status, messages(world)) == ("failed", [])
    assert "The config is wrong" in sync.status.remove.message


def test_a_drop_that_concerns_another_job(world):
    """A forged message of a job that ended, or is no row's own, changes no row."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    put_job(world, sync, sealed=False, kind="remove", cause="command")
    before = sync.status
    world.command("drain")
    assert sync.status.remove == before.remove


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "remove", "cause": "tick", "args": {"deleteConfig": True}},
        {"kind": "remove", "cause": "command"},
        {"kind": "import", "cause": "api"},
    ],
    ids=str,
)
def test_who_may_push_to_the_queue_removes_nothing(world, fields):
    """A message that somebody else made has nothing removed, imported or forced; the log says so."""
    sync = world.sync(values={"A": "1"})
    sync.seed("B")
    sync.store(isAutoSyncEnabled=False)
    put_job(world, sync, sealed=False, **fields)
    world.tick()
    assert sync.states == {"B": "ACTIVE"}
    assert world.bucket.get(sync.object)
    assert messages(world) == []
    world.until(lambda: any("its seal is not of this digestKey" in line for line in world.log))


def test_who_may_push_to_the_queue_may_hint(world):
    """Somebody else's message has a sync looked at, as the clock does; it wakes none that was put to rest."""
    sync = world.sync(values={"A": "1"})
    put_job(world, sync, sealed=False, cause="webhook")
    world.command("drain")
    assert sync.live == {"A": "1"}
    assert sync.status.runs[0].cause == "tick"
    world.command("remove", sync)
    world.queue.messages.clear()
    put_job(world, sync, sealed=False, cause="command", createdAt=world.soon(1))
    world.age(20)
    world.command("drain")
    assert sync.states == {"A": "PENDING_DELETION"}
    assert messages(world) == []


def test_a_deletion_that_is_played_again(world):
    """A recorded message that deleted a sync does nothing to one that was made anew in its place."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    job = {"kind": "remove", "cause": "api", "args": {"deleteConfig": True}}
    put_job(world, sync, **job)
    world.command("drain")
    assert sync.live == {"A": "1"}
    assert messages(world) == []
    sync.store(isBeingRemoved=True)
    put_job(world, sync, **job)
    world.command("drain")
    assert sync.states == {"A": "PENDING_DELETION"}
    assert world.bucket.get(sync.object) is None
