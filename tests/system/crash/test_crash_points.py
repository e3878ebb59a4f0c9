"""The function process is killed around each outside call of a run; two ticks later all is well.

Each scenario is played again and again in one world, killed at its first call, its second, and so on until
it ends before that call comes. With one thread the order of calls is the same each time, and dying before a
call is dying after the one before it: what a killed process knew is gone either way. With eight threads it
dies when a call was carried out but not answered, others being under way.
"""

from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest

from functions.jobs.seal import seal
from functions.plan.job import COVERED_AFTER_SECONDS, Job
from functions.plan.models import JobKind, State
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from functions.state.status import Phase, Status
from infra.local.oci.cloud import QUEUE_ID
from infra.local.services import CREDENTIALS_NAME
from tests.support.example_sync import PROJECT
from tests.system.crash.forked_host import ForkServer
from tests.system.crash.killable_world import Crash, killable_world

TICK_SECONDS = 60
CALM_SECONDS = 600
"""Before the next crash: nothing that happened counts as recent any more."""
LEAST_CALLS = 12


@dataclass(frozen=True)
class Changes:
    """Keys of the folder `main`, which is in sync, and what happens to them."""

    create: tuple = ()
    update: tuple = ()
    restore: tuple = ()
    restore_changed: tuple = ()
    delete: tuple = ()

    def begin(self, world):
        """Have the folder in sync."""
        world.add_sync("main", "own_{{secretKey}}")
        kept = (*self.update, *self.restore, *self.restore_changed, *self.delete)
        world.set("main", KEPT="kept", **{key: f"{key} of old" for key in kept})
        assert world.webhook("main") == 200

    def arrange(self, world, number):
        """Undo what the last round left, make the changes; return what versions there must be then."""
        for key in self.create:
            if f"own_{key}" in world.vault.states():
                world.vault.edit(f"own_{key}", state=State.DELETED)
        for key in (*self.restore, *self.restore_changed):
            world.vault.edit(f"own_{key}", state=State.PENDING_DELETION)
        for key in self.delete:
            world.vault.edit(f"own_{key}", state=State.ACTIVE)
            world.source.delete("prod", "/main", key)
        gains = dict.fromkeys((*self.update, *self.restore_changed), 1)
        world.set("main", **dict.fromkeys((*self.create, *gains), f"of round {number}"))
        kept = (*self.restore, *self.delete, "KEPT", *gains)
        versions = {key: _versions(world, f"own_{key}") + gains.get(key, 0) for key in kept}
        return versions | dict.fromkeys(self.create, 1)

    def start(self, world, _number):
        """Tell the function."""
        return world.webhook("main")

    restart = start

    def check(self, world, _number, versions):
        """The vault is as the folder, and each change was made once."""
        own = _own(world, "own")
        assert own == {f"own_{key}": value for key, value in world.held("main")}
        assert all({OWNER_TAG, DIGEST_TAG} <= set(world.vault.tags(name)) for name in own)
        assert {key: _versions(world, f"own_{key}") for key in versions} == versions
        states = {key: world.vault.states()[f"own_{key}"] for key in self.delete}
        assert states == dict.fromkeys(self.delete, State.PENDING_DELETION)
        _check_status(world.status("main"))


class ChangesFoundByTick(Changes):
    """The job waits on the queue; the tick that takes it is killed."""

    def start(self, world, number):
        """Tick with a job on the queue."""
        long_ago = world.clock.now() - timedelta(seconds=COVERED_AFTER_SECONDS)
        job = Job(
            config=f"secret-syncs/{PROJECT}/main.json",
            kind=JobKind.SYNC,
            cause="webhook",
            created_at=long_ago,
            not_before=long_ago,
            job_id=f"{number:08}",
        )
        world.cloud.queues.put(QUEUE_ID, seal(job, world.digests))
        return world.tick()

    def restart(self, world, _number):
        """The job was accepted long ago; nobody asks for it again."""


class InitialImport:
    """A new sync each round: two secrets only in the vault, one in both places, one in the source."""

    def begin(self, world):
        """There is nothing to prepare."""

    def arrange(self, world, number):
        """Replace the last round's sync."""
        world.forget_sync(f"s{number - 1}")
        options = {"initialSyncBehavior": "import-prioritize-source"}
        world.add_sync(f"s{number}", f"s{number}_{{{{secretKey}}}}", options=options)
        world.set(f"s{number}", BOTH="of the source", SOURCE="new")
        for key in ("BOTH", "VAULT1", "VAULT2"):
            world.vault.seed(f"s{number}_{key}", f"{key} of the vault".encode())

    def start(self, world, number):
        """Tell the function."""
        return world.webhook(f"s{number}")

    restart = start

    def check(self, world, number, _):
        """Both sides hold the union, nothing was written twice, what was imported has one version."""
        assert sorted(world.held(f"s{number}")) == [
            ("BOTH", b"of the source"),
            ("SOURCE", b"new"),
            ("VAULT1", b"VAULT1 of the vault"),
            ("VAULT2", b"VAULT2 of the vault"),
        ]
        own = _own(world, f"s{number}")
        assert own == {f"s{number}_{key}": value for key, value in world.held(f"s{number}")}
        versions = {name: _versions(world, name) for name in own}
        assert versions == dict.fromkeys(own, 1) | {f"s{number}_BOTH": 2}
        rows = world.source.folders["prod", f"/s{number}"].secrets
        assert {row.version for row in rows} == {1}
        status = world.status(f"s{number}")
        assert status.is_import_done
        _check_status(status)


