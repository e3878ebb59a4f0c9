"""What a sync keeps in mind until it is settled: unimported secrets, lost imports, adopted ones."""

from infra.local.oci.traffic import Fault

OVERWRITE = {"initialSyncBehavior": "overwrite-destination"}
IMPORT_FIRST = {"initialSyncBehavior": "import-prioritize-destination"}
NO_TEXT = b"\xff\xfe"
OTHER_COMPARTMENT = "ocid1.compartment.oc1..other"


def test_a_forced_adoption_succeeds(world):
    """Forcing a plan that adopts another sync's secret does it, and says that it succeeded."""
    one = world.sync(values={"A": "1"})
    one.run()
    two = world.sync(values={"A": "2"}, vault=one.vault_id)
    assert two.run()["outcome"] == "failed"
    answer = two.run(force=two.plan()["fingerprint"])
    assert (answer["outcome"], answer["message"]) == ("succeeded", None)
    assert two.live == {"A": "2"}
    assert one.run()["outcome"] == "failed"


def test_what_was_not_imported_is_kept_while_nothing_is_deleted(world):
    """A secret that could not be imported is still kept when deletion is allowed later."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST | {"disableSecretDeletion": True})
    sync.seed("BINARY", NO_TEXT)
    sync.run()
    sync.store(syncOptions=IMPORT_FIRST)
    sync.run()
    assert sync.states["BINARY"] == "ACTIVE"
    assert "BINARY: kept" in sync.status.sync.message


def test_what_was_not_imported_is_kept_over_a_failure_of_its_key(world):
    """A secret that could not be imported is still kept after its key had an error for a while."""
    sync = world.sync(values={"A": "1", "B": "2"}, options=IMPORT_FIRST)
    sync.seed("B", NO_TEXT)
    sync.run()
    sync.set("B", "x" * 30_000)
    assert sync.run()["outcome"] == "failed"
    sync.set("B", "2")
    sync.run()
    assert sync.versions("B") == 1
    assert sync.memory.import_pending.keys() == {"B"}


def test_what_was_not_imported_is_settled_when_it_is_gone(world):
    """A secret that could not be imported is forgotten once a forced plan has removed it."""
    sync = world.sync(values={"A": "1", "B": "2"}, options=IMPORT_FIRST)
    sync.seed("B", NO_TEXT)
    sync.seed("C", NO_TEXT)
    sync.run()
    assert sync.memory.import_pending.keys() == {"B", "C"}
    assert sync.run(force=sync.plan()["fingerprint"])["outcome"] == "succeeded"
    assert (sync.memory.import_pending, sync.live) == ({}, {"A": "1", "B": "2"})


def test_what_could_not_be_read_is_not_overwritten_by_the_source(world):
    """A secret that could not be read at the import keeps its value where the vault has priority."""
    sync = world.sync(values={"A": "1", "B": "2"}, options=IMPORT_FIRST)
    sync.seed("B", b"theirs")
    world.cloud.faults.append(
        Fault("GetSecretBundle", 404, "NotAuthorizedOrNotFound", when=lambda c: c.name_or_id == "B")
    )
    assert sync.run()["outcome"] == "failed"
    world.cloud.faults.clear()
    sync.run()
    assert sync.live["B"] == "theirs"


def test_a_lost_import_is_kept_in_mind_while_nothing_is_deleted(world):
    """Keys of a lost import are still kept when deletion is allowed only after the loss."""
    sync = world.sync(values={"OWN": "1"}, options={"disableSecretDeletion": True})
    other = f"{sync.folder}-other"
    world.source.set("dev", other, "THEIRS", "2")
    world.source.add_import("dev", sync.folder, "dev", other)
    sync.run()
    world.infisical.forbidden.add(("dev", other))
    sync.run()
    sync.store(syncOptions=OVERWRITE)
    sync.run()
    assert sync.live == {"OWN": "1", "THEIRS": "2"}
    assert "THEIRS: kept, the import" in sync.status.sync.message


def test_a_listing_from_before_a_deletion_is_not_believed(world):
    """A key deleted and added again at once is restored, though the vault's listing is stale."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.delete("B")
    sync.run()
    vault = world.cloud.vault
    assert sync.states["B"] == "PENDING_DELETION"
    vault.list_staleness_seconds = 1.0
    try:
        sync.set("B", "2")
        answer = sync.run()
    finally:
        vault.list_staleness_seconds = 0.0
    assert (answer["outcome"], answer["message"]) == ("succeeded", None)
    assert sync.live == {"A": "1", "B": "2"}


