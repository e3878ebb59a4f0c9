"""No call that is not needed: what each kind of job asks of the services, counted in virtual time."""

from collections import Counter
from datetime import timedelta

import pytest

from functions.app import TICK_SECONDS
from functions.plan.models import State
from functions.triggers.command import Command
from infra.local.oci.secret import Durations
from tests.support.virtual_cloud import TICK_EVERY_SECONDS, VirtualCloud

MANY = 200
CHANGED = 10
HUGE = 1000
CALLS_PER_SECOND = 8
"""With 20 calls a second and 5,000 secrets it is the same, and takes longer: `make bench`."""
MOST_OF_UNINTERRUPTED = 1.15
MOST_TICKS = 60
UNINTERRUPTED_SECONDS = 7200.0
WEBHOOKS = 48
CONTAINERS = 6
LONG_AGO_SECONDS = 1000.0


def values(value="1", number=MANY):
    """Return so many keys of this value."""
    return {f"K{n:04}": value for n in range(number)}


def vault_calls(cloud):
    """Return the calls about the vault since the last look."""
    return {name: n for name, n in cloud.take_calls().items() if name.startswith("vault.")}


@pytest.fixture
def cloud():
    """A cloud with one sync of 200 secrets, right after its first run."""
    cloud = VirtualCloud(interval=timedelta(hours=8))
    cloud.folder = cloud.add_sync("a", values())
    cloud.mark_verified("a")
    cloud.webhook(cloud.folder)
    cloud.pass_time(10)
    assert cloud.held() == values()
    cloud.take_calls()
    return cloud


@pytest.mark.parametrize("aged_seconds", [0.0, LONG_AGO_SECONDS])
def test_an_event_that_finds_nothing(cloud, aged_seconds):
    """An event run that finds nothing reads the source once, lists the vault once, and no secret."""
    cloud.pass_time(aged_seconds)
    cloud.webhook(cloud.folder)
    cloud.pass_time(5)
    assert cloud.status("a").sync.status == "succeeded"
    calls = cloud.take_calls()
    assert {n: calls[n] for n in calls if n.startswith(("vault.", "source."))} == {
        "vault.list": 1,
        "source.read": 1,
    }
    assert calls["store.put"] == 2
    assert calls["queue.put"] == 1


@pytest.mark.parametrize("aged_seconds", [0.0, LONG_AGO_SECONDS])
def test_an_event_that_finds_changes(cloud, aged_seconds):
    """What differs by its tag is written without reading, right after a first sync as well as later."""
    cloud.pass_time(aged_seconds)
    cloud.source.folders[cloud.folder] |= values("2", CHANGED)
    cloud.webhook(cloud.folder)
    cloud.pass_time(5)
    assert cloud.held() == values() | values("2", CHANGED)
    assert vault_calls(cloud) == {"vault.list": 1, "vault.update": CHANGED}


def test_deletions_that_are_cancelled(cloud):
    """Right after a first sync, un-deleting ten of 200 looks up no name that the listing shows right."""
    cloud.secrets().durations = Durations(cancelling=2)
    for name in values(number=CHANGED):
        cloud.secrets().edit(name, state=State.PENDING_DELETION)
    cloud.webhook(cloud.folder)
    cloud.pass_time(8)
    assert cloud.status("a").sync.status == "succeeded"
    calls = vault_calls(cloud)
    assert calls.pop("vault.list") > 1  # it waits for them to be ACTIVE
    assert calls == {"vault.restore": CHANGED}


@pytest.mark.parametrize("schema", ["b_{{secretKey}}", "{{secretKey}}_b", "{{secretKey}}"])
def test_which_syncs_exist(cloud, schema):
    """All statuses are listed only where a secret in the sync's scope has another sync's tag."""
    folder = cloud.add_sync("b", {"K": "1"}, keySchema=schema)
    cloud.take_calls()
    cloud.webhook(folder)
    cloud.pass_time(5)
    configs, statuses = 1, int(schema == "{{secretKey}}")
    assert cloud.take_calls()["store.list"] == configs + statuses
    assert cloud.held() == values() | {schema.replace("{{secretKey}}", "K"): "1"}


def test_a_new_container_in_a_project_of_many_syncs():
    """A container that does not know a project yet reads the index of its configs, not each of them."""
    cloud = VirtualCloud()
    folders = [cloud.add_sync(f"s{n}", {"A": "1"}, compartment=f"c{n}") for n in range(20)]
    cloud.webhook(folders[0])
    cloud.pass_time(60)
    cloud.forget_containers()
    cloud.take_calls()
    cloud.webhook(folders[0])
    cloud.pass_time(5)
    pause, index, status, memory = 1, 1, 1, 1
    assert cloud.take_calls()["store.get"] == pause + index + status + memory


