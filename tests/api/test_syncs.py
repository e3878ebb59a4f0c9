"""What the management API does with syncs."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from functions.plan.models import State
from functions.plan.oci_connection import OWN_CONNECTION_ID
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, QUEUE_ID, TOPIC_ID, VAULT_ID
from infra.local.oci.traffic import Fault
from tests.support.api import DESTINATION, PROJECT, READ_TOKEN, SYNCS, body, running_api

FIELDS = """
    id name description isEnabled isAutoSyncEnabled version projectId folderId connectionId createdAt updatedAt
    syncStatus lastSyncJobId lastSyncMessage lastSyncedAt importStatus lastImportJobId lastImportMessage
    lastImportedAt removeStatus lastRemoveJobId lastRemoveMessage lastRemovedAt syncOptions connection environment
    folder destination destinationConfig
"""
OURS = "isHeldAfterRemoval retryAt nextVerifyAt lastRun progress"


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


def test_the_row_has_every_field_of_the_reference(api):
    """A sync is shown with every field of the reference, nested objects included."""
    row = api.create()
    assert set(row) == {*FIELDS.split(), *OURS.split()}
    assert set(row["connection"]) == {"app", "name", "id"}
    assert set(row["environment"]) == {"slug", "name", "id"}
    assert set(row["folder"]) == {"id", "path"}
    assert row["destination"] == "oci-vault"
    assert row["connection"]["app"] == "oci"
    assert row["destinationConfig"] == DESTINATION
    assert row["createdAt"].endswith("Z")
    assert len(row["createdAt"]) == len("2026-01-01T00:00:00.000Z")
    assert UUID(row["connectionId"]) == OWN_CONNECTION_ID


def test_a_created_sync_is_synced_at_once(api):
    """Creating a sync with auto-sync on answers 200 with the row, synced."""
    row = api.create()
    assert (row["syncStatus"], row["version"]) == ("succeeded", 1)
    assert row["lastSyncMessage"] is None
    assert row["lastSyncedAt"]
    assert row["lastSyncJobId"]
    assert api.live() == {"TOKEN": "one"}


def test_a_job_is_on_the_queue_before_it_is_tried(api):
    """The job of a created sync waits on the queue, so that a crash loses nothing."""
    row = api.create()
    messages = api.cloud.queues.get(QUEUE_ID).messages
    assert [message.content.count(row["lastSyncJobId"]) for message in messages] == [1]


def test_without_auto_sync_nothing_is_done(api):
    """A sync that is created or changed with auto-sync off is stored, and neither queued nor run."""
    row = api.create(isAutoSyncEnabled=False)
    row = api.ok("PATCH", f"{SYNCS}/{row['id']}", {"description": "later"})["secretSync"]
    assert (row["syncStatus"], row["isEnabled"], row["version"]) == (None, False, 2)
    assert api.live() == {}
    assert not api.cloud.queues.get(QUEUE_ID).messages


def test_is_enabled_is_the_same_switch(api):
    """`isEnabled` switches auto-sync at create and at update; where both are said, `isAutoSyncEnabled` counts."""
    row = api.create(isEnabled=False)
    assert not row["isAutoSyncEnabled"]
    row = api.ok("PATCH", f"{SYNCS}/{row['id']}", {"isEnabled": True})["secretSync"]
    assert row["isAutoSyncEnabled"]
    row = api.create(name="b", isEnabled=True, isAutoSyncEnabled=False)
    assert not row["isAutoSyncEnabled"]
    path = f"{SYNCS}/{row['id']}"
    both = {"isEnabled": False, "isAutoSyncEnabled": True}
    assert api.ok("PATCH", path, both)["secretSync"]["isAutoSyncEnabled"]


def test_a_sync_is_found_by_project_id_and_name(api):
    """The lists, the id and the name all lead to the same row; other projects are not shown."""
    row = api.create()
    for path in (SYNCS, "/api/v1/secret-syncs"):
        assert api.ok("GET", path, projectId=PROJECT)["secretSyncs"] == [row]
        assert api.ok("GET", path, projectId="other")["secretSyncs"] == []
    assert api.row(row) == row
    path = f"{SYNCS}/sync-name/payments"
    assert api.ok("GET", path, projectId=PROJECT)["secretSync"] == row
    assert api.call("GET", path, projectId="other")[0] == 404
    assert api.call("GET", f"{SYNCS}/{row['id']}/", token=READ_TOKEN)[0] == 200


def test_configs_written_by_hand_are_equal(api):
    """A config put into the bucket by hand is shown, with the time of its writing, before any run."""
    api.store(f"secret-syncs/{PROJECT}/by-hand.json", body(name="by-hand"))
    (row,) = api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"]
    assert (row["name"], row["version"], row["syncStatus"]) == ("by-hand", 1, None)
    assert api.row(row) == row
    row = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert row["syncStatus"] == "succeeded"
    changed = body(name="by-hand", description="edited")
    api.store(f"secret-syncs/{PROJECT}/by-hand.json", changed)
    assert (api.row(row)["version"], api.row(row)["description"]) == (2, "edited")


def test_a_config_that_is_wrong_is_reported(api):
    """A config object that does not parse is listed with what is wrong, and stops no other sync."""
    row = api.create()
    api.store(f"secret-syncs/{PROJECT}/bad.json", body(name="Bad Name"))
    answer = api.ok("GET", SYNCS, projectId=PROJECT)
    assert [one["id"] for one in answer["secretSyncs"]] == [row["id"]]
    (broken,) = answer["broken"]
    assert broken["objectName"] == f"secret-syncs/{PROJECT}/bad.json"
    assert "name: name field can only contain lowercase letters" in broken["message"]
    status, answer = api.call("GET", f"{SYNCS}/{broken['id']}")
    assert (status, answer["message"]) == (400, broken["message"])


def test_an_update_changes_what_it_names(api):
    """PATCH changes what it names, options too; what is absent stays, and null sets the default."""
    options = {"keySchema": "A_{{secretKey}}", "deletionDays": 9, "blockingScope": "schema"}
    row = api.create(syncOptions=body()["syncOptions"] | options)
    path = f"{SYNCS}/{row['id']}"
    changes = {"disableSecretDeletion": True, "deletionDays": None}
    row = api.ok("PATCH", path, {"syncOptions": changes, "projectId": "other"})["secretSync"]
    assert row["syncOptions"] == {
        "initialSyncBehavior": "overwrite-destination",
        "keySchema": "A_{{secretKey}}",
        "disableSecretDeletion": True,
        "includeAllSubFolders": False,
        "deletionDays": 7,
        "blockingScope": "schema",
    }
    assert row["projectId"] == PROJECT
    row = api.ok("PATCH", path, {"syncOptions": {"keySchema": None}})["secretSync"]
    assert "keySchema" not in row["syncOptions"]
    assert api.live() == {"A_TOKEN": "one", "TOKEN": "one"}
    status, answer = api.call("PATCH", path, {"syncOptions": {"initialSyncBehavior": None}})
    assert status == 422
    assert answer["message"][0]["path"] == ["syncOptions", "initialSyncBehavior"]
    for tags in ({"freeformTags": {"a": "1"}}, {"freeformTags": {"b": "2"}}):
        row = api.ok("PATCH", path, {"syncOptions": {"tags": tags}})["secretSync"]
    assert row["syncOptions"]["tags"]["freeformTags"] == {"b": "2"}
    wrong = {"initialSyncBehavior": "import-prioritize-source"}
    api.ok("PATCH", path, {"syncOptions": {"includeAllSubFolders": True}})
    status, answer = api.call("PATCH", path, {"syncOptions": wrong})
    assert status == 400
    assert "includeAllSubFolders requires" in answer["message"]


def test_null_clears_a_description_and_a_connection(api):
    """PATCH with null clears what may be empty, and nothing else."""
    row = api.create(description="text", connectionId=str(OWN_CONNECTION_ID))
    path = f"{SYNCS}/{row['id']}"
    answer = api.ok("PATCH", path, {"description": None, "connectionId": None})["secretSync"]
    assert answer["description"] is None
    assert api.call("PATCH", path, {"name": None})[0] == 422


def test_an_update_moves_the_sync(api):
    """PATCH with a new folder syncs that folder; a folder that is not there is refused."""
    row = api.create()
    api.source.set("prod", "/web", "OTHER", "two")
    path = f"{SYNCS}/{row['id']}"
    moved = {"environment": "prod", "secretPath": "/web/"}
    row = api.ok("PATCH", path, moved)["secretSync"]
    assert (row["environment"]["slug"], row["folder"]["path"]) == ("prod", "/web")
    assert api.live() == {"OTHER": "two"}
    status, answer = api.call("PATCH", path, {"secretPath": "/nowhere"})
    assert status == 400
    assert answer["message"].startswith("Could not find the folder with this path")
    assert api.row(row)["folder"]["path"] == "/web"


def test_names_are_unique_in_a_project(api):
    """A second sync of a name in one project is refused at create and at rename; a freed name is free."""
    first, second = api.create(), api.create(name="other", isEnabled=False)
    message = (
        'A Secret Sync with the name "payments" already exists for the project with ID "project"'
    )
    for call in (
        ("POST", SYNCS, body()),
        ("PATCH", f"{SYNCS}/{second['id']}", {"name": "payments"}),
    ):
        status, answer = api.call(*call)
        assert (status, answer["message"]) == (400, message)
    api.ok("PATCH", f"{SYNCS}/{first['id']}", {"name": "renamed"})
    api.ok("PATCH", f"{SYNCS}/{second['id']}", {"name": "payments"})
    assert len(api.objects("secret-syncs/")) == 2
    assert api.objects("locks/") == []


def test_a_rename_keeps_the_id(api):
    """Renaming or moving a sync changes neither its id nor its object."""
    row = api.create()
    objects = api.objects("secret-syncs/")
    renamed = api.ok("PATCH", f"{SYNCS}/{row['id']}", {"name": "renamed"})["secretSync"]
    assert (renamed["id"], renamed["name"]) == (row["id"], "renamed")
    assert api.objects("secret-syncs/") == objects


def test_delete_leaves_the_secrets(api):
    """Deleting a sync answers its row and leaves the vault as it is."""
    row = api.create()
    assert api.ok("DELETE", f"{SYNCS}/{row['id']}")["secretSync"]["id"] == row["id"]
    assert api.call("GET", f"{SYNCS}/{row['id']}")[0] == 404
    assert api.live() == {"TOKEN": "one"}
    assert [api.objects(kind) for kind in ("secret-syncs/", "status/", "verified/")] == [[], [], []]


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_an_interrupted_delete(api, nth):
    """A DELETE that was interrupted between its objects is finished when it is repeated."""
    row = api.create()
    path = f"{SYNCS}/{row['id']}"
    api.cloud.faults.append(Fault("DeleteObject", 404, "BucketNotFound", nth=nth))
    assert api.call("DELETE", path)[0] >= 400
    api.cloud.faults.clear()
    answer = api.ok("DELETE", path)
    assert (answer["secretSync"] is None) == (nth > 1)
    for kind in ("secret-syncs/", "status/", "memory/", "verified/"):
        assert api.objects(kind) == []
    assert api.call("DELETE", path)[0] == 404
    assert api.live() == {"TOKEN": "one"}


def test_delete_with_secrets(api):
    """Deleting with removeSecrets=true schedules the secrets' deletion, then deletes the sync."""
    row = api.create()
    api.vault.seed("FOREIGN", b"x", tags={"oci-vault-sync": "somebody"})
    answer = api.ok("DELETE", f"{SYNCS}/{row['id']}", removeSecrets="true")["secretSync"]
    assert answer["removeStatus"] == "succeeded"
    assert api.call("GET", f"{SYNCS}/{row['id']}")[0] == 404
    assert api.live() == {"FOREIGN": "x"}


