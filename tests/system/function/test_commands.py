"""Commands by direct invocation: sync, plan, import, remove, tick, drain."""

import json
from uuid import uuid4

import pytest

from infra.local.oci.cloud import BUCKET, QUEUE_ID
from tests.support.world import PREFIX, PROJECT


def test_plan_writes_nothing(world):
    """`plan` tells actions and names, never a value, and writes nothing anywhere."""
    sync = world.sync(values={"NEW": "geheim", "A": "1", "SAME": "old"})
    for name in ("A", "SAME", "OLD"):
        sync.seed(name)
    reply = world.command("plan", sync)
    plan = reply["plan"]
    changes = [(change["action"], change["name"]) for change in plan["changes"]]
    assert changes == [("update", "A"), ("create", "NEW"), ("delete", "OLD")]
    assert plan["counts"]["unchanged"] == 1
    assert "geheim" not in json.dumps(reply)
    reads = {"GetSecretBundle", "ListObjects", "GetObject", "ListSecrets"}
    reads |= {"GetCompartment", "GetVault", "ListKeys"}
    assert set(world.operations()) <= reads
    assert all(call.startswith(("GET", "POST /api/v1/auth")) for call in world.infisical.calls)


def test_sync_by_id(world):
    """A sync may be named by its id as well."""
    sync = world.sync(values={"A": "1"})
    found = world.command("plan", sync)["id"]
    assert world.call({"command": "sync", "sync": found})["outcome"] == "succeeded"
    assert sync.live == {"A": "1"}


def test_sync_ends_its_job(world):
    """A sync by command is answered with its outcome; the next tick drops its message."""
    sync = world.sync(values={"A": "1"})
    job = sync.run()["jobId"]
    assert sync.status.ended_jobs == [job]
    world.tick()
    assert world.cloud.queues.contents(QUEUE_ID) == []
    assert [run.job_id for run in sync.status.runs].count(job) == 1


@pytest.mark.parametrize(
    ("behavior", "kept"), [("prioritize-source", "mine"), ("prioritize-destination", "theirs")]
)
def test_import(world, behavior, kept):
    """`import` brings into the source what it lacks (or what differs) and leaves the vault alone."""
    sync = world.sync(values={"BOTH": "mine", "ONLY_SOURCE": "1"})
    sync.seed("BOTH", b"theirs")
    sync.seed("ONLY_VAULT", b"2")
    before = sync.live
    answer = world.command("import", sync, importBehavior=behavior)
    assert answer["outcome"] == "succeeded"
    rows = world.source.folders["dev", sync.folder].secrets
    assert {row.key: row.value for row in rows} == {
        "BOTH": kept,
        "ONLY_SOURCE": "1",
        "ONLY_VAULT": "2",
    }
    assert sync.live == before
    assert sync.status.import_.status == "succeeded"


@pytest.mark.parametrize("behaviour", ["import-prioritize-source", "import-prioritize-destination"])
def test_the_first_run_may_import(world, behaviour):
    """A first run that imports loses nothing of the vault, and later runs do not import again."""
    sync = world.sync(values={"A": "1"}, options={"initialSyncBehavior": behaviour})
    sync.seed("A", b"2")
    sync.seed("V", b"3")
    sync.run()
    expected = "1" if behaviour == "import-prioritize-source" else "2"
    assert sync.live == {"A": expected, "V": "3"}
    assert sync.status.is_import_done
    sync.seed("LATE", b"4")
    sync.run()
    assert "LATE" not in sync.live


def test_an_import_that_the_source_refuses_is_kept(world):
    """What the source did not take is neither deleted nor overwritten in the vault."""
    options = {"initialSyncBehavior": "import-prioritize-destination"}
    sync = world.sync(values={"A": "1"}, options=options)
    sync.seed("A", b"\xff\xfe no text")
    sync.seed("B", b"\xfe no text")
    sync.run()
    sync.run()
    held = world.cloud.vault.live(sync.vault_id)
    assert held == {"A": b"\xff\xfe no text", "B": b"\xfe no text"}
    assert sync.memory.import_pending.keys() == {"A", "B"}


def test_an_import_does_not_double_a_key_of_a_sub_folder(world):
    """A key that a sub-folder holds is not imported into the folder above: then it would be there twice."""
    sync = world.sync(values={"TOP": "1"}, options={"includeAllSubFolders": True})
    world.source.set("dev", f"{sync.folder}/below", "S", "source")
    sync.run()
    sync.edit("S", value=b"vault")
    answer = world.command("import", sync, importBehavior="prioritize-destination")
    assert "S: the source holds it in a sub-folder" in answer["message"]
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"TOP": "1", "S": "vault"}
    world.source.set("dev", f"{sync.folder}/below", "S", "vault")
    sync.run()
    assert sync.memory.import_pending == {}


