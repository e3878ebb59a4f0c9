"""The guards: what stops a run before it writes, and the way through."""

import pytest


def stopped(world, sync, *says):
    """Say that the run stopped before any write, for this reason, and return the fingerprint."""
    writes = {"CreateSecret", "UpdateSecret", "ScheduleSecretDeletion", "CancelSecretDeletion"}
    assert not writes & set(world.operations())
    assert sync.status.sync.status == "failed"
    for word in says:
        assert word in sync.status.sync.message
    fingerprint = sync.plan()["fingerprint"]
    assert f"force {fingerprint}" in sync.status.sync.message
    return fingerprint


@pytest.fixture
def twelve(world):
    """A sync of twelve secrets of which five are gone from the source."""
    sync = world.sync(values={f"K{n:02}": str(n) for n in range(12)})
    sync.run()
    for n in range(5):
        sync.delete(f"K{n:02}")
    sync.set("NEW", "1")
    world.operations()
    return sync


def test_too_many_deletions(world, twelve):
    """Deleting more than 30 % of ten or more secrets stops the run; force with the plan's name goes on."""
    twelve.webhook()
    fingerprint = stopped(world, twelve, "5 of 12 secrets in scope", "30 %")
    assert len(twelve.live) == 12
    assert twelve.run(force=fingerprint)["outcome"] == "succeeded"
    assert twelve.live == {f"K{n:02}": str(n) for n in range(5, 12)} | {"NEW": "1"}


def test_force_with_a_wrong_fingerprint(world, twelve):
    """Force with a wrong fingerprint writes nothing and says which one would be right."""
    answer = twelve.run(force="0123456789abcdef")
    assert answer["outcome"] == "failed"
    assert "the plan has changed" in answer["message"]
    stopped(world, twelve)


def test_force_for_a_plan_that_changed(world, twelve):
    """Force for a plan that deletes something else by now writes nothing."""
    fingerprint = twelve.plan()["fingerprint"]
    twelve.set("K01", "2")
    assert twelve.run(force=fingerprint)["outcome"] == "failed"
    assert stopped(world, twelve) != fingerprint
    assert len(twelve.live) == 12


def test_a_few_deletions_pass(world):
    """Three deletions of ten secrets need no force."""
    sync = world.sync(values={f"K{n}": str(n) for n in range(10)})
    sync.run()
    for n in range(3):
        sync.delete(f"K{n}")
    sync.run()
    assert len(sync.live) == 7


def test_a_wipe_in_portions_of_what_an_import_took_in(world):
    """Secrets that an import took into the source have no tag; their deletions of a day count together too."""
    sync = world.sync(options={"initialSyncBehavior": "import-prioritize-source"})
    names = [f"K{n:02}" for n in range(12)]
    for name in names:
        sync.seed(name)
    sync.run()
    for name in names[:3]:
        sync.delete(name)
    sync.run()
    assert len(sync.live) == 9
    for name in names[3:5]:
        sync.delete(name)
    world.operations()
    sync.run()
    stopped(world, sync, "5 of 12 secrets in scope", "3 of them within the last 24 hours")


def test_an_empty_folder(world):
    """A folder that is empty now deletes nothing, however few the secrets; force goes on."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.delete("A")
    sync.delete("B")
    world.operations()
    sync.webhook()
    fingerprint = stopped(world, sync, "the source folder is empty", "2 secrets would be deleted")
    sync.run(force=fingerprint)
    assert sync.live == {}


def test_all_values_are_empty(world):
    """A folder whose values are all empty counts as empty."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.set("A", "")
    sync.set("B", "")
    world.operations()
    sync.run()
    stopped(world, sync, "the source folder is empty")


@pytest.fixture
def nine(world):
    """A sync of nine secrets."""
    sync = world.sync(values={f"K{n}": str(n) for n in range(9)})
    sync.run()
    world.operations()
    return sync


@pytest.mark.parametrize("how", ["hidden", "emptied"])
def test_most_of_a_few_secrets(world, nine, how):
    """Below ten secrets a run stops too where four or more, and more than half, would be deleted."""
    for n in range(8):
        nine.delete(f"K{n}") if how == "hidden" else nine.set(f"K{n}", "")
    nine.webhook()
    fingerprint = stopped(world, nine, "8 of 9 secrets in scope", "50 %", "K0, K1, K2, K3, K4")
    assert len(nine.live) == 9
    assert nine.run(force=fingerprint)["outcome"] == "succeeded"
    assert nine.live == {"K8": "8"}