def test_a_failed_removal_keeps_the_sync(api):
    """Where the removal cannot be done the config stays, marked, and takes no other job meanwhile."""
    row = api.create()
    api.cloud.faults.append(
        Fault("ScheduleSecretDeletion", status=404, code="NotAuthorizedOrNotFound")
    )
    answer = api.ok("DELETE", f"{SYNCS}/{row['id']}", removeSecrets="true")["secretSync"]
    assert answer["removeStatus"] == "failed"
    assert "TOKEN" in answer["lastRemoveMessage"]
    assert api.row(row)["removeStatus"] == "failed"
    for method, path, data in (
        ("POST", "/sync-secrets", None),
        ("POST", "/remove-secrets", None),
        ("PATCH", "", {"description": "x"}),
    ):
        assert api.call(method, f"{SYNCS}/{row['id']}{path}", data)[0] == 400
    api.cloud.faults.clear()
    api.ok("DELETE", f"{SYNCS}/{row['id']}", removeSecrets="true")
    assert api.call("GET", f"{SYNCS}/{row['id']}")[0] == 404
    assert api.live() == {}


def test_a_busy_sync_is_pending(api):
    """A job that cannot begin, because another run is on, is pending and waits on the queue; the row shows how far that is."""
    row = api.create(isEnabled=False)
    (name,) = api.objects("status/")
    until = (api.clock.now() + timedelta(seconds=40)).isoformat()
    lease = {"run": "other", "expiresAt": until, "done": 3, "total": 12}
    api.store(name, {**api.stored(name), "lease": lease})
    answer = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert answer["syncStatus"] == "pending"
    assert answer["progress"] == {"done": 3, "total": 12}
    assert answer == api.row(row)
    (message,) = api.cloud.queues.get(QUEUE_ID).messages
    assert answer["lastSyncJobId"] in message.content
    assert api.live() == {}


