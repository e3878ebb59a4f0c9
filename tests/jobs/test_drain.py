"""Working off the queue, in virtual time."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import SecretBytes

from functions.errors import Forbidden
from functions.jobs.drain import HIDE_SECONDS, RENEW_AFTER_SECONDS
from functions.jobs.seal import seal
from functions.plan.job import COVERED_AFTER_SECONDS, Job
from functions.plan.models import JobKind
from functions.plan.ownership import Digests
from functions.state.status import Phase, Progress, Status
from tests.support.memory import MemoryQueue, MemoryStore
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import CONFIG, EVENT, FOLDER, status, world_of_one_sync
from tests.system.simulation.memory_world import Invocation


@pytest.fixture
def world():
    """A calm world with one sync."""
    return world_of_one_sync()


def put(world, kind=JobKind.SYNC, cause="webhook", **fields):
    """Put a job that is made now on the queue."""
    now = world.scheduler.now()
    made = {"created_at": now, "not_before": now, "job_id": "0123abcd"}
    job = Job(config=CONFIG, kind=kind, cause=cause, **made | fields)
    world.queue.put([seal(job, world.digests)])


def drain(world, seconds=200):
    """Work the queue off once."""
    world.start("drain", Invocation.drain)
    world.scheduler.run(world.scheduler.seconds + seconds)


def test_messages_in_hand_are_renewed(world, monkeypatch):
    """While a run takes long its message is kept hidden, by one call in 20 seconds and not at every beat."""
    world.source.folders[FOLDER] = {f"K{number:02}": "1" for number in range(60)}
    create, hide, hidden = MemoryVault.create, MemoryQueue.hide, []

    def slow(self, *args):
        made = create(self, *args)
        world.scheduler.sleep(5)
        return made

    def noted(self, receipt, seconds):
        hidden.append((world.scheduler.seconds, seconds))
        return hide(self, receipt, seconds)

    monkeypatch.setattr(MemoryVault, "create", slow)
    monkeypatch.setattr(MemoryQueue, "hide", noted)
    world.scheduler.run(100)
    began = world.scheduler.seconds
    put(world, cause="command")
    drain(world)
    assert len(hidden) >= 2
    assert {seconds for _, seconds in hidden} == {HIDE_SECONDS}
    times = [at for at, _ in hidden]
    gaps = [later - sooner for sooner, later in pairwise([began, *times])]
    assert min(gaps) >= RENEW_AFTER_SECONDS
    assert max(gaps) < HIDE_SECONDS


@pytest.mark.parametrize(
    ("kind", "cause", "waits_seconds"),
    [
        (JobKind.SYNC, "webhook", COVERED_AFTER_SECONDS),
        (JobKind.SYNC, "event", COVERED_AFTER_SECONDS),
        (JobKind.SYNC, "command", 0),
        (JobKind.SYNC, "api", 0),
        (JobKind.VERIFY, "tick", 0),
        (JobKind.VERIFY, "vault-event", 0),
        (JobKind.IMPORT, "command", 0),
        (JobKind.REMOVE, "command", 0),
    ],
)
def test_when_a_message_is_due(world, kind, cause, waits_seconds):
    """A hint was tried when it came, and is looked at again when a look proves that nothing was lost."""
    put(world, kind, cause)
    drain(world, seconds=10)
    assert bool(world.queue.messages) == bool(waits_seconds)
    assert bool(status(world).runs) != bool(waits_seconds)
    world.scheduler.run(waits_seconds + 1)
    drain(world, seconds=10)
    assert (len(status(world).runs), world.queue.messages) == (1, [])


def test_a_message_for_later(world):
    """A message that says a later time is left hidden until then, whatever its kind."""
    put(world, JobKind.VERIFY, "tick", not_before=world.scheduler.now() + timedelta(seconds=40))
    drain(world, seconds=30)
    assert status(world).runs == []
    world.scheduler.run(42)
    drain(world, seconds=10)
    assert [run.kind for run in status(world).runs] == [JobKind.VERIFY]


def test_a_rerun_reads_later(world, monkeypatch):
    """A run that starts over for a hint reads at least 2 s after its own last reading."""
    read, at = type(world.source).read, []

    def noted(self, *args, **how):
        at.append(world.scheduler.seconds)
        if len(at) == 1:  # a hint comes while the first run is on
            world.start("webhook", lambda invocation: invocation.webhook(EVENT))
            world.scheduler.sleep(1)
        return read(self, *args, **how)

    monkeypatch.setattr(type(world.source), "read", noted)
    world.start("webhook", lambda invocation: invocation.webhook(EVENT))
    world.scheduler.run(60)
    assert len(at) == 2
    assert at[1] - at[0] >= 2


@pytest.mark.parametrize("is_its_own", [True, False])
def test_a_job_that_was_sealed_with_another_key(world, is_its_own):
    """A job of another digest key is dropped; the status says so if it says that this job is to be tried again."""
    known = Status(retry_at=world.scheduler.now())
    known.import_ = Progress(
        status=Phase.PENDING, job_id="0123abcd" if is_its_own else "89abcdef", message="later"
    )
    world.store.put("status/p/a.json", known.to_json())
    world.digests, new = Digests(SecretBytes(b"o" * 32)), world.digests
    put(world, JobKind.IMPORT, cause="command")
    world.digests = new
    drain(world)
    assert world.queue.messages == []
    told = status(world)
    assert told.import_.status == (Phase.FAILED if is_its_own else Phase.PENDING)
    assert ("digestKey was changed" in told.import_.message) == is_its_own
    assert (told.retry_at is None) == is_its_own


@pytest.mark.parametrize(("deliveries", "is_suspect"), [(1, False), (3, False), (4, True)])
def test_messages_whose_containers_died(world, monkeypatch, deliveries, is_suspect):
    """Of messages that were received more than three times one is tried, last; the others are put as new ones."""
    for number in range(3):
        put(world, cause="command", job_id=f"{number}123abcd")
    for message in world.queue.messages[:2]:
        message.deliveries = deliveries - 1
    put_back, again = MemoryQueue.put, []

    def noted(queue, bodies):
        again.extend(json.loads(body)["jobId"] for body in bodies)
        put_back(queue, bodies)

    monkeypatch.setattr(MemoryQueue, "put", noted)
    drain(world)
    assert again == (["1123abcd"] if is_suspect else [])
    order = [run.job_id[0] for run in reversed(status(world).runs)]
    assert order == (["2", "0", "1"] if is_suspect else ["0", "1", "2"])


def test_messages_that_are_no_suspects_are_not_put_again(world, monkeypatch):
    """A message that is served at once makes no other call of the queue than its receipt and its end."""
    put(world, cause="command")
    monkeypatch.setattr(MemoryQueue, "put", lambda *_: pytest.fail("it is put again"))
    drain(world)
    assert (len(status(world).runs), world.queue.messages) == (1, [])


def test_hints_are_served_by_one_run(world):
    """What hints of one sync ask for is done by one run, of the strictest kind among them."""
    put(world, JobKind.SYNC, "webhook")
    world.scheduler.run(COVERED_AFTER_SECONDS + 1)
    put(world, JobKind.VERIFY, "vault-event", job_id="1123abcd")
    drain(world)
    assert [run.kind for run in status(world).runs] == [JobKind.VERIFY]
    assert world.queue.messages == []


def test_a_message_that_another_holds_by_now(world, monkeypatch):
    """Where a job cannot be served its message goes back, unless its receipt ran out: then another has it."""
    put(world, cause="command")
    [message] = world.queue.messages

    def taken(*_, **__):
        message.deliveries += 1
        message.visible_at += timedelta(hours=1)
        world.scheduler.sleep(2 * RENEW_AFTER_SECONDS)
        monkeypatch.setattr(MemoryStore, "put", refuse)
        raise Forbidden("no")

    def refuse(*_, **__):
        raise Forbidden("no")

    monkeypatch.setattr(type(world.source), "read", taken)
    drain(world)
    assert world.queue.messages == [message]