def test_an_answer_for_another_folder(world, nine):
    """A list that answers for another folder than asked is used for nothing."""
    other = f"{nine.folder}-other"
    for n in range(9):
        world.source.set("dev", other, f"X{n}", str(n))
    world.infisical.mistaken["dev", nine.folder] = ("dev", other)
    assert nine.run()["outcome"] == "failed"
    assert nine.live == {f"K{n}": str(n) for n in range(9)}
    assert f"answered with secrets of dev:{other}" in nine.status.sync.message
    world.infisical.mistaken.clear()
    assert nine.run()["outcome"] == "succeeded"


def test_a_wipe_in_portions(world, nine):
    """What is deleted within a day counts as one: 9 → 5 passes, 5 → 2 stops, and passes a day later."""
    for n in range(4):
        nine.delete(f"K{n}")
    assert nine.run()["outcome"] == "succeeded"
    world.operations()
    for n in range(4, 7):
        nine.delete(f"K{n}")
    nine.webhook()
    stopped(world, nine, "7 of 9 secrets in scope", "4 of them within the last 24 hours")
    world.age(25 * 3600)
    assert nine.run()["outcome"] == "succeeded"
    assert nine.live == {"K7": "7", "K8": "8"}


def test_each_deletion_counts_once(world, nine):
    """A deletion is counted when it is marked, once, and again only after the secret was brought back."""
    for n in range(4):
        nine.delete(f"K{n}")
    nine.run()
    assert [one.count for one in nine.status.deletions] == [4]
    nine.run()
    assert [one.count for one in nine.status.deletions] == [4]


def test_deletions_that_were_taken_back_do_not_count(world, nine):
    """Secrets that came back since are no part of a wipe."""
    for n in range(4):
        nine.delete(f"K{n}")
    nine.run()
    for n in range(4):
        nine.set(f"K{n}", str(n))
    nine.run()
    for n in range(4, 8):
        nine.delete(f"K{n}")
    assert nine.run()["outcome"] == "succeeded"
    assert len(nine.live) == 5


def test_forced_deletions_do_not_count(world, nine):
    """What a person forced is no part of a wipe: the next small deletion passes."""
    for n in range(5):
        nine.delete(f"K{n}")
    nine.run(force=nine.plan()["fingerprint"])
    nine.delete("K5")
    assert nine.run()["outcome"] == "succeeded"
    assert nine.live == {f"K{n}": str(n) for n in range(6, 9)}


@pytest.mark.parametrize("strangers", ["held", "wanted"])
def test_strangers_do_not_hide_a_wipe(world, nine, strangers):
    """Secrets that this sync never wrote do not dilute the share of its own that would go."""
    nine.store(syncOptions=nine.config["syncOptions"] | {"disableSecretDeletion": True})
    for n in range(30):
        nine.seed(f"THEIRS{n}", b"theirs")
        if strangers == "wanted":
            nine.set(f"THEIRS{n}", "theirs")
    nine.run()
    nine.store(syncOptions={"initialSyncBehavior": "overwrite-destination"})
    for n in range(8):
        nine.delete(f"K{n}")
    world.operations()
    nine.run()
    stopped(world, nine, "8 of 9" if strangers == "held" else "8 of 9 own secrets")
    assert len(nine.live) == 39


def test_a_guard_of_one_s_own(world, nine):
    """A sync may have a stricter guard, and its API shows it."""
    options = nine.config["syncOptions"] | {"deletionGuard": {"maxPercent": 10, "minCount": 1}}
    nine.store(syncOptions=options)
    for n in range(5):
        nine.set(f"MORE{n}", str(n))
    nine.run()
    nine.delete("K0")
    assert nine.run()["outcome"] == "succeeded"
    nine.delete("K1")
    world.operations()
    nine.run()
    stopped(world, nine, "2 of 14 secrets in scope", "10 %")
    assert "K1" in nine.live