def test_an_import_neither_pushes_nor_deletes(api):
    """`import-secrets` brings to the source what it lacks, with its own status, and leaves the vault alone."""
    row = api.create(isEnabled=False)
    api.vault.seed("EXTRA", b"from vault")
    api.vault.seed("TOKEN", b"other")
    path = f"{SYNCS}/{row['id']}/import-secrets"
    row = api.ok("POST", path, importBehavior="prioritize-source")["secretSync"]
    assert (row["importStatus"], row["syncStatus"]) == ("succeeded", None)
    assert row["lastImportedAt"]
    folder = api.source.folders["dev", "/api"]
    assert {s.key: s.value for s in folder.secrets} == {"TOKEN": "one", "EXTRA": "from vault"}
    api.ok("POST", path, importBehavior="prioritize-destination")
    assert folder.get("TOKEN").value == "other"
    assert api.live() == {"TOKEN": "other", "EXTRA": "from vault"}


def test_a_removal_pauses_the_sync(api):
    """After `remove-secrets` its secrets are to be deleted and ticks leave it alone, until it is synced again."""
    row = api.create()
    row = api.ok("POST", f"{SYNCS}/{row['id']}/remove-secrets")["secretSync"]
    assert row["removeStatus"] == "succeeded"
    assert api.vault.states() == {"TOKEN": State.PENDING_DELETION}
    row = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert row["syncStatus"] == "succeeded"
    assert api.live() == {"TOKEN": "one"}


