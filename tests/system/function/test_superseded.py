"""What came later counts: no old job undoes a removal, no unfinished job is dropped, no force outlives its plan."""

import json

from infra.local.oci.traffic import Fault
from tests.system.function.test_ticks import messages, put_job, unavailable


def test_a_removal_is_not_undone_by_an_event_of_its_own(world):
    """A verification that waits beside a removal is dropped once the removal is done."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    put_job(world, sync, kind="verify", cause="vault-event", createdAt=world.soon(60))
    put_job(world, sync, kind="remove", cause="command")
    world.command("drain")
    assert sync.states == {"A": "PENDING_DELETION"}
    assert messages(world) == []


def test_a_removal_is_not_undone_by_an_older_event(world):
    """A webhook from before a removal, still on the queue after it, does not bring the secrets back."""
    sync = world.sync(values={"A": "1"})
    sync.webhook()
    assert world.command("remove", sync)["outcome"] == "succeeded"
    world.age(40)
    world.tick()
    assert sync.states == {"A": "PENDING_DELETION"}
    assert messages(world) == []
    sync.webhook()
    assert sync.states == {"A": "ACTIVE"}


def test_events_do_not_make_a_command_run_twice(world):
    """However many events were served since, a command that has ended is not carried out again."""
    sync = world.sync(values={"A": "1"})
    done = put_job(world, sync, kind="remove", cause="command")
    ended = {"endedJobs": [done["jobId"]]}
    world.bucket.put(sync.status_object, json.dumps(ended).encode())
    kept = sync.status.ended_jobs
    for number in range(3):
        sync.set("A", str(number))
        sync.webhook()
        world.age(10)
    assert sync.status.ended_jobs == kept


def test_a_verification_that_did_not_end_is_not_dropped(world):
    """A vault event's verification that wrote something but did not end stays on the queue until it ends."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.set("A", "changed")
    sync.set("B", "changed")
    world.queue.messages.clear()
    put_job(world, sync, kind="verify", cause="vault-event", createdAt=world.soon(0))
    put_job(world, sync, createdAt=world.soon(-16))
    fault = Fault("UpdateSecret", status=503, when=lambda call: call.name_or_id == "B")
    world.cloud.faults.append(fault)
    world.briefly(5, {"command": "drain"})
    world.cloud.faults.clear()
    assert sync.live == {"A": "changed", "B": "2"}
    world.age(120)
    world.command("drain")
    assert sync.live == {"A": "changed", "B": "changed"}


def test_a_lost_status_and_a_failed_run_import_nothing_again(world):
    """With its status lost, a sync whose tag the vault knows has imported, however its next run ends."""
    options = {"initialSyncBehavior": "import-prioritize-destination"}
    sync = world.sync(values={"A": "1"}, options=options)
    sync.run()
    world.bucket.put(sync.status_object, b"nonsense")
    sync.set("A", "newer")
    world.infisical.faults = lambda _request: unavailable()
    assert sync.run()["outcome"] == "waiting"
    world.infisical.faults = lambda _request: None
    sync.run()
    rows = world.source.folders["dev", sync.folder].secrets
    assert [row.value for row in rows] == ["newer"]
    assert sync.live == {"A": "newer"}


def test_force_for_updates_does_not_delete(world):
    """What is left of a forced plan may not turn into deletions that nobody looked at."""
    keys = [f"K{number:02}" for number in range(12)]
    sync = world.sync(values=dict.fromkeys(keys, "1"))
    sync.run()
    for key in keys[:5]:
        sync.delete(key)
    for key in keys[5:]:
        sync.set(key, "2")
    world.cloud.faults.append(Fault("UpdateSecret", status=503))
    forced = {"command": "sync", "sync": sync.name, "force": sync.plan()["fingerprint"]}
    assert world.briefly(5, forced)["outcome"] == "waiting"
    world.cloud.faults.clear()
    for key in keys[5:]:
        sync.delete(key)
    world.age(100)
    world.tick()
    assert set(sync.live) >= set(keys[5:])
    assert sync.status.sync.status == "failed"


def test_an_event_during_a_forced_run(world):
    """An event that comes while a forced plan is carried out does not make the command fail."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.delete("A")
    sync.delete("B")
    fingerprint = sync.plan()["fingerprint"]

    def during(call):
        if call.operation == "ScheduleSecretDeletion":
            world.cloud.before = lambda _call: None
            sync.set("NEW", "3")
            sync.webhook()

    world.cloud.before = during
    assert sync.run(force=fingerprint)["outcome"] == "succeeded"
    world.age(100)
    world.tick()
    assert sync.live == {"NEW": "3"}


def test_one_sync_does_not_keep_ticks_from_the_others(world):
    """A sync whose status cannot be written does not keep a tick from verifying the others."""
    bad, good = world.sync(values={"A": "1"}), world.sync(values={"B": "2"})
    fault = Fault("PutObject", status=400, when=lambda call: bad.name in call.name_or_id)
    world.cloud.faults.append(fault)
    world.tick()
    assert good.live == {"B": "2"}
