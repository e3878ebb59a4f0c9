"""Attempts at a long job are killed, in each of their phases: the next ones go on, and do nothing twice."""

from collections import Counter
from datetime import timedelta

import pytest
from greenlet import getcurrent

from functions.jobs.seal import seal
from functions.plan.job import COVERED_AFTER_SECONDS, Job
from functions.plan.models import JobKind
from functions.run.import_secrets import PORTION
from functions.triggers.command import Command
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import (
    CONFIG,
    EVENT,
    FOLDER,
    TICK_SECONDS,
    held,
    status,
    ticks,
    world_of_one_sync,
)
from tests.system.simulation.scheduler import Fiber

MANY = 64
CALL_SECONDS = 4.0
"""Four side by side: neither a webhook nor a tick has the time for all."""
WORKERS = 4
MOST_TICKS = 12
WRITES = ("create", "update", "tag", "restore", "schedule_deletion")
ABOUT_ONE_SECRET = (*WRITES, "get", "read", "find")


def values(value="1", number=MANY):
    """Return so many keys of this value."""
    return {f"K{n:03}": value for n in range(number)}


class Creates:
    """A first sync, begun by a webhook."""

    is_synced = False
    wanted = values()
    writes = MANY
    reads = 2 * MANY  # the next tick verifies, and may be killed as well
    """How many contents are read at most: what was read is noted by the portion, so a kill may waste one."""

    def begin(self, world):
        """Start it."""
        world.start("webhook", lambda hands: hands.webhook(EVENT))


class CreatesOfAWorker(Creates):
    """The same, taken off the queue by a detached worker."""

    def begin(self, world):
        """Put the job on the queue, and start the worker."""
        long_ago = world.scheduler.now() - timedelta(seconds=COVERED_AFTER_SECONDS)
        made = {"created_at": long_ago, "not_before": long_ago, "job_id": "0123abcd"}
        job = Job(config=CONFIG, kind=JobKind.SYNC, cause="webhook", **made)
        world.queue.put([seal(job, world.digests)])
        world.work()


class Changes(Creates):
    """Updates of half, deletions of few, some new ones."""

    is_synced = True
    writes = 16 + 3 + 1
    reads = 0
    wanted = values("2", 16) | dict(list(values().items())[16:61]) | {"NEW": "1"}

    def begin(self, world):
        """Change the source, and tell of it."""
        world.source.folders[FOLDER] = self.wanted
        super().begin(world)


class Verification(Creates):
    """A round that repairs few, begun by a command."""

    is_synced = True
    drifted = ("K003", "K030", "K060")
    writes = len(drifted)
    reads = (
        MANY + len(drifted) + MANY
    )  # what differs is read again if there was no time to repair it

    def begin(self, world):
        """Let secrets drift, and order a sync."""
        for name in self.drifted:
            world.vault.edit(name, value=b"drifted")
        order(world, "sync")


class Import(Creates):
    """An import of all but one key."""

    is_synced = True
    writes = 0
    reads = MANY + 2 * PORTION

    def begin(self, world):
        """Lose the keys, and order their import."""
        world.source.folders[FOLDER] = {"K000": "1"}
        order(world, "import")


class Removal(Creates):
    """A removal of all."""

    is_synced = True
    reads = 0
    wanted: dict[str, str] = {}

    def begin(self, world):
        """Order it."""
        order(world, "remove")


def order(world, command):
    """Order something, by a call that has as little time as one through the gateway."""
    given = Command(command=command, sync="a")
    world.start(command, lambda hands: hands.dispatcher(10.0).command(given))


JOBS = {
    "creates": Creates(),
    "creates of a worker": CreatesOfAWorker(),
    "changes": Changes(),
    "verification": Verification(),
    "import": Import(),
    "removal": Removal(),
}


class Play:
    """One job from its beginning to its end, with a kill at the so-manyth call of a kind, if there is one."""

    def __init__(self, monkeypatch, job, kill=None):
        self.job = job
        self.kill = kill
        self.killed_at = None
        self.made = Counter()
        self.about = Counter()
        self.moments = []
        self.world = world_of_one_sync()
        self.world._workers = WORKERS
        self.world.vault.durations = type(self.world.vault.durations)()
        self.world.source.folders[FOLDER] = values()
        monkeypatch.setattr(self.world.network, "staleness", lambda: 0.0)
        monkeypatch.setattr(self.world.auditor, "judge", lambda *_: [])  # it knows of no removal
        if job.is_synced:
            ticks(self.world, 1)
            self.world.scheduler.run(self.world.scheduler.seconds + 1800)
        self._carry = self.world.network.carry
        monkeypatch.setattr(self.world.network, "carry", self._watch)
        for operation in ABOUT_ONE_SECRET:
            monkeypatch.setattr(MemoryVault, operation, self._slow(operation))

    def _slow(self, operation):
        real = getattr(MemoryVault, operation)

        def call(vault, about, *args, **how):
            self.about[operation, getattr(about, "name", about)] += 1
            self.moments.append(self.world.scheduler.seconds)
            if isinstance(getcurrent(), Fiber):  # else its caller is dead, and it arrives late
                self.world.scheduler.sleep(CALL_SECONDS)
            return real(vault, about, *args, **how)

        return call

    def _watch(self, process, family, operation, effect):
        call = f"{family}.{operation}"
        self.made[call] += 1
        if self.killed_at is None and self.kill == (call, self.made[call]):
            self.killed_at = self.world.scheduler.seconds
            self.world.network.crash(process)
        return self._carry(process, family, operation, effect)

    def _count(self, *operations):
        return sum(times for (operation, _), times in self.about.items() if operation in operations)

    def to_its_end(self):
        """Play; the job has ended well then, and nothing is left of it."""
        self.job.begin(self.world)
        for _ in range(MOST_TICKS):
            self.world.scheduler.run(self.world.scheduler.seconds + TICK_SECONDS)
            if self.was_not_accepted:
                self.job.begin(self.world)
            self.world.tick()
        self.world.scheduler.run(self.world.scheduler.seconds + TICK_SECONDS)
        known = status(self.world)
        assert known.lease is None
        assert known.runs[0].outcome == "succeeded", known.runs[0]
        assert not self.world.queue.messages

    @property
    def was_not_accepted(self):
        """Whether it was killed before its job was on the queue: then whoever asked tries again."""
        return self.killed_at is not None and not self.world.queue.taken

    def check(self):
        """What was wanted is there; no call was made twice but those under way when the run was killed."""
        assert held(self.world) == self.job.wanted
        assert self._count(*WRITES) <= self.job.writes + WORKERS
        assert self._count("read") <= self.job.reads + WORKERS
        if self.killed_at is not None:
            later = [at for at in self.moments if at > self.killed_at]
            assert not later or later[0] - self.killed_at <= 2 * TICK_SECONDS + CALL_SECONDS


@pytest.mark.parametrize("name", JOBS)
def test_a_run_killed_in_each_of_its_phases(name, monkeypatch):
    """Whatever a run is at when it is killed, its job goes on within two ticks, and repeats only what was under way."""
    with monkeypatch.context() as patch:
        whole = Play(patch, JOBS[name])
        whole.to_its_end()
        whole.check()
    for call, times in whole.made.items():
        if call.startswith("notify."):
            continue
        for number in sorted({1, (times + 1) // 2, times}):
            with monkeypatch.context() as patch:
                play = Play(patch, JOBS[name], (call, number))
                try:
                    play.to_its_end()
                    play.check()
                except AssertionError as error:
                    error.add_note(f"killed at {call}, number {number}")
                    raise
