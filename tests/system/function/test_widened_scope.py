"""An edit that brings more into a sync's scope never costs anybody a secret without their word."""

import pytest

from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET
from infra.local.oci.traffic import Fault

OVERWRITE = {"initialSyncBehavior": "overwrite-destination"}
IMPORT_FIRST = {"initialSyncBehavior": "import-prioritize-destination"}


def move(world, sync, name):
    """Point a sync to another vault."""
    other = world.sync(values={"UNUSED": "1"}, isAutoSyncEnabled=False)
    sync.store(destinationConfig=other.config["destinationConfig"])
    sync.vault_id = other.vault_id
    sync.seed(name, b"theirs")


def forced(sync):
    """Force the plan as it is."""
    return sync.run(force=sync.plan()["fingerprint"])


def kept(sync, *names):
    """Say that these secrets stand as they were, and that the message names them."""
    for name in names:
        assert sync.live[name] == "theirs"
        assert f"{name}: kept, this sync never wrote it" in sync.status.sync.message
    return True


def test_an_import_sync_is_pointed_to_another_vault(world):
    """The import belongs to vault and compartment: what another vault holds is imported, not deleted."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.run()
    move(world, sync, "THEIRS")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "1", "THEIRS": "theirs"}
    assert world.source.folders["dev", sync.folder].get("THEIRS").value == "theirs"


def test_an_import_sync_that_returns_takes_nothing_of_its_own(world):
    """An import into a vault that the sync wrote to before leaves out what carries its own tag."""
    sync = world.sync(values={"A": "old"}, options=IMPORT_FIRST)
    sync.run()
    first, home = sync.config["destinationConfig"], sync.vault_id
    move(world, sync, "THEIRS")
    sync.run()
    sync.set("A", "new")
    sync.run()
    sync.vault_id = home
    sync.store(destinationConfig=first)
    sync.seed("LATER", b"theirs")
    sync.run()
    assert sync.live == {"A": "new", "THEIRS": "theirs", "LATER": "theirs"}


def test_another_vault(world):
    """Pointed to another vault, a sync writes there but deletes nobody's secret until it is forced."""
    sync = world.sync(values={"A": "1"}, options=OVERWRITE)
    sync.run()
    move(world, sync, "THEIRS")
    for _ in range(2):
        assert sync.run()["outcome"] == "succeeded"
        assert kept(sync, "THEIRS")
    assert sync.live["A"] == "1"
    (held,) = [change for change in sync.plan()["changes"] if "held" in change]
    assert (held["name"], held["action"]) == ("THEIRS", "delete")
    forced(sync)
    assert sync.live == {"A": "1"}


@pytest.mark.parametrize("schema", [None, "{{secretKey}}"])
def test_a_key_schema_is_taken_away(world, schema):
    """Without its key schema a sync has others' secrets in its scope: they are kept and named."""
    sync = world.sync(values={"A": "1"}, options=OVERWRITE | {"keySchema": "P_{{secretKey}}"})
    for name in ("X", "Y"):
        sync.seed(name, b"theirs")
    sync.run()
    sync.store(syncOptions=OVERWRITE | ({"keySchema": schema} if schema else {}))
    sync.run()
    assert kept(sync, "X", "Y")
    assert sync.live.keys() == {"A", "X", "Y"}, "what it wrote itself goes by the usual rules"
    forced(sync)
    sync.seed("Z", b"theirs")
    sync.run()
    assert sync.live == {"A": "1"}, "from then on the scope is permitted"


def test_deletion_is_switched_on(world):
    """Where deletion is allowed only now, what the sync never wrote is kept; its own goes."""
    sync = world.sync(
        values={"A": "1", "B": "2"}, options=OVERWRITE | {"disableSecretDeletion": True}
    )
    sync.seed("THEIRS", b"theirs")
    sync.run()
    sync.store(syncOptions=OVERWRITE)
    sync.delete("B")
    sync.run()
    assert sync.live == {"A": "1", "THEIRS": "theirs"}
    assert kept(sync, "THEIRS")


@pytest.mark.parametrize("edit", [OVERWRITE, OVERWRITE | {"keySchema": "{{secretKey}}"}])
def test_an_error_lets_no_scope_grow(world, edit):
    """What the sync could not compare when the edit came is not its to delete later, when the source drops the key."""
    options = OVERWRITE | {"keySchema": edit.get("keySchema", "") and "P_{{secretKey}}"}
    sync = world.sync(values={"A": "1"}, options=options | {"disableSecretDeletion": True})
    sync.seed("THEIRS", b"theirs")
    sync.run()
    sync.store(syncOptions=edit)
    sync.set("THEIRS", "another")
    world.cloud.faults.append(Fault("GetSecretBundle", status=409, code="IncorrectState"))
    assert "THEIRS: its content in the vault cannot be read" in sync.run()["message"]
    world.cloud.faults.clear()
    sync.delete("THEIRS")
    sync.run()
    assert kept(sync, "THEIRS")
    forced(sync)
    assert sync.live == {"A": "1"}