def test_a_doubtful_listing_is_not_believed_where_the_secret_is_hidden(world):
    """What was written lately and may not be looked at is waited for, not taken as the listing has it."""
    sync = world.sync(values={"A": "1", "B": "1"})
    world.cloud.faults.append(
        Fault("CreateSecret", 400, "InvalidParameter", when=lambda call: call.name_or_id == "B")
    )
    assert sync.run()["outcome"] == "failed"
    sync.set("A", "2")
    world.cloud.vault.list_staleness_seconds = 60
    world.cloud.faults.append(Fault("GetSecret", 404, "NotAuthorizedOrNotFound"))
    status, _ = sync.webhook()
    world.cloud.vault.list_staleness_seconds = 0
    assert (status, sync.status.sync.status, sync.live) == (202, "pending", {"A": "1"})
    assert "see the policy statement write-secrets" in sync.status.sync.message
    world.cloud.faults.clear()
    sync.run()
    assert sync.live == {"A": "2", "B": "1"}


def test_a_hidden_secret_is_waited_for_as_long_as_a_listing_may_be_stale(world):
    """A secret that stays hidden does not hold a sync up for ever: after five minutes the listing counts."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    sync.seed("B")
    sync.set("A", "2")
    world.cloud.faults.append(
        Fault("GetSecret", 404, "NotAuthorizedOrNotFound", when=lambda c: c.name_or_id == "A")
    )
    world.cloud.vault.list_staleness_seconds = 60
    world.age(10)
    assert sync.webhook()[0] == 202
    world.cloud.vault.list_staleness_seconds = 0
    world.age(300)
    assert sync.webhook()[0] == 200
    assert sync.live == {"A": "2"}


def test_an_import_that_may_read_nothing_is_not_done(world):
    """Where no content may be read at all the initial import fails, and is done once it may."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.seed("B", b"theirs")
    hidden = Fault(
        "GetSecretBundle", 404, "NotAuthorizedOrNotFound", when=lambda c: c.name_or_id == "B"
    )
    world.cloud.faults.append(hidden)
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert "see the policy statements read-content, use-key" in answer["message"]
    assert (sync.live, sync.status.is_import_done) == ({"B": "theirs"}, False)
    world.cloud.faults.clear()
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "1", "B": "theirs"}


def test_an_import_that_could_not_be_recorded_is_not_begun(world):
    """Where the status can be created but not overwritten, nothing is imported: it would be imported again."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.seed("B", b"theirs")
    world.cloud.faults.append(Fault("PutObject", 404, "BucketNotFound", nth=2))
    sync.run()
    folder = world.source.folders["dev", sync.folder]
    assert [row.key for row in folder.secrets] == ["A"]
    world.cloud.faults.clear()
    world.age(60)  # until the lease that could not be given back has run out
    sync.run()
    assert [row.key for row in folder.secrets] == ["A", "B"]


def test_a_name_that_may_not_be_taken_says_why(world):
    """Where OCI does not say whether a name is taken or the permission is missing, neither does the message."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("CreateSecret", 409, "NotAuthorizedOrResourceAlreadyExists"))
    sync.run()
    assert "see the policy statements write-secrets, use-vault, use-key" in sync.status.sync.message


def test_many_unimported_secrets_are_kept_in_mind(world):
    """However many secrets could not be imported: none is deleted or overwritten, each by its name."""
    names = [f"{number:0250}" for number in range(90)]
    sync = world.sync(values={"A": "1", names[0]: "ours"}, options=IMPORT_FIRST)
    for name in names:
        sync.seed(name, NO_TEXT)
    sync.run()
    assert sync.memory.import_pending.keys() == set(names)
    assert sync.versions(names[0]) == 1
    sync.webhook()
    assert sync.states == dict.fromkeys(["A", *names], "ACTIVE")
    sync.delete("A")
    sync.webhook()
    assert [name for name, state in sync.states.items() if state != "ACTIVE"] == ["A"]
    assert sync.run(force=sync.plan()["fingerprint"])["outcome"] == "succeeded"
    assert (sync.live, sync.memory.import_pending) == ({names[0]: "ours"}, {})