def test_a_plan_shows_actions_and_names_only(api):
    """`plan` says what a sync would do, never a value, and writes nothing."""
    row = api.create(isEnabled=False)
    api.vault.seed("OLD", b"hidden-value")
    api.cloud.reset_calls()
    status, answer = api.call("POST", f"{SYNCS}/{row['id']}/plan", token=READ_TOKEN)
    assert status == 200
    plan = answer["plan"]
    assert plan["changes"] == [
        {"action": "create", "name": "TOKEN"},
        {"action": "delete", "name": "OLD", "owner": "nobody"},
    ]
    assert (plan["counts"]["create"], plan["counts"]["delete"]) == (1, 1)
    assert len(plan["fingerprint"]) == 16
    assert "hidden-value" not in str(answer)
    writes = {"PutObject", "CreateSecret", "UpdateSecret", "PutMessages", "DeleteObject"}
    assert not writes & {call.operation for call in api.cloud.calls}


def test_force_carries_out_the_plan_that_was_looked_at(api):
    """A guard stops a sync and names the fingerprint; `force` with it goes on, with another one it does not."""
    row = api.create()
    api.source.delete("dev", "/api", "TOKEN")
    path = f"{SYNCS}/{row['id']}"
    row = api.ok("POST", f"{path}/sync-secrets")["secretSync"]
    fingerprint = api.ok("POST", f"{path}/plan")["plan"]["fingerprint"]
    assert row["syncStatus"] == "failed"
    assert fingerprint in row["lastSyncMessage"]
    other = api.ok("POST", f"{path}/sync-secrets", force="0" * 16)["secretSync"]
    assert other["syncStatus"] == "failed"
    row = api.ok("POST", f"{path}/sync-secrets", force=fingerprint)["secretSync"]
    assert row["syncStatus"] == "succeeded"
    assert api.vault.states() == {"TOKEN": State.PENDING_DELETION}


def test_the_last_runs(api):
    """`runs` lists the last 20 runs, the newest first, with cause, time, counts and outcome."""
    row = api.create()
    for _ in range(21):
        api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")
    runs = api.ok("GET", f"{SYNCS}/{row['id']}/runs")["runs"]
    assert len(runs) == 20
    assert runs[0]["jobId"] == api.row(row)["lastSyncJobId"]
    assert (runs[0]["cause"], runs[0]["kind"], runs[0]["outcome"]) == ("api", "sync", "succeeded")
    assert runs[0]["counts"]["unchanged"] == 1
    assert runs[0]["seconds"] >= 0
    assert runs[0]["startedAt"] > runs[1]["startedAt"]


