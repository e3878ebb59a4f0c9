"""Ticks, events and the queue: what is due is done, and nothing is lost or done for ever."""

import json
from uuid import uuid4

import pytest

from functions.jobs.seal import seal_fields
from functions.plan.job import MAX_ATTEMPTS
from infra.local.oci.cloud import BUCKET, QUEUE_ID
from infra.local.oci.queue import Message
from infra.local.oci.traffic import Fault
from tests.support.payloads import payload
from tests.support.world import PREFIX, reads_nothing

TICKS = ("alarm-ok-to-firing", "alarm-repeat", "resource-scheduler")


def messages(world):
    """Return the messages on the queue."""
    return [json.loads(text) for text in world.cloud.queues.contents(QUEUE_ID)]


def put_job(world, sync, *, sealed=True, **fields):
    """Put a job on the queue as if a trigger had, a while ago; unsealed, as if somebody else had."""
    job = {
        "v": 1,
        "config": sync.object,
        "kind": "sync",
        "cause": "webhook",
        "createdAt": world.soon(-60),
        "notBefore": world.soon(-60),
        "attempt": 1,
        "jobId": str(uuid4()),
        **fields,
    }
    world.cloud.queues.put(QUEUE_ID, seal_fields(job, world.digests) if sealed else json.dumps(job))
    return job


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", *map(payload, TICKS)],
    ids=["empty", "blank", *TICKS],
)
def test_what_ticks(world, body):
    """An empty body, a firing alarm, a repetition and a scheduler's body each tick."""
    sync = world.sync(values={"A": "1"})
    assert world.call(body) == {"message": "tick"}
    assert sync.live == {"A": "1"}
    assert [run.cause for run in sync.status.runs] == ["tick"]


@pytest.mark.parametrize("name", ["alarm-firing-to-ok", "alarm-reset"])
def test_what_does_not_tick(world, name):
    """An alarm that stops firing does nothing."""
    world.sync()
    assert world.call(payload(name))["message"].startswith("Nothing to do")
    assert reads_nothing(world)


def test_a_verified_sync_is_not_due(world):
    """A tick verifies what was never verified, or long ago, or has a new config; nothing else."""
    sync = world.sync(values={"A": "1"})
    for aged, due in [(0, True), (0, False), (3000, False), (1000, True)]:
        world.age(aged)
        runs = len(sync.status.runs)
        world.tick()
        assert (len(sync.status.runs) > runs) == due
    sync.store(description="edited")
    world.tick()
    assert len(sync.status.runs) == 3


def test_syncs_that_kill_their_container(world, monkeypatch):
    """Syncs whose verification kills the container each time come last: the others are verified all the same."""
    for name in ("DEADLY1", "DEADLY2"):
        world.sync(values={name: "1"})
    others = [world.sync(values={"A": "1"}) for _ in range(2)]
    tried = []

    def kill(call):
        if call.name_or_id.startswith("DEADLY"):
            tried.append(call.name_or_id)
            world.stack.host.kill()

    monkeypatch.setattr(world.cloud, "before", kill)
    for _ in range(5):
        world.invoke(payload("resource-scheduler"))
        world.age(60)
    assert [sync.live for sync in others] == [{"A": "1"}] * 2
    assert set(tried) == {"DEADLY1", "DEADLY2"}


@pytest.mark.parametrize("when", ["ListSecrets", "CreateSecret"])
def test_a_config_edited_while_it_is_verified(any_world, when):
    """A config that is edited while a tick verifies it, unseen by any event, is due at the next tick."""
    world = any_world
    sync = world.sync(values={"A": "1"})
    world.tick()
    world.command("drain")
    sync.set("B", "2")
    sync.store(description="due again")

    def during(call):
        if call.operation == when:
            world.cloud.before = lambda _call: None
            sync.store(syncOptions={**sync.config["syncOptions"], "keySchema": "app_{{secretKey}}"})

    world.cloud.before = during
    world.tick()
    world.tick()
    assert sync.live.get("app_B") == "2"


def test_drift_is_put_right(world):
    """A value changed or a secret deleted by hand in the vault is put right and reported as drift."""
    sync = world.sync(values={"A": "1", "B": "2", "C": "3"})
    world.tick()
    sync.edit("A", value=b"by hand")
    sync.edit("B", state="PENDING_DELETION")
    sync.run()
    assert sync.live == {"A": "1", "B": "2", "C": "3"}
    assert sync.status.runs[0].drift == ["A", "B"]
    world.age(4000)
    world.tick()
    assert sync.status.runs[0].drift == []


def test_an_event_run_does_not_look_for_drift(world):
    """An event run compares digests, so a value changed by hand waits for the next verification."""
    sync = world.sync(values={"A": "1"})
    world.tick()
    world.age(1000)
    sync.edit("A", value=b"by hand")
    sync.webhook()
    assert sync.live == {"A": "by hand"}
    world.age(4000)
    world.tick()
    assert sync.live == {"A": "1"}


def test_several_messages_are_one_run(world):
    """Many hints for one sync on the queue become one run."""
    sync = world.sync(values={"A": "1"})
    for _ in range(45):
        put_job(world, sync)
    world.command("drain")
    assert (sync.live, messages(world)) == ({"A": "1"}, [])
    assert len(sync.status.runs) == 1


