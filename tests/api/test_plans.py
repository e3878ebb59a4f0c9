"""What a plan tells, and that nothing but the plan that somebody looked at is done."""

import pytest

from infra.local.oci.cloud import KEY_ID, VAULT_ID
from tests.support.api import (
    DESTINATION,
    PROJECT,
    READ_TOKEN,
    SYNCS,
    TOKEN,
    body,
    running_api,
    sha,
)

DRAFT = f"{SYNCS}/plan"
KEEPING = {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True}


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


def stored(api):
    """Everything that a plan must leave alone."""
    names = [api.objects(kind) for kind in ("secret-syncs", "status", "verified", "locks")]
    return names, api.vault.states(), dict(api.live())


def test_a_draft_is_planned(api):
    """The plan of a create request tells what it would do, as it would do it, and stores nothing."""
    api.vault.seed("billing_PASSWORD", b"theirs")
    before = stored(api)
    plan = api.ok("POST", DRAFT, body())["plan"]
    assert plan["changes"] == [
        {"action": "create", "name": "TOKEN"},
        {"action": "delete", "name": "billing_PASSWORD", "owner": "nobody"},
    ]
    assert (plan["inScope"], plan["drift"], plan["stops"]) == (1, [], [])
    assert plan["counts"]["create"] == 1
    assert stored(api) == before
    row = api.ok("POST", SYNCS, body(), plan=plan["fingerprint"])["secretSync"]
    assert row["lastRun"]["counts"] == {"create": 1, "delete": 1, "unchanged": 0, "errors": 0}


def test_who_may_plan_a_draft(api):
    """A token that may only read plans syncs that exist, and no drafts: they would test guesses of values."""
    row = api.create()
    assert api.call("POST", DRAFT, body(), token=READ_TOKEN)[0] == 403
    assert api.call("POST", f"{SYNCS}/{row['id']}/plan", token=READ_TOKEN)[0] == 200


def test_a_change_is_planned(api):
    """With `syncId` the draft is planned as a change of that sync: what it wrote is its own."""
    row = api.create()
    draft = body(syncOptions={**body()["syncOptions"], "keySchema": "B_{{secretKey}}"})
    plan = api.ok("POST", DRAFT, draft, syncId=row["id"])["plan"]
    assert plan["changes"] == [{"action": "create", "name": "B_TOKEN"}]
    api.source.delete("dev", "/api", "TOKEN")
    api.source.set("dev", "/api", "OTHER", "x")
    plan = api.ok("POST", DRAFT, body(), syncId=row["id"])["plan"]
    assert {"action": "delete", "name": "TOKEN", "owner": "this"} in plan["changes"]


def test_strangers_are_named(api):
    """Create, update, plan and the first run name each secret that goes though the sync never wrote it."""
    for name in ("A", "B"):
        api.vault.seed(name, b"theirs")
    told = (
        "The source lacks 2 secrets that this sync never wrote, so this is scheduled for "
        "deletion: A, B. A keySchema or disableSecretDeletion prevents it."
    )
    row = api.create(isEnabled=False, syncOptions=KEEPING)
    path = f"{SYNCS}/{row['id']}"
    assert api.ok("POST", f"{path}/plan")["plan"]["warnings"] == []
    change = {"syncOptions": {"disableSecretDeletion": None}}
    assert api.ok("PATCH", path, change)["warnings"] == [told]
    assert api.ok("POST", f"{path}/plan")["plan"]["warnings"] == [told]
    row = api.ok("POST", f"{path}/sync-secrets")["secretSync"]
    assert row["lastSyncMessage"] == f"Done, with warnings: {told}"
    api.vault.seed("C", b"theirs")
    answer = api.ok("POST", SYNCS, body(name="second"))
    assert any("deletion: C." in warning for warning in answer["warnings"])


def test_what_an_edit_leaves_behind(api):
    """A key schema that changes leaves old secrets: the answer to the PATCH names them."""
    row = api.create(syncOptions=body()["syncOptions"] | {"keySchema": "A_{{secretKey}}"})
    change = {"syncOptions": {"keySchema": "B_{{secretKey}}"}}
    warnings = api.ok("PATCH", f"{SYNCS}/{row['id']}", change)["warnings"]
    assert "left behind by an edit, for `cleanup` to take: A_TOKEN" in warnings