def test_a_wider_schema_of_an_import_sync(world):
    """With an import behaviour nothing new in the scope is overwritten either, until it is imported."""
    options = IMPORT_FIRST | {"keySchema": "P_{{secretKey}}"}
    sync = world.sync(values={"A": "1", "B": "2"}, options=options)
    sync.seed("A", b"theirs")
    sync.run()
    sync.store(syncOptions=IMPORT_FIRST)
    sync.run()
    assert kept(sync, "A")
    assert sync.live["B"] == "2"
    world.command("import", sync, importBehavior="prioritize-destination")
    sync.run()
    assert sync.live["A"] == "theirs"
    assert world.source.folders["dev", sync.folder].get("A").value == "theirs"


@pytest.mark.parametrize("way", ["import", "force"])
@pytest.mark.parametrize("options", [OVERWRITE, IMPORT_FIRST], ids=["overwrite", "import"])
def test_a_status_that_was_lost(world, options, way):
    """Own tags but no status: what the sync never wrote is neither imported, changed nor deleted, but named."""
    sync = world.sync(values={"A": "1", "B": "2"}, options=options)
    sync.run()
    for name in (sync.status_object, sync.status_object.replace("status/", "memory/")):
        world.cloud.objects.remove(BUCKET, f"{PREFIX}/{name}")
    sync.seed("THEIRS", b"theirs")
    sync.set("A", "changed")
    for _ in range(2):
        sync.run()
        assert kept(sync, "THEIRS")
        assert sync.live == {"A": "changed", "B": "2", "THEIRS": "theirs"}
    assert "THEIRS" not in [row.key for row in world.source.folders["dev", sync.folder].secrets]
    if way == "import":
        world.command("import", sync)
        sync.run()
        assert sync.live["THEIRS"] == "theirs"
        assert world.source.folders["dev", sync.folder].get("THEIRS").value == "theirs"
    else:
        forced(sync)
        assert sync.live == {"A": "changed", "B": "2"}


def test_a_cleanup_is_no_sync(world):
    """A cleanup before the first run leaves the first import due."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.seed("THEIRS", b"theirs")
    world.command("cleanup", sync)
    assert sync.status.sync.at is None
    sync.run()
    assert sync.live == {"A": "1", "THEIRS": "theirs"}
    assert world.source.folders["dev", sync.folder].get("THEIRS").value == "theirs"


@pytest.mark.parametrize("command", ["cleanup", "remove", "sync"])
def test_a_status_that_was_lost_before_something_else(world, command):
    """What is done after a status was lost, and is no sync that came to its end, permits nothing."""
    sync = world.sync(values={"A": "1"}, options=OVERWRITE)
    sync.run()
    for name in (sync.status_object, sync.status_object.replace("status/", "memory/")):
        world.cloud.objects.remove(BUCKET, f"{PREFIX}/{name}")
    sync.seed("THEIRS", b"theirs")
    world.infisical.forbidden.add(("dev", sync.folder))
    world.command(command, sync)
    world.infisical.forbidden.clear()
    sync.run()
    assert kept(sync, "THEIRS")


def test_a_new_sync_has_the_scope_that_its_config_says(world):
    """The first run of a sync does what the config says: nothing was widened."""
    sync = world.sync(values={"A": "1"}, options=OVERWRITE)
    sync.seed("THEIRS", b"theirs")
    sync.run()
    assert sync.live == {"A": "1"}


def test_a_narrower_scope_needs_no_word(world):
    """A scope that got smaller counts at once, and holds what comes back into it later."""
    sync = world.sync(values={"A": "1"}, options=OVERWRITE)
    sync.run()
    sync.store(syncOptions=OVERWRITE | {"keySchema": "P_{{secretKey}}"})
    sync.run()
    sync.seed("THEIRS", b"theirs")
    sync.store(syncOptions=OVERWRITE)
    sync.run()
    assert kept(sync, "THEIRS")


def test_what_a_new_key_schema_leaves_behind(world):
    """What carries the sync's tag out of its scope is named in plan and run, and taken by `cleanup`."""
    sync = world.sync(values={"A": "1"}, options=OVERWRITE)
    sync.run()
    sync.seed("THEIRS", b"theirs")
    sync.store(syncOptions=OVERWRITE | {"keySchema": "P_{{secretKey}}"})
    named = "left behind by an edit, for `cleanup` to take: A"
    assert named in sync.plan()["warnings"]
    sync.run()
    assert named in sync.status.sync.message
    world.command("cleanup", sync)
    assert sync.live == {"P_A": "1", "THEIRS": "theirs"}
    sync.run()
    assert sync.status.sync.message is None