def test_a_burst(cloud):
    """48 webhooks on six containers with one key changed list the vault at most eight times."""
    cloud.pass_time(LONG_AGO_SECONDS)
    cloud.most_containers = CONTAINERS
    cloud.source.folders[cloud.folder]["K0000"] = "2"
    for _ in range(WEBHOOKS):
        cloud.webhook(cloud.folder)
    cloud.pass_time(20)
    for _ in range(3):
        cloud.tick()
        cloud.pass_time(TICK_EVERY_SECONDS)
    calls = vault_calls(cloud)
    assert cloud.held()["K0000"] == "2"
    assert not cloud.queue.messages
    assert calls.pop("vault.list") <= CONTAINERS + 2
    assert calls == {"vault.update": 1}


def test_an_idle_tick_grows_by_list_pages_only():
    """A tick that finds nothing makes one call more for each thousand objects of three kinds, no other."""
    counts = {}
    for syncs in (1, 1000, 10_000):
        cloud = VirtualCloud()
        for number in range(syncs):
            cloud.store.put(f"secret-syncs/p/s{number}.json", b"never read")
        cloud.pass_time(1)
        for number in range(syncs):
            cloud.store.put(f"status/p/s{number}.json", b"{}")
            cloud.store.put(f"verified/p/s{number}", b"")
        cloud.pass_time(61)  # the depth of the queue is asked at full ten minutes
        cloud.tick()
        cloud.pass_time(50)
        counts[syncs] = cloud.take_calls()
    others = {"store.get": 1, "queue.receive": 1}
    assert counts[1] == counts[1000] == Counter(others | {"store.list": 3})
    assert counts[10_000] == Counter(others | {"store.list": 30})


def world_of_many():
    """Return a cloud with one sync of many secrets and a rate limit; ticks leave it alone."""
    cloud = VirtualCloud(calls_per_second=CALLS_PER_SECOND, interval=timedelta(hours=8))
    cloud.folder = cloud.add_sync("a", values(number=HUGE))
    cloud.mark_verified("a")
    return cloud


def order(cloud, command, *, is_cut):
    """Order a job, and work on it for ten seconds or to its end."""
    seconds = 10.0 if is_cut else UNINTERRUPTED_SECONDS / 2
    cloud.start(
        "command",
        lambda invocation: invocation.dispatcher(seconds).command(command),
        UNINTERRUPTED_SECONDS,
    )


def create(cloud, *, is_cut):
    """Sync; nothing is in the vault yet."""
    order(cloud, Command(command="sync", sync="a"), is_cut=is_cut)


def bring_in(cloud, *, is_cut):
    """Import all, of which the source holds nothing."""
    for name in cloud.source.folders[cloud.folder]:
        cloud.secrets().seed(name, b"1")
    cloud.source.folders[cloud.folder] = {"K0000": "source"}
    what = {"import_behavior": "prioritize-source"}
    order(cloud, Command(command="import", sync="a", **what), is_cut=is_cut)


def verify(cloud, *, is_cut):
    """Verify all, long after the first sync."""
    create(cloud, is_cut=False)
    cloud.pass_time(cloud.interval.total_seconds() + LONG_AGO_SECONDS)
    cloud.queue.messages.clear()
    cloud.take_calls()
    seconds = TICK_SECONDS if is_cut else UNINTERRUPTED_SECONDS / 2
    cloud.start("tick", lambda invocation: invocation.tick(seconds), UNINTERRUPTED_SECONDS)


def until_done(cloud, *, is_cut):
    """Let time pass until nothing runs or waits, with ticks; return how many that took."""
    ticks = 0
    while ticks < MOST_TICKS:
        cloud.pass_time(TICK_EVERY_SECONDS)
        if ticks and not (cloud.running or cloud.queue.messages):
            return ticks
        if is_cut or not cloud.running:
            cloud.tick()
            ticks += 1
    raise AssertionError(cloud.status("a").sync)


@pytest.mark.parametrize("job", [create, verify, bring_in])
def test_a_job_of_many_runs(job):
    """However often it is cut short, a large job makes at most 1.15 times the calls of one run."""
    calls, served = {}, {}
    for is_cut in (False, True):
        cloud = world_of_many()
        job(cloud, is_cut=is_cut)
        ticks = until_done(cloud, is_cut=is_cut)
        served[is_cut] = cloud.calls - cloud.refused
        calls[is_cut] = cloud.take_calls()
        assert cloud.held() == values(number=HUGE)
        assert not cloud.status("a").retry_at
    assert ticks > 1
    assert calls[True].total() <= MOST_OF_UNINTERRUPTED * calls[False].total()
    for operation in ("vault.create", "vault.read", "vault.get"):
        assert served[True][operation] == served[False][operation]