def test_the_plan_that_was_looked_at(api):
    """With `plan` nothing is done if it deletes something else by now: 409 with the new one; else it is done."""
    row = api.create()
    path = f"{SYNCS}/{row['id']}"
    old = api.ok("POST", f"{path}/plan")["plan"]["fingerprint"]
    api.vault.seed("STRANGER", b"x")
    before = stored(api)
    for asked in (
        ("POST", f"{path}/sync-secrets"),
        ("PATCH", path, {"description": "d"}),
        ("POST", SYNCS, body(name="other")),
    ):
        status, answer = api.call(*asked, plan=old)
        assert (status, answer["error"]) == (409, "Conflict")
        assert answer["plan"]["counts"]["delete"] == 1
    assert stored(api) == before
    new = answer["plan"]["fingerprint"] if asked[1] == path else None
    new = new or api.ok("POST", f"{path}/plan")["plan"]["fingerprint"]
    row = api.ok("POST", f"{path}/sync-secrets", plan=new)["secretSync"]
    assert (row["syncStatus"], api.live()) == ("succeeded", {"TOKEN": "one"})
    status, answer = api.call("POST", f"{path}/sync-secrets", plan="yes")
    assert status == 422
    assert "a plan's fingerprint" in answer["message"][0]["message"]


def test_what_changes_after_the_last_look(api):
    """The run itself compares its plan with the one that somebody agreed to: nothing else is ever done."""
    api.source.set("dev", "/api", "SECOND", "two")
    path = f"{SYNCS}/{api.create()['id']}"
    old = api.ok("POST", f"{path}/plan")["plan"]["fingerprint"]
    lists = []

    def change(request):
        lists.extend([1] if request.path.endswith("/secrets") else [])
        if len(lists) == 2:  # the first one is of the plan that the request makes
            api.source.delete("dev", "/api", "SECOND")

    api.infisical.faults = change
    row = api.ok("POST", f"{path}/sync-secrets", plan=old)["secretSync"]
    assert row["syncStatus"] == "failed"
    assert row["lastSyncMessage"].startswith("Nothing more is done: the plan has changed")
    assert set(api.live()) == {"TOKEN", "SECOND"}
    new = api.ok("POST", f"{path}/plan")["plan"]["fingerprint"]
    row = api.ok("POST", f"{path}/sync-secrets", plan=new)["secretSync"]
    assert (row["syncStatus"], set(api.live())) == ("succeeded", {"TOKEN"})


@pytest.mark.parametrize(
    ("behavior", "done"),
    [
        ("overwrite-destination", {"THEIRS": "delete", "TOKEN": "update"}),
        ("import-prioritize-source", {"THEIRS": "tag", "TOKEN": "update"}),
        ("import-prioritize-destination", {"THEIRS": "tag", "TOKEN": "tag"}),
    ],
)
def test_a_plan_foresees_the_initial_import(api, behavior, done):
    """What an initial import takes into the source is neither deleted nor changed by the plan, and is named."""
    for name in ("THEIRS", "TOKEN"):
        api.vault.seed(name, b"x")
    draft = body(syncOptions={"initialSyncBehavior": behavior})
    plan = api.ok("POST", DRAFT, draft)["plan"]
    assert {change["name"]: change["action"] for change in plan["changes"]} == done
    taken = sorted(name for name, action in done.items() if action == "tag")
    told = [text for text in plan["warnings"] if "import" in text]
    assert [text.rpartition(": ")[2] for text in told] == [f"{', '.join(taken)}."] * bool(taken)
    assert api.live() == {"THEIRS": "x", "TOKEN": "x"}


def test_an_import_that_is_done_is_not_foreseen(api):
    """After the initial import a plan deletes what is in the vault alone, as the sync does."""
    options = {"initialSyncBehavior": "import-prioritize-source", "deletionGuard": {"minCount": 9}}
    path = f"{SYNCS}/{api.create(syncOptions=options)['id']}"
    api.vault.seed("THEIRS", b"x")
    plan = api.ok("POST", f"{path}/plan")["plan"]
    assert [(c["action"], c["name"]) for c in plan["changes"]] == [("delete", "THEIRS")]


def test_an_import_takes_what_the_plan_would_delete(api):
    """With `plan` an initial import goes first; what it leaves to be done deletes nothing, so it is done."""
    api.vault.seed("THEIRS", b"x")
    options = {"initialSyncBehavior": "import-prioritize-source"}
    path = f"{SYNCS}/{api.create(isEnabled=False, syncOptions=options)['id']}"
    plan = api.ok("POST", f"{path}/plan")["plan"]
    row = api.ok("POST", f"{path}/sync-secrets", plan=plan["fingerprint"])["secretSync"]
    assert (row["syncStatus"], row["importStatus"]) == ("succeeded", "succeeded")
    assert api.live() == {"TOKEN": "one", "THEIRS": "x"}


