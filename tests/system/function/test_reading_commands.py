"""Commands that read are answered as their routes are, and no command is refused by an exception."""

import json

import pytest

from tests.support.api import SYNCS
from tests.support.world import PROJECT


def api(world, path, method="GET"):
    """Return the JSON that a route answers."""
    headers = {"authorization": f"Bearer {world.stack.api_token}"}
    return world.post(b"", headers, path, method)[1]


def test_list_status_and_runs(world):
    """`list`, `status` and `runs` answer what the routes answer, by the name of a sync or by its id."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    listed = world.call({"command": "list"})
    assert listed == api(world, SYNCS)
    assert world.call({"command": "list", "project": PROJECT}) == listed
    assert world.call({"command": "list", "project": "other"})["secretSyncs"] == []
    (row,) = listed["secretSyncs"]
    for name in (sync.name, row["id"]):
        assert world.call({"command": "status", "sync": name})["secretSync"] == row
    runs = world.command("runs", sync)["runs"]
    assert [run["kind"] for run in runs] == ["sync"]
    assert runs == api(world, f"{SYNCS}/{row['id']}/runs")["runs"]


def test_check(world):
    """`check` tells for each thing that is depended on whether it is there, and what is wrong with it."""
    sync = world.sync(values={"A": "1"})
    found = world.command("check", sync)["checks"]
    assert [row["what"] for row in found] == ["store", "queue", "source", "folder", "destination"]
    assert all(row["isOk"] and row["message"] is None for row in found)
    world.source.delete_folder("dev", sync.folder)
    del world.cloud.kms.keys[sync.config["destinationConfig"]["keyOcid"]]
    found = world.command("check", sync)["checks"]
    wrong = {row["what"]: row["message"] for row in found if not row["isOk"]}
    assert wrong.keys() == {"folder", "destination"}
    assert sync.folder in wrong["folder"]
    assert wrong["destination"].startswith("The key ocid1.key.")
    assert len(world.call({"command": "check"})["checks"]) == 3


def test_pause_and_resume(world):
    """`pause` and `resume` are the emergency stop for who invokes directly."""
    sync = world.sync(values={"A": "1"})
    paused = world.call({"command": "pause"})
    assert (paused["isPaused"], paused["pause"]["by"]) == (True, "iam")
    refused = sync.run()
    assert refused["error"].startswith("All syncs are paused since")
    assert not world.call({"command": "resume"})["isPaused"]
    assert sync.run()["outcome"] == "succeeded"


@pytest.mark.parametrize("command", ["sync", "plan", "import", "remove", "status", "runs", "check"])
def test_a_broken_config_is_named_with_its_reason(world, command):
    """A sync whose config cannot be used is no unknown sync: its reason is told, by any of its names."""
    sync = world.sync(values={"A": "1"})
    world.bucket.put(sync.object, json.dumps(sync.config | {"environment": "No Slug"}).encode())
    (broken,) = api(world, SYNCS)["broken"]
    for name in (sync.name, broken["id"]):
        told = world.call({"command": command, "sync": name})
        assert told == {"error": broken["message"]}
        assert "environment field can only contain" in told["error"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"command": "sync", "sync": "nowhere"}, "There is no sync with the name"),
        ({"command": "status"}, "Say which sync"),
        ({"command": "nothing"}, "The command is wrong. command: "),
        ({"command": "sync", "sync": ""}, "The command is wrong. sync: "),
        ({"command": "sync", "sync": "x", "force": "yes"}, "The command is wrong. force: "),
        ({"command": "sync", "sync": "x", "extra": 1}, "The command is wrong. extra: "),
        ({"command": "api", "method": "PUT"}, "The command is wrong. "),
    ],
)
def test_a_command_is_refused_by_an_answer(world, asked, told):
    """What a command cannot do is answered as `{"error": …}`: OCI hides the text of what is raised."""
    answer = world.call(asked)
    assert answer.keys() == {"error"}
    assert answer["error"].startswith(told)


def test_undo_and_cleanup(world):
    """`undo` brings back what a run deleted; `cleanup` takes away what another key schema left behind."""
    sync = world.sync(values={"A": "1"}, options={"keySchema": "OLD_{{secretKey}}"})
    sync.run()
    world.command("remove", sync)
    [removal, _] = world.command("runs", sync)["runs"]
    assert removal["changed"] == {"delete": ["OLD_A"]}
    assert world.command("undo", sync, run=removal["id"])["secretSync"]["syncStatus"] == "succeeded"
    assert sync.states == {"OLD_A": "ACTIVE"}
    sync.config["syncOptions"]["keySchema"] = "NEW_{{secretKey}}"
    sync.store(isAutoSyncEnabled=False)
    sync.run()
    assert world.command("cleanup", sync)["secretSync"]["syncStatus"] == "succeeded"
    assert sync.states == {"OLD_A": "PENDING_DELETION", "NEW_A": "ACTIVE"}
