"""Configs in files become the stored syncs: the way of GitOps."""

import json

import pytest

from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET
from tests.support.world import PROJECT

SCHEMA = {"initialSyncBehavior": "overwrite-destination", "keySchema": "P_{{secretKey}}"}


@pytest.fixture
def files(terminal):
    """An empty folder for configs."""
    folder = terminal.here / "syncs"
    for file in folder.rglob("*.json") if folder.exists() else ():
        file.unlink()
    folder.mkdir(exist_ok=True)
    return folder


def config(world, name, values=None, **changes):
    """Return a config with a folder and a vault of its own, which is not stored."""
    sync = world.sync(values=values or {"A": "1"}, isAutoSyncEnabled=False)
    world.cloud.objects.remove(BUCKET, f"{PREFIX}/{sync.object}")
    del sync.config["isAutoSyncEnabled"]
    return sync, {**sync.config, "name": name, **changes}


def stored(world):
    """The stored configs by name."""
    objects = world.cloud.objects
    names = objects.names(BUCKET, f"{PREFIX}/secret-syncs/")
    return {one["name"]: one for one in (json.loads(objects.get(BUCKET, name)) for name in names)}


def test_a_sync_is_created_changed_and_left_alone(either, world, files):
    """What is not there is created and synced; what differs is changed, field by field; what is equal is not touched."""
    sync, wanted = config(world, "payments", syncOptions={**SCHEMA})
    either.file("syncs/payments.json", wanted)
    made = either.ok("apply", "-f", "syncs", "--yes")
    assert made.startswith("+ payments\npayments: succeeded  +1 create")
    assert sync.live == {"P_A": "1"}
    assert either.ok("apply", "-f", "syncs", "--yes") == "= payments\n"
    either.file("syncs/payments.json", {**wanted, "description": "new", "isAutoSyncEnabled": False})
    assert either.ok("apply", "-f", "syncs/payments.json").splitlines() == [
        "~ payments",
        '    description: null -> "new"',
        "    isAutoSyncEnabled: true -> false",
    ]
    assert stored(world)["payments"]["description"] == "new"


def test_a_field_that_is_left_out_gets_its_default(terminal, world, files):
    """What the file does not say any more is not kept: the file is the whole truth."""
    _, wanted = config(world, "payments", description="old")
    terminal.file("syncs/a.json", {**wanted, "syncOptions": {**SCHEMA, "deletionDays": 20}})
    terminal.ok("apply", "-f", "syncs")
    del wanted["description"]
    terminal.file("syncs/a.json", {**wanted, "syncOptions": SCHEMA})
    lines = terminal.ok("apply", "-f", "syncs").splitlines()
    assert lines[:3] == [
        "~ payments",
        '    description: "old" -> null',
        "    syncOptions.deletionDays: 20 -> 7",
    ]
    assert "description" not in stored(world)["payments"]
    assert terminal.ok("apply", "-f", "syncs") == "= payments\n"


def test_a_sync_that_fails_fails_the_apply(terminal, world, files):
    """A sync that is created and fails ends with 1; the others are applied all the same."""
    _, bad = config(world, "bad", destinationConfig=None)
    terminal.file("syncs/bad.json", bad)
    assert "destinationConfig" in terminal.refused("apply", "-f", "syncs")


@pytest.mark.parametrize("content", ["{", "[]", {"name": "a"}])
def test_what_is_no_sync_is_refused(terminal, world, files, content):
    """A file that holds no sync is named before anything is changed."""
    terminal.file("syncs/odd.json", content)
    assert "syncs/odd.json" in terminal.refused("apply", "-f", "syncs", code=64)
    assert "Say -f FILE_OR_FOLDER" in terminal.refused("apply", code=64)
    assert stored(world) == {}


def test_two_files_of_one_sync_are_refused(terminal, world, files):
    """Two files that hold the same sync would fight: nothing is changed."""
    _, wanted = config(world, "payments")
    for name in ("one", "two"):
        terminal.file(f"syncs/{name}.json", wanted)
    assert "Two files hold one sync." in terminal.refused("apply", "-f", "syncs", code=64)
    assert stored(world) == {}


