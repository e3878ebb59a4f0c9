"""A field of a config or connection is stored, answered, documented and listed, or a test here fails."""

import pytest

from functions.api.routes import ROUTES
from functions.plan.oci_connection import OWN_CONNECTION_ID, Connection
from functions.plan.requested import EDITABLE
from functions.plan.sync_config import DestinationConfig, SyncConfig, SyncOptions
from functions.schemas.answers import ConnectionRow, Row, ShownCredentials
from functions.schemas.openapi import document
from tests.support.api import DESTINATION, PROJECT, SYNCS, running_api

WHOLE = {
    "name": "payments",
    "projectId": PROJECT,
    "description": "Everything is said.",
    "connectionId": str(OWN_CONNECTION_ID),
    "environment": "dev",
    "secretPath": "/api",
    "isAutoSyncEnabled": False,
    "syncOptions": {
        "initialSyncBehavior": "overwrite-destination",
        "keySchema": "A_{{secretKey}}",
        "disableSecretDeletion": True,
        "includeAllSubFolders": True,
        "deletionDays": 9,
        "blockingScope": "schema",
        "deletionGuard": {"maxPercent": 20, "minCount": 2},
        "filter": {"tags": ["prod"], "match": "all"},
        "tags": {"freeformTags": {"team": "a"}, "definedTags": {"Ops": {"Centre": "42"}}},
    },
    "destinationConfig": DESTINATION,
}
"""A config that says every field that goes with sub-folders, nothing by default."""
WITHOUT = {"includeAllSubFolders": False, "disableSecretDeletion": False}
BUNDLE = {"bundle": {"name": "app", "format": "env"}}
BUNDLED = {**WHOLE, "syncOptions": {**WHOLE["syncOptions"], **WITHOUT, **BUNDLE}}
"""One that says the bundle, which does not go with them."""
OPTIONS = BUNDLED["syncOptions"].keys()


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


def aliases(model):
    """The names of a model's fields in JSON."""
    return model.model_json_schema()["properties"].keys()


def test_the_example_says_every_field():
    """The configs of these tests hold each field of the model, with a value that is not the default."""
    assert WHOLE.keys() == aliases(SyncConfig) - {"isBeingRemoved"}
    assert aliases(SyncOptions) == OPTIONS
    assert WHOLE["destinationConfig"].keys() == aliases(DestinationConfig)
    defaults = SyncOptions(initial_sync_behavior="overwrite-destination").model_dump(by_alias=True)
    said = {**BUNDLED["syncOptions"], **WHOLE["syncOptions"]}
    assert {name for name in OPTIONS if defaults[name] == said[name]} == {"initialSyncBehavior"}


@pytest.mark.parametrize("whole", [WHOLE, BUNDLED])
def test_every_field_is_stored_and_answered(api, whole):
    """What a create or an update says is stored, and answered by each route that shows the sync."""
    row = api.create(**whole)
    stored = {**whole, "connectionId": None}
    (name,) = api.objects("secret-syncs")
    assert {"connectionId": None} | api.stored(name) == stored
    changed = {"name": "other", "description": "Changed.", "secretPath": "/"}
    row = api.ok("PATCH", f"{SYNCS}/{row['id']}", changed)["secretSync"]
    assert {"connectionId": None} | api.stored(name) == stored | changed
    place = {"environment": row["environment"]["slug"], "secretPath": row["folder"]["path"]}
    assert {field: (row | place)[field] for field in whole} == whole | changed
    assert api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"] == [row]


def test_every_field_may_be_changed_and_is_documented():
    """Each field but the project may be changed, and the document describes it."""
    assert WHOLE.keys() - {"projectId"} == EDITABLE
    schemas = document(ROUTES)["components"]["schemas"]
    assert schemas["SyncConfig"]["properties"].keys() == WHOLE.keys()
    assert schemas["SyncConfigChanges"]["properties"].keys() == WHOLE.keys() - {"projectId"}
    for kind in ("Request", "Changes"):
        assert schemas[f"SyncOptions{kind}"]["properties"].keys() == OPTIONS
        assert schemas[f"DestinationConfig{kind}"]["properties"].keys() == DESTINATION.keys()
    assert (
        not SyncConfig.model_fields.keys()
        - Row.model_fields.keys()
        - {
            "secret_path",  # as the folder's
            "is_being_removed",  # as the status of the removal
        }
    )


def test_every_field_of_a_connection_is_answered():
    """Each field of a connection is shown, but for where its private key is."""
    shown = ConnectionRow.model_fields.keys() | ShownCredentials.model_fields.keys()
    assert Connection.model_fields.keys() - shown == {"private_key_secret_ocid"}


def test_a_duplicate_is_found_however_the_destination_is_written(api):
    """Destinations are compared by what they mean, not by how they are spelt."""
    api.create(isEnabled=False)
    spelt = {**{name: f" {ocid} " for name, ocid in DESTINATION.items()}, "region": "ignored"}
    asked = {"destinationConfig": spelt, "projectId": PROJECT}
    assert api.ok("POST", f"{SYNCS}/check-destination", asked)["hasDuplicate"]
