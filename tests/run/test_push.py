"""When a run reads, and which changes are permitted, in virtual time."""

import pytest

from functions.plan.models import State
from functions.run.observe import Observer
from functions.run.start import SPACING_SECONDS
from functions.triggers.command import Command
from tests.support.memory_source import MemorySource
from tests.support.one_sync import EVENT, FOLDER, status, world_of_one_sync
from tests.system.simulation.memory_world import Invocation


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    world.vault.durations = type(world.vault.durations)()
    return world


def hint(invocation):
    """Deliver a webhook."""
    return invocation.webhook(EVENT)


def command(verb="sync", **how):
    """Return what gives a command."""
    return lambda invocation: invocation.dispatcher().command(
        Command(command=verb, sync="a", **how)
    )


def do(world, work, seconds=60):
    """Do something, let so much time pass, and return its answer."""
    answers = []
    world.start("test", work, answers.append)
    world.scheduler.run(world.scheduler.seconds + seconds)
    return answers[0] if answers else None


@pytest.fixture
def reads(world, monkeypatch):
    """When the source was read."""
    read, times = MemorySource.read, []

    def noted(self, *args, **how):
        times.append(world.scheduler.seconds)
        return read(self, *args, **how)

    monkeypatch.setattr(MemorySource, "read", noted)
    return times


@pytest.mark.parametrize(
    ("work", "is_spaced"),
    [(hint, True), (command(), False), (Invocation.tick, False)],
    ids=["hint", "command", "tick"],
)
def test_hints_are_kept_apart(world, reads, work, is_spaced):
    """A hint that comes when its folder was just read is served by a look two seconds later; people wait for none."""
    do(world, hint, seconds=SPACING_SECONDS - 0.4)
    began = world.scheduler.seconds
    do(world, work)
    later = [at for at in reads if at >= began]
    assert len(reads) - len(later) == 1
    if not later:  # the tick found nothing that is due
        assert work is Invocation.tick
        return
    apart = later[0] - reads[0]
    assert (apart >= SPACING_SECONDS) == is_spaced
    assert apart < SPACING_SECONDS + 0.5


def test_a_hint_that_comes_while_another_waits_is_served_by_it(world, reads):
    """What hints tell until the folder is read is seen by that read: no run starts over for them."""
    do(world, hint, seconds=1.0)
    world.start("second", hint)
    do(world, hint, seconds=0.5)
    assert len(reads) == 1
    world.scheduler.run(world.scheduler.seconds + 60)
    assert len(reads) == 2


def test_hints_that_are_far_apart_wait_for_nothing(world, reads):
    """A hint that comes later is served at once."""
    do(world, hint)
    began = world.scheduler.seconds
    do(world, hint)
    assert reads[1] - began < SPACING_SECONDS


@pytest.mark.parametrize(
    ("work", "asks_all"),
    [(hint, False), (command(), True), (Invocation.tick, True)],
    ids=["hint", "command", "tick"],
)
def test_who_asks_again(world, monkeypatch, work, asks_all):
    """A hint does not ask a place of the source again that was asked lately; people and ticks do."""
    plan, asked = Observer.plan, []

    def noted(observer, *args, may_ask_all, **how):
        asked.append(may_ask_all)
        return plan(observer, *args, may_ask_all=may_ask_all, **how)

    monkeypatch.setattr(Observer, "plan", noted)
    do(world, work)
    assert set(asked) == {asks_all}


def values(number):
    """Return so many keys."""
    return {f"K{n}": "1" for n in range(number)}


@pytest.fixture
def wiped(world):
    """A sync of eight secrets, of which seven are not in the source any more."""
    world.source.folders[FOLDER] = values(8)
    do(world, hint)
    assert len(active(world)) == 8
    world.source.folders[FOLDER] = values(1)
    return world


def active(world):
    """Return the names of what is ACTIVE."""
    now = world.scheduler.now()
    return {one.name for one in world.vault.secrets.values() if one.state(now) == State.ACTIVE}


def force(world, fingerprint):
    """Force the plan of this fingerprint, as the auditor is told."""
    world.auditor.is_forced = True
    do(world, command(force=fingerprint))


def plan(world):
    """Return the plan as it is shown."""
    return do(world, lambda invocation: invocation.plan("a"))["plan"]


def test_a_wipe_is_done_by_the_force_of_its_plan_alone(wiped):
    """A wipe stops, a wrong fingerprint is refused with the right one, and that lets it through."""
    shown = plan(wiped)
    assert shown["stops"]
    do(wiped, command())
    assert "Nothing was written" in status(wiped).sync.message
    do(wiped, command(force="0" * 16))
    assert f"force {shown['fingerprint']} if that is meant" in status(wiped).sync.message
    assert len(active(wiped)) == 8
    force(wiped, shown["fingerprint"])
    assert (active(wiped), status(wiped).sync.status) == ({"K0"}, "succeeded")


def test_a_force_is_for_the_plan_as_it_was(wiped):
    """Where more would be deleted than somebody agreed to, nothing is."""
    shown = plan(wiped)
    wiped.source.folders[FOLDER] = {"K9": "1"}
    do(wiped, command(force=shown["fingerprint"]))
    assert "the plan has changed" in status(wiped).sync.message
    assert len(active(wiped)) == 8


def test_a_force_that_comes_late_finds_all_right(wiped):
    """A force of a plan that is done by now succeeds."""
    fingerprint = plan(wiped)["fingerprint"]
    force(wiped, fingerprint)
    wiped.source.folders[FOLDER] = values(1)
    force(wiped, fingerprint)
    assert (active(wiped), status(wiped).sync.status) == ({"K0"}, "succeeded")