def test_syncs_in_no_file_are_deleted_if_asked(terminal, world, files):
    """--prune asks, deletes the syncs of these projects that are in no file, and leaves their secrets."""
    made = {name: config(world, name) for name in ("one", "two", "three")}
    for name, (_, wanted) in made.items():
        terminal.file(f"syncs/{name}.json", wanted)
    world.bucket.put(
        "secret-syncs/other/kept.json",
        json.dumps({**made["one"][1], "name": "kept", "projectId": "other"}).encode(),
    )
    terminal.ok("apply", "-f", "syncs")
    (files / "three.json").unlink()
    assert terminal.ok("apply", "-f", "syncs").splitlines() == ["= one", "= two"]
    assert "Without a terminal, say --yes." in terminal.refused(
        "apply", "-f", "syncs", "--prune", code=64
    )
    assert "- three\n" in terminal.ok("apply", "-f", "syncs", "--prune", "--yes")
    assert set(stored(world)) == {"one", "two", "kept"}
    assert made["three"][0].live == {"A": "1"}


def test_most_syncs_are_never_pruned(terminal, world, files):
    """To delete more than half of the syncs is refused: the folder is likely the wrong one."""
    for name in ("one", "two", "three"):
        terminal.file(f"syncs/{name}.json", config(world, name)[1])
    terminal.ok("apply", "-f", "syncs")
    for name in ("two", "three"):
        (files / f"{name}.json").unlink()
    said = terminal.refused("apply", "-f", "syncs", "--prune", "--yes")
    assert "2 of 3 are more than half: nothing was changed." in said
    assert set(stored(world)) == {"one", "two", "three"}
    (files / "one.json").unlink()
    assert "Say -f FILE_OR_FOLDER" in terminal.refused(
        "apply", "-f", "syncs", "--prune", "--yes", code=64
    )


def test_a_sync_that_is_renamed_stays_itself(terminal, world, files):
    """With --prune another name for the same folder and destination is a rename: the secrets stay its own."""
    sync, wanted = config(world, "payments")
    terminal.file("syncs/a.json", wanted)
    terminal.ok("apply", "-f", "syncs")
    [before] = terminal.json("list", "-p", PROJECT, "--json")["secretSyncs"]
    terminal.file("syncs/a.json", {**wanted, "name": "payments-live"})
    lines = terminal.ok("apply", "-f", "syncs", "--prune", "--yes").splitlines()
    assert lines[:3] == [
        "~ payments is called payments-live now",
        "~ payments-live",
        '    name: "payments" -> "payments-live"',
    ]
    [after] = terminal.json("list", "-p", PROJECT, "--json")["secretSyncs"]
    assert (after["id"], after["name"]) == (before["id"], "payments-live")
    assert sync.live == {"A": "1"}


def test_a_dry_run_says_what_would_be_done(either, world, files):
    """--dry-run shows the fields and the secrets that would change; with 2 as the code, and nothing is stored."""
    sync, wanted = config(world, "payments", syncOptions={**SCHEMA})
    either.file("syncs/payments.json", wanted)
    told = either.ok("apply", "-f", "syncs", "--dry-run", "--detailed-exitcode", code=2)
    assert told.startswith("+ payments\n    payments: +1 create")
    assert (stored(world), sync.live) == ({}, {})
    either.ok("apply", "-f", "syncs")
    edited = {**wanted, "syncOptions": {**SCHEMA, "keySchema": "Q_{{secretKey}}"}}
    either.file("syncs/payments.json", edited)
    told = either.ok("apply", "-f", "syncs", "--dry-run")
    assert '    syncOptions.keySchema: "P_{{secretKey}}" -> "Q_{{secretKey}}"' in told
    assert "      + Q_A" in told
    assert sync.live == {"P_A": "1"}
    assert either.ok("apply", "-f", "syncs/payments.json", "--dry-run", "--prune").startswith(
        "~ payments"
    )


def test_the_plan_of_a_file(either, world, files):
    """A config that is not stored is planned as if it were created; a check looks at what it needs."""
    sync, wanted = config(world, "payments")
    file = either.file("syncs/payments.json", wanted)
    assert "+ A" in either.ok("plan", "-f", file)
    lines = either.ok("check", "-f", file).splitlines()
    assert lines[4:] == ["+ payments: folder", "+ payments: destination"]
    wrong = {**wanted["destinationConfig"], "vaultOcid": f"{sync.vault_id}x"}
    file = either.file("syncs/payments.json", {**wanted, "destinationConfig": wrong})
    lines = either.ok("check", "-f", file, code=1).splitlines()
    assert lines[5].startswith("! payments: destination: ")