def test_remove(world):
    """`remove` schedules the deletion of what the sync put there, and ticks leave it so."""
    sync = world.sync(values={"A": "1", "B": "2"}, options={"disableSecretDeletion": True})
    sync.seed("THEIRS")
    sync.run()
    assert world.command("remove", sync)["outcome"] == "succeeded"
    assert sync.states == {"A": "PENDING_DELETION", "B": "PENDING_DELETION", "THEIRS": "ACTIVE"}
    world.age(4000)
    world.tick()
    assert sync.states["A"] == "PENDING_DELETION"
    assert sync.webhook()[1]["jobs"][0]["outcome"] == "succeeded"
    assert sync.states["A"] == "ACTIVE"


def test_a_config_that_is_being_removed(world):
    """A tick finishes the removal of a config that is marked so: secrets, status and config go."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    sync.store(isBeingRemoved=True)
    assert sync.webhook()[1]["message"].startswith("No sync for")
    world.age(4000)
    world.tick()
    assert sync.states == {"A": "PENDING_DELETION"}
    assert [n for n in world.cloud.objects.names(BUCKET, PREFIX) if sync.name in n] == []


def test_a_forced_job_is_not_swallowed_by_a_run_that_is_on(world):
    """A command that meets a running sync stays on the queue until it has run itself."""
    sync = world.sync(values={"A": "1"})
    lease = {"lease": {"run": "another", "expiresAt": world.soon(30)}}
    world.bucket.put(sync.status_object, json.dumps(lease).encode())
    answer = sync.run()
    assert (answer["outcome"], sync.live) == ("held", {})
    assert not sync.status.rerun
    world.age(60)
    world.tick()
    assert sync.live == {"A": "1"}
    assert answer["jobId"] in sync.status.ended_jobs


def test_drain(world):
    """`drain` works on the queue as one of so many workers."""
    sync = world.sync(values={"A": "1"})
    sync.webhook()
    sync.set("A", "2")
    world.age(20)
    assert world.command("drain") == {"message": "worked"}
    assert sync.live == {"A": "2"}
    assert world.cloud.objects.names(BUCKET, f"{PREFIX}/workers/") == []


def test_enough_workers(world):
    """A worker for which there is no place ends at once."""
    for number in range(1, 5):
        place = {"worker": "x", "expiresAt": world.soon(60)}
        world.bucket.put(f"workers/{number}", json.dumps(place).encode())
    assert world.command("drain") == {"message": "enough workers are at it"}
    assert "GetMessages" not in world.operations()


def test_the_api_by_invocation(world):
    """Whoever may invoke the function calls the management API without a token; status and body are the answer."""
    sync = world.sync(values={"A": "1"})
    path = "/api/v1/secret-syncs/oci-vault"
    asked = {"command": "api", "method": "GET", "path": path, "query": {"projectId": PROJECT}}
    answer = world.call(asked)
    assert answer["status"] == 200
    [row] = [one for one in answer["body"]["secretSyncs"] if one["name"] == sync.name]
    done = world.call(
        {"command": "api", "method": "POST", "path": f"{path}/{row['id']}/sync-secrets"}
    )
    assert (done["status"], sync.live) == (200, {"A": "1"})
    missing = world.call({"command": "api", "method": "GET", "path": f"{path}/{uuid4()}"})
    assert missing["status"] == missing["body"]["statusCode"] == 404


def test_over_http_nobody_comes_without_a_token(world):
    """The command is no way around the token: by HTTP it is a body like any other."""
    asked = {"command": "api", "method": "GET", "path": "/api/v1/secret-syncs/options"}
    assert world.post(json.dumps(asked).encode(), path="/api/v1/secret-syncs/options")[0] == 401


def test_a_command_of_the_function_changes_no_connection(world):
    """A direct invocation may call the API without a token, but for changing connections."""
    asked = {"command": "api", "method": "POST", "path": "/api/v1/app-connections/oci", "body": {}}
    answer = world.call(asked)
    assert answer["status"] == 403
    assert "through the gateway, with a token" in answer["body"]["message"]
    listed = world.call({"command": "api", "method": "GET", "path": asked["path"]})
    assert listed["status"] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "PUT", "path": "/api/v1/secret-syncs"},
        {"method": "GET", "path": "/console"},
        {"method": "GET"},
        {"method": "GET", "path": "/api/v1/secret-syncs", "headers": {}},
    ],
)
def test_a_command_that_is_no_request(world, wrong):
    """What is no request of the API is refused with the field that is wrong."""
    assert world.call({"command": "api", **wrong})["error"].startswith("The command is wrong.")