def test_syncs_that_may_collide_are_told(api):
    """Creating a sync whose names in the vault may be another's answers a warning."""
    assert "warnings" in api.ok("POST", SYNCS, body())
    (warning,) = api.ok("POST", SYNCS, body(name="b", isEnabled=False))["warnings"]
    assert warning.startswith('The sync "payments" of project project writes to the same vault')
    apart = {"initialSyncBehavior": "overwrite-destination", "keySchema": "B_{{secretKey}}"}
    third = {"initialSyncBehavior": "overwrite-destination", "keySchema": "C_{{secretKey}}"}
    api.ok("POST", SYNCS, body(name="c", isEnabled=False, syncOptions=apart))
    answer = api.ok("POST", SYNCS, body(name="d", isEnabled=False, syncOptions=third))
    named = {text.partition('"')[2].partition('"')[0] for text in answer["warnings"]}
    assert named == {"payments", "b"}
    api.cloud.kms.add_vault(f"{VAULT_ID}2", COMPARTMENT_ID)
    api.cloud.kms.add_key(f"{KEY_ID}2", f"{VAULT_ID}2")
    elsewhere = {**DESTINATION, "vaultOcid": f"{VAULT_ID}2", "keyOcid": f"{KEY_ID}2"}
    answer = api.ok("POST", SYNCS, body(name="e", isEnabled=False, destinationConfig=elsewhere))
    assert answer["warnings"] == []


def test_check_destination(api):
    """The duplicate check compares the whole destination, in all projects, leaving one sync out if asked."""
    row = api.create(isEnabled=False)
    path, asked = f"{SYNCS}/check-destination", {"destinationConfig": DESTINATION, "projectId": "x"}
    found = {"hasDuplicate": True, "duplicateProjectId": PROJECT}
    none = {"hasDuplicate": False}
    assert api.ok("POST", path, asked) == found
    assert api.ok("POST", path, {**asked, "excludeSyncId": row["id"]}) == none
    other_key = {**DESTINATION, "keyOcid": f"{KEY_ID}2"}
    assert api.ok("POST", path, {**asked, "destinationConfig": other_key}) == none


def test_options(api):
    """The only destination is OCI Vault, which can import, and needs no paid plan."""
    assert api.ok("GET", "/api/v1/secret-syncs/options") == {
        "secretSyncOptions": [
            {
                "name": "OCI Vault",
                "destination": "oci-vault",
                "connection": "oci",
                "canImportSecrets": True,
                "canRemoveSecretsOnDeletion": True,
                "enterprise": False,
            }
        ]
    }


def test_the_queue_down(api):
    """Without the queue an action answers 503 and starts nothing; a create or update is stored and run."""
    row = api.create(isEnabled=False)
    api.cloud.faults.append(Fault("PutMessages", status=400, code="InvalidParameter"))
    status, answer = api.call("POST", f"{SYNCS}/{row['id']}/sync-secrets")
    assert (status, answer["error"]) == (503, "ServiceUnavailable")
    assert api.live() == {}
    created = api.create(name="b")
    assert created["syncStatus"] == "succeeded"
    assert api.live() == {"TOKEN": "one"}


def test_a_failure_and_the_recovery_are_told_once(api):
    """The final failure of a sync and its recovery are published once each, with the reason, without values."""
    row = api.create()
    api.infisical.masked = True
    for _ in range(2):
        api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")
    api.infisical.masked = False
    for _ in range(2):
        api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")
    failure, recovery = api.cloud.watch.notices
    assert failure.topic_id == TOPIC_ID
    assert failure.title == "Secret sync payments failed to sync"
    assert row["id"] in failure.body
    assert "What to do:" in failure.body
    assert recovery.title == "Secret sync payments recovered"


def test_unknown_fields_are_ignored_and_named(api):
    """Fields that the API does not know are dropped as the reference does; a warning names them."""
    asked = body(isBeingRemoved=True, autosync={}, App="oci", ID="", method="x", version=3)
    (warning,) = api.ok("POST", SYNCS, asked)["warnings"]
    assert warning == 'These fields were ignored: "isBeingRemoved", "autosync".'
    (name,) = api.objects("secret-syncs/")
    assert not {"autosync", "isBeingRemoved", "App"} & api.stored(name).keys()


