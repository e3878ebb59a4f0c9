"""A sync that keeps all keys of a folder as one vault secret."""

import json
import subprocess

import pytest

from infra.local.oci.traffic import Fault

APP = {"bundle": {"name": "app-config"}, "keySchema": "{{environment}}_{{secretKey}}"}
TEN = {f"K{n}": str(n) for n in range(10)}


@pytest.fixture
def sync(world):
    """A bundle of two keys, synced."""
    sync = world.sync(values={"B": "2", "A": "1"}, options=APP)
    assert sync.run()["outcome"] == "succeeded"
    return sync


@pytest.fixture
def ten(world):
    """A bundle of ten keys, synced."""
    sync = world.sync(values=TEN, options=APP)
    sync.run()
    return sync


def held(sync):
    """Return the bundle that the vault holds."""
    return json.loads(sync.live["app-config"])


def planned(sync):
    """Return the changes of the plan."""
    return sync.plan()["changes"]


def source_of(sync):
    """Return what the folder holds itself."""
    folder = sync.world.source.folders["dev", sync.folder]
    return {secret.key: secret.value for secret in folder.secrets}


# Push


def test_all_keys_are_one_secret(sync):
    """All keys are one secret under the bundle's name, sorted; the key schema does not apply."""
    assert sync.live == {"app-config": '{"A":"1","B":"2"}'}
    assert sync.versions("app-config") == 1


def test_a_change_of_one_key_is_one_version(world, sync):
    """A changed, a new and a deleted key make one version; the plan names the keys, and no value."""
    sync.set("A", "hunter2")
    sync.set("C", "hunter2")
    sync.delete("B")
    [change] = planned(sync)
    assert (change["action"], change["name"]) == ("update", "app-config")
    assert change["keys"] == {"added": ["C"], "changed": ["A"], "removed": ["B"]}
    assert "hunter2" not in json.dumps(sync.plan())
    assert sync.webhook()[0] == 200
    assert held(sync) == {"A": "hunter2", "C": "hunter2"}
    assert sync.versions("app-config") == 2
    assert planned(sync) == []


def test_a_run_that_finds_nothing_reads_no_content(world, sync):
    """Equality is told by the tag: a hint without news reads no secret."""
    world.age(600)
    world.operations()
    sync.webhook()
    names = [call.name_or_id for call in world.cloud.calls if call.operation == "GetSecretBundle"]
    assert "app-config" not in names
    assert "UpdateSecret" not in world.operations()


def test_a_new_bundle_shows_its_keys(world):
    """The plan of a bundle that is not there names all its keys."""
    sync = world.sync(values={"A": "1", "B": ""}, options=APP)
    [change] = planned(sync)
    assert (change["action"], change["keys"]["added"]) == ("create", ["A", "B"])


def test_a_shell_takes_the_lines(world, tmp_path):
    """The format env is what a shell sources, references and imports filled in."""
    options = {"bundle": {"name": "app.env", "format": "env"}}
    sync = world.sync(values={"HOST": "db", "URL": "pg://${HOST}/x?a=1&b='2'"}, options=options)
    world.source.set("dev", f"{sync.folder}-shared", "PEM", "-----BEGIN\nMIIE=\n")
    world.source.add_import("dev", sync.folder, "dev", f"{sync.folder}-shared")
    assert sync.run()["outcome"] == "succeeded"
    (tmp_path / "app.env").write_text(sync.live["app.env"])
    script = f"set -a; . {tmp_path}/app.env; exec /usr/bin/env printenv URL PEM"
    shown = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "pg://db/x?a=1&b='2'\n-----BEGIN\nMIIE=\n\n"


def test_another_format(sync):
    """Another format is one new version with the same keys, and loses none of them."""
    sync.store(
        syncOptions={
            **sync.config["syncOptions"],
            "bundle": {"name": "app-config", "format": "env"},
        }
    )
    [change] = planned(sync)
    assert change["keys"] == {"added": [], "changed": [], "removed": []}
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live["app-config"] == "A=1\nB=2\n"


def test_somebody_changes_the_bundle(world, sync):
    """A bundle that somebody edited, or spoiled, is put right by a verification."""
    for value in (b'{"A":"9","B":"2"}', b"spoiled"):
        sync.edit("app-config", value=value)
        answer = sync.run()
        assert answer["outcome"] == "succeeded"
        assert "Changed in the vault by somebody else: app-config" in answer["message"]
        assert held(sync) == {"A": "1", "B": "2"}


