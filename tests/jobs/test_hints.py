"""Hints of a container that knows the configs already: it queues a job while it looks what is meant."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.calls.deadline import Gate
from functions.jobs.pause import pause, resume
from functions.log import TRACE
from functions.plan.models import JobKind
from functions.run.outcome import End
from functions.state.status import Lease
from tests.support.one_sync import CONFIG, EVENT, FOLDER, answer_of, status, world_of_one_sync
from tests.system.simulation.memory_world import Container, Invocation

OTHER = CONFIG.replace("/a.json", "/b.json")


@pytest.fixture
def world():
    """A calm world with one container that knows its one sync; nothing waits on the queue."""
    world = world_of_one_sync()
    world.containers[:] = [Container()]
    webhook(world)
    world.queue.messages.clear()
    world.scheduler.run(world.scheduler.seconds + 60)
    return world


def invoke(world, work):
    """Start an invocation and let it end; return its answer."""
    return answer_of(world, work, 30)


def webhook(world):
    """Take the webhook of the folder; return its reports, or the error."""
    return invoke(world, lambda hands: hands.webhook(EVENT))


def change(world, to=CONFIG, **fields):
    """Write a config by hand, like the one there is."""
    stored = json.loads(world.store.get(CONFIG).body)
    world.store.put(to, json.dumps(stored | fields).encode())


def named(schema):
    """Return options with another key schema."""
    return {"keySchema": schema, "initialSyncBehavior": "overwrite-destination"}


def queued(world):
    """Return the configs of the jobs on the queue."""
    return [json.loads(message.body)["config"] for message in world.queue.messages]


def test_a_config_that_was_edited(world):
    """A config that was edited since is followed as it is now, by the job that was queued."""
    change(world, syncOptions=named("NEW-{{secretKey}}"))
    [report] = webhook(world)
    assert report.outcome.is_final
    assert "NEW-A" in {secret.name for secret in world.vault.secrets.values()}
    assert queued(world) == [CONFIG]


def test_a_config_that_is_about_another_folder_by_now(world):
    """A job that was queued for nothing is not tried, and dropped by who takes it off the queue."""
    change(world, isAutoSyncEnabled=False)
    runs = len(status(world).runs)
    assert webhook(world) == []
    assert queued(world) == [CONFIG]
    invoke(world, Invocation.drain)
    assert (queued(world), len(status(world).runs)) == ([], runs)


def test_a_config_that_is_gone(world):
    """A config that is gone is queued once in vain, and then forgotten."""
    world.store.delete(CONFIG)
    assert [webhook(world), webhook(world)] == [[], []]
    assert queued(world) == [CONFIG]


def test_a_config_that_is_new(world):
    """A config that the container does not know yet is queued when it was read, and tried as well."""
    change(world, OTHER, name="b", syncOptions=named("B-{{secretKey}}"))
    assert [report.sync.config.name for report in webhook(world)] == ["a", "b"]
    assert sorted(queued(world)) == [CONFIG, OTHER]
    assert {"A", "B-A"} <= {secret.name for secret in world.vault.secrets.values()}


def test_a_pause(world):
    """While all is paused a container queues one job in vain at most, however many webhooks come."""
    invoke(world, lambda hands: pause(hands.dispatcher().services, "me"))
    world.source.folders[FOLDER] = {"A": "2"}
    for _ in range(3):
        assert "paused" in str(webhook(world))
    assert queued(world) == [CONFIG]
    invoke(world, lambda hands: resume(hands.dispatcher().services, "me"))
    [report] = webhook(world)
    assert report.outcome.is_final


def test_a_job_for_which_no_time_is_left(world, monkeypatch):
    """A job that cannot be begun in time waits on the queue: nothing is read or written for it."""

    def work(invocation):
        own = invocation.dispatcher()
        sync, clock = own.configs.find("a"), own.services.clock
        job = own.job(sync, JobKind.SYNC, "command")
        late = replace(own, new_gate=lambda: Gate(clock, clock.monotonic() - 1))
        monkeypatch.setattr(world.network, "carry", lambda *_: pytest.fail("a call is made"))
        return late.attempt(sync, job, own.services.document(CONFIG, "me"))

    outcome = invoke(world, work)
    assert outcome.end == End.WAITING
    assert "recorded" not in outcome.message


@pytest.mark.parametrize(
    ("cause", "by"),
    [("api", "ann"), ("command", "ann"), ("webhook", None), ("event", None), ("tick", None)],
)
def test_who_asked(world, monkeypatch, cause, by):
    """A job says who asked for it, where a person or client did."""
    monkeypatch.setattr(TRACE, "asked_by", "ann")
    own = invoke(world, lambda hands: hands.dispatcher())
    assert own.job(own.configs.known(CONFIG), JobKind.SYNC, cause).by == by


def test_what_a_report_says_of_the_job(world):
    """A report holds what the job itself did, in all its attempts; not what another did before."""
    [report] = webhook(world)
    assert report.run.job_id == report.job.job_id == status(world).runs[0].job_id
    assert {"startedAt", "jobId"} <= report.public()["run"].keys()
    later = world.scheduler.now() + timedelta(seconds=90)
    held = status(world).model_copy(update={"lease": Lease(run="other", expires_at=later)})
    world.store.put("status/p/a.json", held.to_json())
    [report] = webhook(world)
    assert (report.outcome.end, report.run) == (End.LEASED_ELSEWHERE, None)