def test_an_import_by_hand_is_kept_in_mind_until_it_is_done(world):
    """What an import by hand could not bring is kept until an import brought it."""
    sync = world.sync(values={f"K{number}": "1" for number in range(10)})
    sync.run()
    for name in ("B", "C"):
        sync.seed(name, NO_TEXT)
    world.command("import", sync)
    sync.run()
    assert set(sync.states.values()) == {"ACTIVE"}
    sync.edit("C", value=b"text")
    world.command("import", sync)
    sync.delete("K1")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.memory.import_pending.keys() == {"B"}
    assert [name for name, state in sync.states.items() if state != "ACTIVE"] == ["K1"]


def test_what_the_sync_never_wrote_is_kept_where_the_memory_was_too_large(world):
    """Where nobody knows any more what could not be imported, only what the sync wrote is changed."""
    sync = world.sync(values={"A": "1", "B": "ours"}, options=IMPORT_FIRST)
    for name in ("B", "C"):
        sync.seed(name, NO_TEXT)
    sync.run()
    world.bucket.put(sync.memory_object, b'{"wasTooLarge": true}')
    sync.set("A", "2")
    answer = sync.run()
    assert "C: kept, it is not known any more whether it was imported" in answer["message"]
    assert set(sync.states.values()) == {"ACTIVE"}
    assert (sync.versions("A"), sync.versions("B")) == (2, 1)
    assert sync.run(force=sync.plan()["fingerprint"])["outcome"] == "succeeded"
    assert sync.live == {"A": "2", "B": "ours"}
    assert not sync.memory.was_too_large


def test_what_an_import_may_not_read_is_kept(world):
    """What an import by hand could not read is kept by later runs, also where it could read nothing else."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    sync.seed("B", b"theirs")
    hidden = Fault(
        "GetSecretBundle", 404, "NotAuthorizedOrNotFound", when=lambda c: c.name_or_id == "B"
    )
    world.cloud.faults.append(hidden)
    answer = world.command("import", sync)
    assert answer["outcome"] == "failed"
    assert "see the policy statements read-content, use-key" in answer["message"]
    sync.run()
    assert sync.states == {"A": "ACTIVE", "B": "ACTIVE"}


def test_an_import_of_which_not_all_is_kept_in_mind_is_done_once(world):
    """Where more could not be imported than the status can hold, what people edit later is not imported over."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    for number in range(90):
        sync.seed(f"{number:0250}", NO_TEXT)
    sync.seed("GOOD", b"theirs")
    sync.run()
    sync.set("GOOD", "edited")
    sync.run()
    folder = world.source.folders["dev", sync.folder]
    assert {row.key: row.value for row in folder.secrets}["GOOD"] == "edited"


def test_a_name_taken_out_of_sight_is_an_error_of_its_key(world):
    """A name that somebody else holds in the vault, not to be looked at, fails its key and nothing else."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("B", b"theirs", compartmentId=OTHER_COMPARTMENT)
    world.cloud.faults.append(
        Fault("GetSecret", 404, "NotAuthorizedOrNotFound", when=lambda c: c.name_or_id == "B")
    )
    answer = world.briefly(10, {"command": "sync", "sync": sync.name})
    assert answer["outcome"] == "failed"
    assert "B: the name is taken" in answer["message"]
    assert "see the policy statement write-secrets" in answer["message"]
    assert sync.live["A"] == "1"


def test_one_hidden_value_is_its_key_s_error(world):
    """A key whose value the identity may not see is kept and named; the others are synced."""
    sync = world.sync(values={"A": "1", "B": "1", "C": "1"})
    sync.run()
    world.infisical.hidden.add(("dev", sync.folder, "B"))
    sync.set("B", "2")
    sync.set("C", "2")
    assert sync.run()["outcome"] == "failed"
    assert sync.live == {"A": "1", "B": "1", "C": "2"}
    assert "B: the source hides its value" in sync.status.sync.message
    world.infisical.hidden.clear()
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live["B"] == "2"


def test_an_import_does_not_overwrite_what_it_cannot_see(world):
    """An import writes no value over one that the source hides, whoever has priority."""
    sync = world.sync(values={"A": "1", "B": "2"}, options=IMPORT_FIRST)
    sync.seed("B", b"theirs")
    world.infisical.hidden.add(("dev", sync.folder, "B"))
    sync.run()
    folder = world.source.folders["dev", sync.folder]
    assert {row.key: row.value for row in folder.secrets} == {"A": "1", "B": "2"}
    assert sync.live == {"A": "1", "B": "theirs"}