def test_only_its_own_name_is_in_scope(world, sync):
    """No other secret of the vault is touched, though the key schema would match it."""
    sync.seed("dev_A", b"theirs")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live["dev_A"] == "theirs"


# One key holds all


def test_a_key_that_cannot_be_read_holds_the_bundle(world, sync):
    """A key whose reference is refused holds the whole bundle, and is named."""
    world.source.set("prod", "/vault", "P", "1")
    world.infisical.forbidden.add(("prod", "/vault"))
    sync.set("A", "new")
    sync.set("B", "${prod.vault.P}")
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert "app-config: B: it refers to prod:/vault" in answer["message"]
    assert held(sync) == {"A": "1", "B": "2"}
    world.infisical.forbidden.clear()
    sync.run()
    assert held(sync) == {"A": "new", "B": "1"}


def test_a_hidden_value_holds_the_bundle(world, sync):
    """A value that the source hides holds the whole bundle, and its key is named."""
    sync.set("A", "new")
    world.infisical.hidden.add(("dev", sync.folder, "B"))
    answer = sync.run()
    assert "app-config: B: the source hides its value" in answer["message"]
    assert held(sync) == {"A": "1", "B": "2"}


def test_a_lost_import_holds_the_bundle(world, sync):
    """A key that an import gave and that may only be unreadable holds the whole bundle; force goes on without it."""
    shared = f"{sync.folder}-shared"
    world.source.set("dev", shared, "SHARED", "1")
    world.source.add_import("dev", sync.folder, "dev", shared)
    sync.run()
    assert sync.memory.keys["SHARED"].origin == f"import dev:{shared}"
    world.infisical.forbidden.add(("dev", shared))
    sync.set("A", "new")
    answer = sync.run()
    assert answer["outcome"] == "succeeded"
    assert f"app-config: kept, SHARED: the import dev:{shared} is not readable" in answer["message"]
    assert held(sync) == {"A": "1", "B": "2", "SHARED": "1"}
    assert "SHARED" in sync.memory.keys
    assert sync.run(force=sync.plan()["fingerprint"])["outcome"] == "succeeded"
    assert held(sync) == {"A": "new", "B": "2"}
    assert sync.memory.keys.keys() == {"A", "B"}


def test_an_import_that_was_removed_lets_its_keys_go(world, sync):
    """A key whose import was removed leaves the bundle at once."""
    shared = f"{sync.folder}-shared"
    world.source.set("dev", shared, "SHARED", "1")
    world.source.add_import("dev", sync.folder, "dev", shared)
    sync.run()
    world.source.remove_import("dev", sync.folder, "dev", shared)
    sync.run()
    assert held(sync) == {"A": "1", "B": "2"}


def test_a_lost_reference_holds_the_bundle(world, sync):
    """A reference that resolved before and does not now holds the whole bundle, and its key is named."""
    world.source.set("prod", "/vault", "P", "1")
    sync.set("B", "${prod.vault.P}")
    sync.run()
    world.source.delete("prod", "/vault", "P")
    sync.set("A", "new")
    assert "app-config: kept, B: it refers to prod:/vault P" in sync.run()["message"]
    assert held(sync) == {"A": "1", "B": "1"}


def test_a_bundle_that_is_too_large(world, sync):
    """A bundle beyond OCI's limit is an error that says how large it is, and stays as it is."""
    sync.set("C", "x" * 25_000)
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert (
        "app-config: the value has 25024 bytes; OCI Vault takes at most 25000" in answer["message"]
    )
    assert held(sync) == {"A": "1", "B": "2"}


def test_a_key_that_the_format_does_not_take(world):
    """A key that no shell takes holds a bundle of the format env, and is named."""
    sync = world.sync(
        values={"A": "1", "B-C": "2"}, options={"bundle": {"name": "app", "format": "env"}}
    )
    assert "app: B-C: the format env takes only" in sync.run()["message"]
    assert sync.live == {}


# Guards


def test_a_wipe_inside_the_bundle(world, ten):
    """A bundle that would lose too many keys is not written; force with the plan's fingerprint goes on."""
    for n in range(4):
        ten.delete(f"K{n}")
    ten.set("K9", "new")
    answer = ten.run()
    assert answer["outcome"] == "failed"
    assert (
        "4 of 10 keys of app-config would be lost, more than 30 %: K0, K1, K2, K3"
        in answer["message"]
    )
    assert held(ten) == TEN
    fingerprint = ten.plan()["fingerprint"]
    assert f"force {fingerprint}" in answer["message"]
    assert ten.plan()["stops"]
    ten.delete("K5")
    assert "the plan has changed" in ten.run(force=fingerprint)["message"]
    assert ten.run(force=ten.plan()["fingerprint"])["outcome"] == "succeeded"
    assert held(ten) == {"K4": "4", "K6": "6", "K7": "7", "K8": "8", "K9": "new"}