def test_what_many_edits_leave_behind(world):
    """Whatever key schemas, environments and vaults there were: the tag tells what is left, and all of it goes."""
    sync, other = world.sync(values={"A": "1"}, options=OVERWRITE), world.sync()
    world.source.set("prod", sync.folder, "A", "1")
    edits = (
        {"syncOptions": OVERWRITE | {"keySchema": "P_{{secretKey}}"}},
        {"syncOptions": OVERWRITE | {"keySchema": "{{environment}}_{{secretKey}}"}},
        {"environment": "prod"},
    )
    sync.run()
    for edit in edits:
        sync.store(**edit)
        sync.run()
    former, names = sync.vault_id, ("A", "P_A", "dev_A", "prod_A")
    assert sync.live.keys() == set(names)
    assert "left behind by an edit, for `cleanup` to take: A, P_A, dev_A" in str(sync.plan())
    sync.vault_id = other.vault_id
    options = OVERWRITE | {"keySchema": "P_{{secretKey}}"}
    sync.store(destinationConfig=other.config["destinationConfig"], syncOptions=options)
    assert f"in {former}, for `cleanup` to take: A, P_A, dev_A, prod_A" in str(sync.plan())
    sync.run()
    world.command("cleanup", sync)
    assert world.cloud.vault.states(former) == dict.fromkeys(names, "PENDING_DELETION")
    assert sync.live == {"P_A": "1"}


def test_what_another_vault_leaves_behind(world):
    """What lies in a former vault is named in the plan and in the first run after the edit, and not again."""
    sync, former = moved(world)
    named = f"left behind by an edit in {former}, for `cleanup` to take: A"
    assert named in sync.plan()["warnings"]
    sync.run()
    assert named in sync.status.sync.message
    assert named in sync.plan()["warnings"]
    sync.run()
    assert sync.status.sync.message is None
    world.command("cleanup", sync)
    assert named not in sync.plan()["warnings"]
    assert world.cloud.vault.states(former) == {"A": "PENDING_DELETION"}


def test_a_cleanup_of_a_vault_to_which_an_edit_returns(world):
    """A cleanup deletes nothing once the config was edited: the former vault may be the sync's own again."""
    sync, former = moved(world)
    sync.run()
    home = sync.config["destinationConfig"] | {"vaultOcid": former}

    def edit_back(call):
        if call.operation == "ListSecrets":
            world.cloud.before = lambda _call: None
            sync.store(destinationConfig=home)

    world.cloud.before = edit_back
    world.command("cleanup", sync)
    assert world.cloud.vault.states(former) == {"A": "ACTIVE"}


def test_a_cleanup_of_another_vault_cannot_be_undone_here(world):
    """`undo` says of what a cleanup took in a former vault that it does not bring it back."""
    sync, former = moved(world)
    sync.run()
    world.command("cleanup", sync)
    [cleanup, *_] = world.command("runs", sync)["runs"]
    row = world.command("undo", sync, run=cleanup["id"])["secretSync"]
    assert world.cloud.vault.states(former) == {"A": "PENDING_DELETION"}
    assert row["syncStatus"] == "failed"
    assert "A: it is not to be deleted here; if it was in a former vault" in row["lastSyncMessage"]


def test_a_run_in_another_vault_cannot_be_undone_here(world):
    """So it is with what a run deleted before the sync was pointed to another vault."""
    sync = world.sync(values={"A": "1", "B": "1"}, options=OVERWRITE)
    sync.run()
    sync.delete("A")
    sync.run()
    [run, *_] = world.command("runs", sync)["runs"]
    move(world, sync, "A")
    sync.run()
    row = world.command("undo", sync, run=run["id"])["secretSync"]
    assert row["syncStatus"] == "failed"
    assert "A: it is not to be deleted here" in row["lastSyncMessage"]


def test_a_former_vault_that_cannot_be_listed(world):
    """A former vault that refuses to be listed is named as that, and holds nothing up."""
    sync, former = moved(world)
    world.cloud.faults.append(Fault("ListSecrets", status=404, nth=2, times=1))
    assert sync.run()["outcome"] == "succeeded"
    assert f"in {former} could not be listed" in sync.status.sync.message
    assert sync.live == {"A": "1"}


def moved(world):
    """A sync that has written to one vault and now points to another; the former vault."""
    sync, other = world.sync(values={"A": "1"}, options=OVERWRITE), world.sync()
    sync.run()
    former, sync.vault_id = sync.vault_id, other.vault_id
    sync.store(destinationConfig=other.config["destinationConfig"])
    return sync, former