@pytest.fixture
def importer(world):
    """A sync whose folder imports another."""
    sync = world.sync(values={"OWN": "1"})
    other = f"{sync.folder}-other"
    world.source.set("dev", other, "THEIRS", "2")
    world.source.add_import("dev", sync.folder, "dev", other)
    sync.run()
    assert sync.live == {"OWN": "1", "THEIRS": "2"}
    sync.other = other
    return sync


def test_an_import_that_is_not_readable_any_more(world, importer):
    """Keys of an import whose permission was revoked are kept, with a warning, until it is back."""
    world.infisical.forbidden.add(("dev", importer.other))
    importer.set("OWN", "changed")
    for _ in range(2):
        importer.run()
        assert importer.live == {"OWN": "changed", "THEIRS": "2"}
        assert "THEIRS: kept, the import" in importer.status.sync.message
    world.infisical.forbidden.clear()
    world.source.set("dev", importer.other, "THEIRS", "3")
    importer.run()
    assert importer.live == {"OWN": "changed", "THEIRS": "3"}


def test_an_import_that_was_removed(world, importer):
    """Keys of an import that the source's folder does not list any more are deleted."""
    world.source.remove_import("dev", importer.folder, "dev", importer.other)
    importer.run()
    assert importer.live == {"OWN": "1"}


def test_force_for_a_kept_import(world, importer):
    """Force with the plan's fingerprint deletes the keys of a lost import too."""
    world.infisical.forbidden.add(("dev", importer.other))
    importer.run(force=importer.plan()["fingerprint"])
    assert importer.live == {"OWN": "1"}


@pytest.mark.parametrize(
    "facts",
    [
        {"isReplica": True},
        {"isAutoGenerationEnabled": True},
        {"rotationConfig": {"isScheduledRotationEnabled": True}},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_secrets_that_others_keep(world, facts):
    """Replicas, generated and rotated secrets are never read, changed or deleted."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A", **facts)
    sync.seed("OLD", **facts)
    world.operations()
    sync.run()
    assert sync.live == {"A": "old", "OLD": "old", "B": "2"}
    assert sync.status.runs[0].errors.keys() == {"A"}
    assert not {"GetSecretBundle"} & set(world.operations())


def test_the_credentials_are_out_of_reach(world):
    """The secret that holds the function's credentials is never read for a sync, changed or deleted."""
    sync = world.sync(values={"A": "1"}, vault="ocid1.vault.oc1.eu-frankfurt-1.local.vault")
    credentials = world.env["CREDENTIALS_SECRET_OCID"]
    name = world.cloud.vault.name_of(credentials)
    world.source.set("dev", sync.folder, name, "overwritten")
    before = sync.live[name]
    sync.run()
    assert sync.live == {"A": "1", name: before}
    assert "holds credentials of this function" in sync.status.runs[0].errors[name]
    world.command("remove", sync)
    assert sync.live == {name: before}


def test_two_syncs_never_fight(world):
    """Of two syncs that want one name in one vault the first keeps it; the other says whose it is."""
    one = world.sync(values={"SHARED": "one", "ONE": "1"}, options={"disableSecretDeletion": True})
    two = world.sync(
        values={"SHARED": "two", "TWO": "2"},
        vault=one.vault_id,
        options={"disableSecretDeletion": True},
    )
    one.run()
    for _ in range(2):
        two.run()
        one.run()
    assert one.live == {"SHARED": "one", "ONE": "1", "TWO": "2"}
    assert one.versions("SHARED") == 1
    assert "belongs to the sync" in two.status.runs[0].errors["SHARED"]


def test_a_sync_deletes_nothing_of_another(world):
    """A sync that deletes what it does not want leaves alone what another living sync owns."""
    one = world.sync(values={"ONE": "1"})
    two = world.sync(values={"TWO": "2"}, vault=one.vault_id)
    one.run()
    two.run()
    one.run()
    assert one.live == {"ONE": "1", "TWO": "2"}


def test_force_adopts(world):
    """Force takes a secret over from another living sync; an orphan needs no force."""
    one = world.sync(values={"A": "one"}, options={"disableSecretDeletion": True})
    two = world.sync(values={"A": "two"}, vault=one.vault_id)
    one.run()
    two.run(force=two.plan()["fingerprint"])
    assert two.live == {"A": "two"}
    one.run()
    assert "belongs to the sync" in one.status.runs[0].errors["A"]
