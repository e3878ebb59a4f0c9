"""Events about objects and vaults: which of them begin a run."""

import json

import pytest

from functions.jobs.seal import parse_job
from functions.jobs.submit import VAULT_EVENT_DELAY_SECONDS, is_about
from functions.plan.models import Folder, JobKind
from functions.triggers.oci_event import ResourceEvent
from tests.support.one_sync import CONFIG, answer_of, status, world_of_one_sync
from tests.support.plan_examples import sync
from tests.system.simulation.events import BUCKET
from tests.system.simulation.memory_world import COMPARTMENT, VAULT

OBJECT = f"prefix/{CONFIG}"
ELSEWHERE = BUCKET | {"namespace": "another"}


def world_of(fields):
    """Return a calm world with one sync, whose config says this."""
    world = world_of_one_sync()
    stored = json.loads(world.store.get(CONFIG).body)
    world.store.put(CONFIG, json.dumps(stored | fields).encode())
    return world


by_itself = pytest.mark.parametrize(
    ("fields", "is_auto"),
    [({}, True), ({"isAutoSyncEnabled": False}, False), ({"isBeingRemoved": True}, False)],
    ids=["by itself", "when asked", "being removed"],
)


@pytest.mark.parametrize(
    ("changed", "is_meant", "is_meant_with_sub_folders"),
    [
        (Folder("project-1", "prod", "/api"), True, True),
        (Folder("project-1", "prod", "/api/v1/x"), False, True),
        (Folder("project-1", "prod", "/api-2"), False, False),
        (Folder("project-1", "prod", "/"), False, False),
        (Folder("project-1", "dev", "/api"), False, False),
        (Folder("project-2", "prod", "/api/v1"), False, False),
    ],
)
def test_which_folders_a_sync_is_about(changed, is_meant, is_meant_with_sub_folders):
    """A change in a sync's own folder concerns it, and one in a folder below if it includes those."""
    assert is_about(sync(), changed) == is_meant
    assert is_about(sync(includeAllSubFolders=True), changed) == is_meant_with_sub_folders


@pytest.mark.parametrize(
    ("action", "name", "place", "runs"),
    [
        ("createobject", OBJECT, BUCKET, 1),
        ("updateobject", OBJECT, BUCKET, 1),
        ("deleteobject", OBJECT, BUCKET, 0),
        ("updateobject", "prefix/status/p/a.json", BUCKET, 0),
        ("updateobject", CONFIG, BUCKET, 0),
        ("updateobject", OBJECT, ELSEWHERE, 0),
    ],
)
@by_itself
def test_events_about_objects(action, name, place, runs, fields, is_auto):
    """A run begins when a config of this store is written, and only if the sync runs by itself."""
    world = world_of(fields)
    event = ResourceEvent(f"com.oraclecloud.objectstorage.{action}", name, COMPARTMENT, place)
    reports = answer_of(world, lambda hands: hands.dispatcher().event(event), 30)
    assert len(reports) == len(status(world).runs) == (runs if is_auto else 0)


@pytest.mark.parametrize(
    ("action", "compartment", "details", "jobs"),
    [
        ("updatesecret", COMPARTMENT, {"vaultId": VAULT}, 1),
        ("updatesecret", COMPARTMENT, {}, 1),
        ("updatesecret", COMPARTMENT, {"vaultId": "another"}, 0),
        ("updatesecret", "another", {"vaultId": VAULT}, 0),
        ("getsecretbundle", COMPARTMENT, {"vaultId": VAULT}, 0),
        ("listsecrets", COMPARTMENT, {"vaultId": VAULT}, 0),
    ],
)
@by_itself
def test_events_about_vaults(action, compartment, details, jobs, fields, is_auto):
    """A change in a sync's vault queues its verification, if it runs by itself; a read does not."""
    world = world_of(fields)
    event = ResourceEvent(f"com.oraclecloud.vaultsecret.{action}", "A", compartment, details)
    assert answer_of(world, lambda hands: hands.dispatcher().event(event), 30) == []
    queued = [parse_job(it.body, world.digests, it.visible_at) for it in world.queue.messages]
    assert [job.kind for job in queued] == ([JobKind.VERIFY] * jobs if is_auto else [])
    for job in queued:  # a burst of writes is one verification, some time later
        assert (job.not_before - job.created_at).total_seconds() == VAULT_EVENT_DELAY_SECONDS