def test_unreadable_messages(world):
    """Messages that are not JSON, of an unknown version or nonsense are logged and deleted."""
    sync = world.sync(values={"A": "1"})
    for text in ("not json", "[]", "{}", "\x00"):
        world.cloud.queues.put(QUEUE_ID, text)
    put_job(world, sync, v=2)
    put_job(world, sync, kind="dance")
    put_job(world, sync, config="../../other")
    put_job(world, sync)
    world.tick()
    assert (sync.live, messages(world)) == ({"A": "1"}, [])
    world.until(lambda: sum("a message is dropped" in line for line in world.log) == 7)


def test_a_job_of_a_sync_that_is_gone(world):
    """A job for a sync that is gone, or whose config is wrong, is dropped."""
    gone, wrong = world.sync(), world.sync()
    for sync in (gone, wrong):
        put_job(world, sync, cause="command")
    world.cloud.objects.remove(BUCKET, f"{PREFIX}/{gone.object}")
    world.bucket.put(wrong.object, b"{}")
    world.tick()
    assert messages(world) == []


def test_the_last_attempt(world):
    """The 20th attempt writes `failed`, tells people, and is not put on the queue again."""
    sync = world.sync(values={"A": "1"})
    world.infisical.faults = lambda _request: unavailable()
    put_job(world, sync, attempt=MAX_ATTEMPTS)
    world.command("drain")
    assert sync.status.sync.status == "failed"
    assert f"Gave up after {MAX_ATTEMPTS} attempts" in sync.status.sync.message
    assert messages(world) == []
    assert len(world.notices) == 1


def test_a_sync_given_up_goes_on_when_the_obstacle_is_gone(world):
    """After the last attempt the sync stays due: the next tick brings it in step, and tells people."""
    sync = world.sync(values={"A": "1"})
    world.tick()
    world.age(100)
    sync.set("A", "2")
    world.infisical.faults = lambda _request: unavailable()
    put_job(world, sync, attempt=MAX_ATTEMPTS)
    world.command("drain")
    assert sync.status.sync.status == "failed"
    world.infisical.faults = lambda _request: None
    world.tick()
    assert (sync.live, sync.status.sync.status) == ({"A": "2"}, "succeeded")
    assert len(world.notices) == 2


def test_a_fresh_job_is_not_given_up_with_an_old_one(world):
    """A new hint that is served together with a last attempt has its own attempts before it."""
    sync = world.sync(values={"A": "1"})
    world.infisical.faults = lambda _request: unavailable()
    put_job(world, sync, attempt=MAX_ATTEMPTS)
    put_job(world, sync)
    world.command("drain")
    assert [message["attempt"] for message in messages(world)] == [2]
    assert sync.status.sync.status == "pending"


def test_times_that_cannot_be_are_not_believed(world):
    """A status edited to say that the source was read in the year 2999 holds back no later job."""
    sync = world.sync(values={"A": "1"})
    world.tick()
    name = f"status/{sync.object.removeprefix('secret-syncs/')}"
    status = json.loads(world.bucket.get(name))
    world.bucket.put(name, json.dumps(status | {"readAt": "2999-01-01T00:00:00Z"}).encode())
    world.age(100)
    sync.set("A", "2")
    put_job(world, sync)
    world.command("drain")
    assert sync.live == {"A": "2"}


def unavailable():
    """End a connection without an answer."""
    raise ConnectionAbortedError


def test_an_unfinished_job_is_put_anew(world):
    """A job that did not end is put on the queue with the next attempt and a due time, and runs then."""
    sync = world.sync(values={"A": "1"})
    world.infisical.faults = lambda _request: unavailable()
    job = put_job(world, sync)
    world.command("drain")
    (again,) = messages(world)
    assert (again["attempt"], again["jobId"]) == (2, job["jobId"])
    assert again["notBefore"] > job["notBefore"]
    assert sync.status.sync.status == "pending"
    world.infisical.faults = lambda _request: None
    world.tick()
    world.age(30)
    world.tick()
    assert (sync.live, messages(world)) == ({"A": "1"}, [])
    assert sync.status.sync.status == "succeeded"


def test_dead_letters_are_reported(world):
    """Messages whose jobs crashed again and again are counted in log and metrics."""
    sync = world.sync()
    put_job(world, sync)
    now = world.clock.now()
    dead = Message(1, "{}", None, created=now, expires=now.replace(year=2999), visible_at=now)
    world.queue.dead.append(dead)
    world.tick()
    world.until(lambda: any("dead letters: 1;" in line for line in world.log))
    counted = [row for row in world.cloud.watch.metrics if row["name"] == "deadLetters"]
    assert counted[-1]["datapoints"][0]["value"] == 1


def test_a_tick_without_its_queue(world):
    """A tick that cannot work off the queue says so, and verifies what is due all the same."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("GetMessages", status=404, code="NotAuthorizedOrNotFound"))
    assert world.tick() == {"message": "tick"}
    assert sync.live == {"A": "1"}
    world.until(lambda: any("the queue cannot be worked off" in line for line in world.log))


def test_a_tick_never_raises(world):
    """A tick whose store is down ends in peace: the next one is its retry."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults[:] = [Fault("ListObjects", status=404, code="BucketNotFound")]
    assert world.tick() == {"message": "tick"}
    world.until(lambda: any("the tick ended early" in line for line in world.log))
    world.cloud.faults.clear()
    world.tick()
    assert sync.live == {"A": "1"}