def test_a_wipe_in_portions(world, ten):
    """Keys that a bundle lost within a day count along."""
    for n in range(3):
        ten.delete(f"K{n}")
    assert ten.run()["outcome"] == "succeeded"
    ten.delete("K3")
    answer = ten.run()
    assert (
        "4 of 10 keys of app-config would be lost (3 of them within the last 24 hours)"
        in answer["message"]
    )
    assert len(held(ten)) == 7


def test_values_that_are_all_gone(world, ten):
    """Keys that keep no value count as lost."""
    for n in range(4):
        ten.set(f"K{n}", "")
    assert "4 of 10 keys of app-config would be lost" in ten.run()["message"]
    assert held(ten) == TEN


def test_an_empty_folder(world, sync):
    """A folder without keys does not delete the bundle unless that is forced."""
    sync.delete("A")
    sync.delete("B")
    assert "the source folder is empty" in sync.run()["message"]
    assert held(sync) == {"A": "1", "B": "2"}
    sync.run(force=sync.plan()["fingerprint"])
    assert sync.live == {}


def test_a_stranger_of_that_name(world):
    """A secret that the sync never wrote is overwritten only where the source has all its keys, or by force."""
    sync = world.sync(values={"A": "1"}, options=APP)
    sync.seed("app-config", b'{"A":"0","OTHER":"x"}')
    answer = sync.run()
    assert (
        "app-config: kept, this sync never wrote it, and the source lacks OTHER"
        in answer["message"]
    )
    sync.edit("app-config", value=b"plain text")
    assert "app-config was not read as a bundle" in sync.run()["message"]
    sync.edit("app-config", value=b'{"A":"0"}')
    sync.run()
    assert held(sync) == {"A": "1"}


def test_a_content_that_is_not_handed_out(world, sync):
    """Where the content cannot be read it is not known which keys would be lost: the bundle is kept, force goes on."""
    sync.set("A", "new")
    refused = Fault(
        "GetSecretBundle", 409, "IncorrectState", when=lambda call: call.name_or_id == "app-config"
    )
    world.cloud.faults.append(refused)
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert "app-config was not read as a bundle" in answer["message"]
    assert sync.versions("app-config") == 1
    sync.run(force=sync.plan()["fingerprint"])
    assert held(sync) == {"A": "new", "B": "2"}
    world.cloud.faults.clear()
    assert sync.run()["outcome"] == "succeeded"


# Import


def test_an_import_takes_the_bundle_apart(world, sync):
    """An import writes what the source lacks; one that prioritizes the vault also what differs."""
    sync.edit("app-config", value=b'{"A":"vault","B":"2","NEW":"3"}')
    assert world.command("import", sync)["outcome"] == "succeeded"
    assert source_of(sync) == {"A": "1", "B": "2", "NEW": "3"}
    sync.edit("app-config", value=b"A=vault\nB=2\nNEW='3'\n")
    answer = world.command("import", sync, importBehavior="prioritize-destination")
    assert answer["outcome"] == "succeeded"
    assert source_of(sync) == {"A": "vault", "B": "2", "NEW": "3"}
    assert sync.run()["outcome"] == "succeeded"
    assert held(sync) == {"A": "vault", "B": "2", "NEW": "3"}


def test_a_key_that_the_source_does_not_take_holds_the_bundle(world, sync):
    """A key that could not be imported keeps the whole bundle as it is, until it is imported or forced."""
    sync.edit("app-config", value=b'{"A":"1","B":"2","NEW":"${x}","FINE":"4"}')
    answer = world.command("import", sync)
    assert answer["outcome"] == "failed"
    assert "app-config/NEW: the source would read ${" in answer["message"]
    assert source_of(sync)["FINE"] == "4"
    sync.set("A", "changed")
    answer = sync.run()
    assert "app-config: kept, NEW: its value could not be imported" in answer["message"]
    assert held(sync)["NEW"] == "${x}"
    sync.set("NEW", "mine")
    assert sync.run()["outcome"] == "succeeded"
    assert held(sync) == {"A": "changed", "B": "2", "FINE": "4", "NEW": "mine"}
    assert sync.memory.import_pending == {}