@pytest.mark.parametrize(
    ("section", "wrong", "told"),
    [
        ("syncOptions", "keyschema", 'Unrecognized key "keyschema" (did you mean "keySchema"?)'),
        (
            "syncOptions",
            "deletonDays",
            'Unrecognized key "deletonDays" (did you mean "deletionDays"?)',
        ),
        ("destinationConfig", "vaultId", 'Unrecognized key "vaultId"'),
    ],
)
def test_an_unknown_option_is_refused(api, section, wrong, told):
    """An option that there is not is 422 with the right name where one is near, at create and update."""
    row = api.create()
    config = body(name="b")
    config[section] = {**config[section], wrong: "x"}
    for asked in (
        ("POST", SYNCS, config),
        ("POST", f"{SYNCS}/plan", config),
        ("PATCH", f"{SYNCS}/{row['id']}", {section: {wrong: "x"}}),
    ):
        status, answer = api.call(*asked)
        assert status == 422
        (issue,) = answer["message"]
        assert issue["path"] == [section]
        assert issue["message"].startswith(told)


def test_the_older_name_of_an_option(api):
    """`recursive` is the older name of `includeAllSubFolders`; where both are said, today's counts."""
    options = body()["syncOptions"]
    row = api.create(syncOptions=options | {"recursive": True})
    assert row["syncOptions"]["includeAllSubFolders"]
    path = f"{SYNCS}/{row['id']}"
    both = {"syncOptions": {"recursive": True, "includeAllSubFolders": False}}
    assert not api.ok("PATCH", path, both)["secretSync"]["syncOptions"]["includeAllSubFolders"]


def test_a_missing_connection(api):
    """A connection that does not exist is refused at create; a config that names one fails with its id."""
    missing = str(uuid4())
    status, answer = api.call("POST", SYNCS, body(connectionId=missing))
    assert (status, answer["message"]) == (
        404,
        f'Could not find App Connection with ID "{missing}"',
    )
    api.store(f"secret-syncs/{PROJECT}/x.json", body(name="x", connectionId=missing))
    (row,) = api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"]
    row = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert row["syncStatus"] == "failed"
    assert row["lastSyncMessage"] == f"The sync's connection {missing} does not exist."
    assert row["connection"] == {"app": "oci", "name": "missing", "id": missing}


def test_the_compartment_may_be_of_any_realm(api):
    """OCIDs of every realm are accepted."""
    far = {
        "compartmentOcid": COMPARTMENT_ID.replace(".oc1.", ".oc19."),
        "vaultOcid": "ocid1.vault.oc19.eu-frankfurt-2.a.b",
        "keyOcid": "ocid1.key.oc19.eu-frankfurt-2.a.b",
    }
    assert api.create(destinationConfig=far, isEnabled=False)["destinationConfig"] == far


def test_a_bundle(api):
    """A bundle is created, changed in part, and taken back by null."""
    bundle = {"bundle": {"name": "app"}}
    row = api.create(syncOptions=body()["syncOptions"] | bundle)
    assert row["syncOptions"]["bundle"] == {"name": "app", "format": "json"}
    assert api.live() == {"app": '{"TOKEN":"one"}'}
    path = f"{SYNCS}/{row['id']}"
    change = {"syncOptions": {"bundle": {"format": "env"}}}
    row = api.ok("PATCH", path, change)["secretSync"]
    assert row["syncOptions"]["bundle"] == {"name": "app", "format": "env"}
    assert api.live() == {"app": "TOKEN=one\n"}
    row = api.ok("PATCH", path, {"syncOptions": {"bundle": None}})["secretSync"]
    assert "bundle" not in row["syncOptions"]
    assert "TOKEN" in api.live()


def test_a_bundle_s_name_in_the_scope_of_another_sync(api):
    """Whoever creates a bundle hears of the syncs that may want its name, and the other way round."""
    api.create(syncOptions=body()["syncOptions"] | {"keySchema": "app{{secretKey}}"})
    options = body()["syncOptions"] | {"bundle": {"name": "app-1"}, "keySchema": "X_{{secretKey}}"}
    answer = api.ok("POST", SYNCS, body(name="two", syncOptions=options))
    assert any("names may be the same" in warning for warning in answer["warnings"])
    options = options | {"bundle": {"name": "other"}}
    answer = api.ok("POST", SYNCS, body(name="three", syncOptions=options))
    assert not any("names may be the same" in warning for warning in answer["warnings"])