class Removal:
    """A sync that is being removed, each round another; a tick finishes it."""

    def begin(self, world):
        """There is nothing to prepare."""

    def arrange(self, world, number):
        """Have a sync with three secrets, one of them not in its folder any more, marked for removal."""
        tag = world.add_sync(f"s{number}", f"s{number}_{{{{secretKey}}}}", isBeingRemoved=True)
        world.bucket.put(f"status/{PROJECT}/s{number}.json", Status().to_json())
        world.bucket.put(f"verified/{PROJECT}/s{number}", b"")
        world.clock.advance(1)
        tag = world.add_sync(f"s{number}", f"s{number}_{{{{secretKey}}}}", isBeingRemoved=True)
        world.set(f"s{number}", A="1", B="2", MADE_BY_HAND="3")
        for key in ("A", "B", "OLD"):
            world.vault.seed(f"s{number}_{key}", key.encode(), tags=tag)

    def start(self, world, _number):
        """Tick."""
        return world.tick()

    def restart(self, world, _number):
        """The next tick is the restart."""

    def check(self, world, number, _):
        """Its secrets are to be deleted, what was known of it is gone, its folder is as it was."""
        names = {f"s{number}_{key}" for key in ("A", "B", "OLD")}
        states = {name: world.vault.states()[name] for name in names}
        assert states == dict.fromkeys(names, State.PENDING_DELETION)
        assert {_versions(world, name) for name in names} == {1}
        assert world.objects(f"s{number}") == []
        assert len(world.held(f"s{number}")) == 3


SCENARIOS = {
    "creates": Changes(create=("N1", "N2")),
    "updates": Changes(update=("U1", "U2")),
    "restores": Changes(restore=("R1",), restore_changed=("R2",)),
    "deletions": Changes(delete=("D1", "D2")),
    "mixed": Changes(("N",), ("U",), ("R1",), ("R2",), ("D",)),
    "queued": ChangesFoundByTick(("N",), ("U",), ("R1",), ("R2",), ("D",)),
    "initial import": InitialImport(),
    "removal": Removal(),
}


@pytest.fixture(scope="module")
def fork_server():
    """Where containers come from."""
    with ForkServer() as server:
        yield server


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_run_killed_before_any_call_is_made_good_by_two_ticks(scenario, fork_server, tmp_path):
    """Whatever call a run is killed at, two ticks later nothing is lost, done twice or left over."""
    _kill_at_each_call(scenario, fork_server, tmp_path, threads=1)


@pytest.mark.parametrize("name", ["mixed", "queued", "initial import", "removal"])
def test_a_run_killed_amid_parallel_calls_is_made_good_by_two_ticks(name, fork_server, tmp_path):
    """The same holds where calls are under way side by side, and the answer to a write is lost."""
    _kill_at_each_call(SCENARIOS[name], fork_server, tmp_path, threads=8)


def _kill_at_each_call(scenario, fork_server, directory, *, threads):
    with killable_world(fork_server, directory, threads=threads) as world:
        world.vault.seed("foreign", b"not ours")
        scenario.begin(world)
        bystanders = _etags(world)
        for number in count(1):
            world.clock.advance(CALM_SECONDS)
            expected = scenario.arrange(world, number)
            with Crash(world, at=number, before=threads == 1) as crash:
                status = scenario.start(world, number)
            assert status == (502 if crash.happened else 200), crash
            if not world.waiting():
                scenario.restart(world, number)  # it was not accepted, so its sender tries again
            for _ in range(2):
                world.clock.advance(TICK_SECONDS)
                assert world.tick() == 200
            scenario.check(world, number, expected)
            assert world.waiting() == []
            assert _etags(world) == bystanders
            if not crash.happened:
                break
        assert number > LEAST_CALLS


def _own(world, prefix):
    live = world.vault.live()
    return {name: value for name, value in live.items() if name.startswith(f"{prefix}_")}


def _versions(world, name):
    return len(world.vault.get(name).versions)


def _etags(world):
    return {name: world.vault.get(name).etag for name in ("foreign", CREDENTIALS_NAME)}


def _check_status(status):
    assert (status.sync.status, status.lease) == (Phase.SUCCEEDED, None)