def test_what_is_no_bundle_is_not_imported(world, sync):
    """Content that is no bundle is named by the import, and nothing is written to the source."""
    sync.edit("app-config", value=b"just text")
    answer = world.command("import", sync)
    assert "app-config: its content is neither a JSON object of texts nor" in answer["message"]
    assert source_of(sync) == {"A": "1", "B": "2"}


# From single secrets to a bundle, and back


def test_from_single_secrets_to_a_bundle_and_back(world):
    """What is out of scope after the edit is left behind, named, and taken by cleanup."""
    single = {"initialSyncBehavior": "overwrite-destination", "keySchema": APP["keySchema"]}
    sync = world.sync(values={"A": "1", "B": "2"}, options=single)
    sync.run()
    sync.store(syncOptions={**single, **APP})
    assert "left behind by an edit, for `cleanup` to take: dev_A, dev_B" in sync.run()["message"]
    assert sync.live.keys() == {"dev_A", "dev_B", "app-config"}
    world.command("cleanup", sync)
    assert sync.live.keys() == {"app-config"}
    sync.store(syncOptions=single)
    assert "left behind by an edit, for `cleanup` to take: app-config" in sync.run()["message"]
    world.command("cleanup", sync)
    assert sync.live == {"dev_A": "1", "dev_B": "2"}


def test_a_removal_takes_the_bundle(world, sync):
    """`remove` schedules the deletion of the bundle."""
    assert world.command("remove", sync)["outcome"] == "succeeded"
    assert sync.states == {"app-config": "PENDING_DELETION"}
    sync.run()
    assert held(sync) == {"A": "1", "B": "2"}


def test_a_bundle_is_not_made_without_a_key_that_hides(world):
    """A bundle is not made while a key that single secrets held may only be unreadable."""
    single = {"initialSyncBehavior": "overwrite-destination", "keySchema": APP["keySchema"]}
    sync = world.sync(values={"A": "1"}, options=single)
    shared = f"{sync.folder}-shared"
    world.source.set("dev", shared, "SHARED", "1")
    world.source.add_import("dev", sync.folder, "dev", shared)
    sync.run()
    world.infisical.forbidden.add(("dev", shared))
    sync.store(syncOptions={**single, **APP})
    assert "app-config: kept, SHARED: the import" in sync.run()["message"]
    assert sync.live == {"dev_A": "1", "dev_SHARED": "1"}
    world.infisical.forbidden.clear()
    sync.run()
    assert held(sync) == {"A": "1", "SHARED": "1"}


def test_a_write_that_fails_is_no_loss(world, ten):
    """Keys that a failed write did not take away do not count against the next try."""
    for n in range(3):
        ten.delete(f"K{n}")
    world.cloud.faults.append(Fault("UpdateSecret", 500, "InternalServerError"))
    assert ten.run()["outcome"] == "waiting"
    assert len(held(ten)) == 10
    world.cloud.faults.clear()
    assert ten.run()["outcome"] == "succeeded"
    assert len(held(ten)) == 7


def test_keys_that_came_back_do_not_count(world, ten):
    """Keys that the bundle lost and holds again do not count along."""
    for _ in range(2):
        for n in range(3):
            ten.delete(f"K{n}")
        assert ten.run()["outcome"] == "succeeded"
        assert len(held(ten)) == 7
        for n in range(3):
            ten.set(f"K{n}", "again")
        assert ten.run()["outcome"] == "succeeded"
        assert len(held(ten)) == 10


def test_a_plan_that_was_agreed_to(world, ten):
    """A run for a plan that was looked at takes no other key out of the bundle than that plan did."""
    api = {"command": "api", "method": "POST", "query": {}}
    ten.delete("K0")
    agreed = ten.plan()["fingerprint"]
    path = f"/api/v1/secret-syncs/oci-vault/{ten.run()['id']}/sync-secrets"
    assert "K0" not in held(ten)
    ten.delete("K1")
    api |= {"path": path, "query": {"plan": agreed}}
    assert world.call(api)["status"] == 409
    assert "K1" in held(ten)
    api["query"] = {"plan": ten.plan()["fingerprint"]}
    answer = world.call(api)
    assert (answer["status"], answer["body"]["secretSync"]["syncStatus"]) == (200, "succeeded")
    assert "K1" not in held(ten)