def test_a_removal_is_planned(api):
    """With kind=remove the plan names what a removal takes, also where the source refuses, and stores nothing."""
    path = f"{SYNCS}/{api.create()['id']}"
    api.vault.seed("STRANGER", b"x")
    before = stored(api)
    gone = [{"action": "delete", "name": "TOKEN", "owner": "this"}]
    for _ in range(2):
        plan = api.ok("POST", f"{path}/plan", kind="remove")["plan"]
        assert (plan["changes"], plan["warnings"], plan["stops"]) == (gone, [], [])
        api.infisical.forbidden = {("dev", "/api")}
    assert stored(api) == before
    assert api.call("POST", f"{path}/plan", kind="removal")[0] == 422


def test_a_plan_looks_at_the_destination(api):
    """A plan refuses a vault that cannot be listed, and warns of one, or a key, that cannot be used."""
    missing = {**DESTINATION, "vaultOcid": f"{DESTINATION['vaultOcid']}x"}
    status, answer = api.call("POST", DRAFT, body(destinationConfig=missing))
    assert status == 400
    assert answer["message"].startswith(f"vault {missing['vaultOcid']} in compartment")
    api.cloud.kms.vaults[VAULT_ID]["lifecycleState"] = "PENDING_DELETION"
    (warning,) = api.ok("POST", DRAFT, body())["plan"]["warnings"]
    assert warning == f"The vault {VAULT_ID} is PENDING_DELETION, not ACTIVE."
    api.cloud.kms.vaults[VAULT_ID]["lifecycleState"] = "ACTIVE"
    missing = {**DESTINATION, "keyOcid": f"{KEY_ID}x"}
    (warning,) = api.ok("POST", DRAFT, body(destinationConfig=missing))["plan"]["warnings"]
    assert warning.startswith(f"The key {KEY_ID}x cannot be seen: not among the keys")
    api.cloud.kms.keys[KEY_ID]["lifecycleState"] = "DISABLED"
    (warning,) = api.ok("POST", DRAFT, body())["plan"]["warnings"]
    assert warning == f"The key {KEY_ID} is DISABLED, not ENABLED."


def test_a_plan_of_what_is_not_there(api):
    """A draft for a folder or connection that is not there is refused as creating it would be."""
    assert api.call("POST", DRAFT, body(secretPath="/nowhere"))[0] == 400
    unknown = "00000000-0000-4000-8000-000000000001"
    assert api.call("POST", DRAFT, body(connectionId=unknown))[0] == 404
    assert api.call("POST", DRAFT, body(), syncId=unknown)[0] == 404


def test_a_plan_that_runs_out_of_time(api):
    """It is still an answer: creations and deletions are complete, what was not compared is unknown."""
    for number in range(3):
        api.source.set("dev", "/api", f"K{number}", "x")
        api.vault.seed(f"K{number}", b"theirs")
    api.vault.seed("GONE", b"theirs")
    plan = api.ok("POST", DRAFT, body(), seconds=6)["plan"]
    assert [change["name"] for change in plan["changes"]] == ["TOKEN", "GONE"]
    assert plan["counts"]["unknown"] == 3


def test_a_guard_is_told_without_a_sentence(api):
    """The row tells which guards stopped the last run, for programs; a success tells none."""
    for number in range(12):
        api.source.set("dev", "/api", f"K{number}", "x")
    row = api.create()
    assert row["lastRun"]["stops"] == []
    for number in range(11):
        api.source.delete("dev", "/api", f"K{number}")
    row = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert row["lastRun"]["outcome"] == "failed"
    (stop,) = row["lastRun"]["stops"]
    assert stop in row["lastSyncMessage"]
    (listed,) = api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"]
    assert listed["lastRun"] == row["lastRun"]


def test_the_row_tells_what_comes_next(api):
    """The row says when it is verified next, when a waiting job is tried again, and if it is held."""
    row = api.create()
    path = f"{SYNCS}/{row['id']}"
    assert row["nextVerifyAt"] > row["lastSyncedAt"]
    assert (row["retryAt"], row["isHeldAfterRemoval"]) == (None, False)
    assert (row["lastRun"]["cause"], row["lastRun"]["by"]) == ("api", sha(TOKEN)[:8])
    api.ok("POST", f"{path}/remove-secrets")
    row = api.row(row)
    assert (row["nextVerifyAt"], row["isHeldAfterRemoval"]) == (None, True)
    row = api.ok("PATCH", path, {"isAutoSyncEnabled": False})["secretSync"]
    assert row["nextVerifyAt"] is None
