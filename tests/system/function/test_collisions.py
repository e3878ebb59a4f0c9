"""Runs that meet: bursts, leases, a config edited meanwhile, busy vaults."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.oci.cloud import QUEUE_ID
from infra.local.oci.traffic import Fault
from tests.support.world import CONTAINERS


def test_a_burst_of_webhooks(any_world):
    """Fifty webhooks on one folder: each container lists the vault once at most, the runs two times more; none is lost."""
    sync = any_world.sync(values={"A": "0"})
    webhooks = 50
    with ThreadPoolExecutor(webhooks) as senders:
        answers = [senders.submit(sync.webhook) for _ in range(webhooks)]
        sync.set("A", "last")
        statuses = {answer.result()[0] for answer in answers}
    assert statuses <= {200, 202}
    assert 1 <= any_world.cloud.count("ListSecrets") <= CONTAINERS + 2
    assert sync.live == {"A": "last"}
    assert len(any_world.cloud.queues.contents(QUEUE_ID)) == webhooks


def test_two_ticks_at_once(world):
    """Two ticks at the same time do no harm and run nothing twice at once."""
    sync = world.sync(values={f"K{n}": str(n) for n in range(5)})
    with ThreadPoolExecutor(2) as clocks:
        for tick in [clocks.submit(world.tick) for _ in range(2)]:
            assert tick.result() == {"message": "tick"}
    assert len(sync.live) == 5
    assert world.cloud.count("CreateSecret") == 5


def test_a_webhook_that_meets_a_run(world):
    """A webhook that meets a running sync makes that run start over, so its change is not missed."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("CreateSecret", delay_seconds=0.3, times=1))
    run_in_parallel = []

    def during(call):
        if call.operation == "CreateSecret":
            world.cloud.before = lambda _call: None
            sync.set("A", "2")
            sync.set("B", "3")
            run_in_parallel.append(sync.webhook())

    world.cloud.before = during
    assert sync.webhook()[0] == 200
    assert run_in_parallel[0][0] == 202
    assert run_in_parallel[0][1]["jobs"][0]["outcome"] == "held"
    assert sync.live == {"A": "2", "B": "3"}
    assert not sync.status.rerun


@pytest.mark.parametrize("end", ["edited", "deleted"])
def test_a_config_that_changes_under_its_run(world, end):
    """A run whose config was edited or deleted meanwhile deletes nothing; the next follows the new one."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("OLD")

    def during(call):
        if call.operation == "CreateSecret":
            world.cloud.before = lambda _call: None
            options = {**sync.config["syncOptions"], "disableSecretDeletion": True}
            if end == "edited":
                sync.store(syncOptions=options)
            else:
                world.cloud.objects.remove("sync", f"oci-vault-sync/{sync.object}")

    world.cloud.before = during
    answer = sync.run()
    assert answer["outcome"] == "waiting"
    assert "was changed while its run was on" in answer["message"]
    assert "OLD" in sync.live
    world.age(30)
    world.tick()
    assert sync.live == {"A": "1", "B": "2", "OLD": "old"}
    assert world.cloud.count("ScheduleSecretDeletion") == 0
    assert world.cloud.queues.contents(QUEUE_ID) == []


def test_a_run_that_was_killed_is_taken_over(world):
    """A run whose container died is taken over when its lease has run out; its message was kept."""
    sync = world.sync(values={"A": "1", "B": "2"})
    killed = threading.Event()

    def during(call):
        if call.operation == "CreateSecret" and not killed.is_set():
            killed.set()
            world.stack.host.kill()

    world.cloud.before = during
    assert sync.webhook()[0] == 502
    assert sync.status.lease is not None
    world.tick()
    world.age(60)
    world.tick()
    assert sync.live == {"A": "1", "B": "2"}
    assert (sync.versions("A"), sync.versions("B")) == (1, 1)
    assert sync.status.sync.status == "succeeded"
    assert world.cloud.queues.contents(QUEUE_ID) == []


def test_a_run_that_cannot_finish(world):
    """A run out of time stops before its deadline and keeps what it did; the next one does the rest."""
    sync = world.sync(values={f"K{n:03}": str(n) for n in range(60)})
    world.cloud.faults.append(Fault("CreateSecret", delay_seconds=0.25))
    started = world.clock.monotonic()
    seconds = 4
    reply = world.briefly(seconds, {"command": "sync", "sync": sync.name})
    assert world.clock.monotonic() - started < seconds
    assert reply["outcome"] == "waiting"
    done = len(sync.live)
    assert 0 < done < 60
    world.cloud.faults.clear()
    world.age(60)
    world.tick()
    assert sync.live == {f"K{n:03}": str(n) for n in range(60)}
    assert world.cloud.count("CreateSecret") == 60
    assert world.cloud.queues.contents(QUEUE_ID) == []


def test_a_tick_calls_for_workers(world):
    """A tick that cannot verify all that is due shares it through the queue with detached workers."""
    world.tick()  # a cold container would need its seconds for itself
    syncs = [world.sync(values={"A": "1"}) for _ in range(8)]
    world.cloud.faults.append(Fault("CreateSecret", delay_seconds=0.8))
    started = []
    invoked = world.cloud.functions.on_invoke

    def invoke(function_id, body, detached):
        started.append(detached)
        return invoked(function_id, body, detached)

    world.cloud.functions.on_invoke = invoke
    try:
        world.briefly(5, b"")
    finally:
        world.cloud.functions.on_invoke = invoked
    assert started == [True] * 4
    world.until(lambda: all(sync.live == {"A": "1"} for sync in syncs))
    world.until(lambda: not world.cloud.queues.contents(QUEUE_ID))
    assert world.cloud.count("CreateSecret") == len(syncs)
    world.until(lambda: len(world.stack.host._busy) == 0)


def test_two_syncs_that_create_at_once(world):
    """Of two syncs that create one name at the same time one wins for good; the other says so."""
    one = world.sync(values={"SHARED": "1"})
    two = world.sync(values={"SHARED": "2"}, vault=one.vault_id)
    with ThreadPoolExecutor(2) as runners:
        for run in [runners.submit(sync.run) for sync in (one, two)]:
            run.result()
    winner = one.live["SHARED"]
    for sync in (one, two, one, two):
        sync.run()
    assert one.live == {"SHARED": winner}
    assert one.versions("SHARED") == 1
    assert {sync.status.sync.status for sync in (one, two)} == {"succeeded", "failed"}
