import json
from itertools import product
from uuid import UUID

import jsonschema_rs
import pytest
from pydantic import ValidationError

from functions.errors import InvalidInput
from functions.plan.fields import STORED
from functions.plan.models import Folder
from functions.plan.sync_config import (
    BlockingScope,
    DestinationConfig,
    InitialSync,
    Sync,
    SyncConfig,
    SyncOptions,
    describe,
    parse_sync,
    project_of,
    sync_id,
)
from tests.support.plan_examples import OBJECT, STORE, body, sync

OCIDS = {"compartmentOcid": "Compartment", "vaultOcid": "Vault", "keyOcid": "Key"}


def refusal(document, name=OBJECT) -> str:
    """Return why a config is refused."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(InvalidInput) as error:
        parse_sync(STORE, name, "etag-1", data)
    return str(error.value)


def read(**changes) -> SyncConfig:
    """Return the config with top-level fields changed."""
    return parse_sync(STORE, OBJECT, "etag-1", json.dumps(body(**changes)).encode()).config


def test_a_minimal_config_has_safe_defaults():
    """What a config leaves out: auto-sync on, deletion in 7 days, the vault's states block."""
    config = read()
    assert config.folder == Folder("project-1", "prod", "/api")
    assert config.is_auto_sync_enabled
    assert not config.is_being_removed
    assert config.connection_id is None
    options = config.sync_options
    assert options.initial_sync_behavior == InitialSync.OVERWRITE
    assert options.key_schema is None
    assert not options.disable_secret_deletion
    assert not options.include_all_sub_folders
    assert options.deletion_days == 7
    assert options.blocking_scope == BlockingScope.VAULT


def test_a_config_survives_storage():
    """A config that is written as JSON is read back as the same config."""
    config = read(
        description="d", connectionId="00000000-0000-4000-8000-000000000001", isEnabled=False
    )
    again = SyncConfig.model_validate_json(config.model_dump_json(by_alias=True))
    assert again == config


def test_the_id_depends_on_the_place_alone():
    """The id of a sync is made of store and object name, so no edit changes it and no two share it."""
    assert sync_id("s3://b", "x") == UUID("3c5d8564-99e0-52da-8497-6fe170cb7f87")
    assert sync().id == sync(deletionDays=1).id == sync_id(STORE, OBJECT)
    assert sync_id(STORE, OBJECT) != sync_id(STORE, OBJECT.replace("api", "web"))
    assert sync_id(STORE, OBJECT) != sync_id("oci://other", OBJECT)


@pytest.mark.parametrize(
    ("field", "ocid"),
    [
        ("compartmentOcid", "ocid1.compartment.oc1..aaaa"),
        ("compartmentOcid", "ocid1.tenancy.oc1..aaaa"),
        ("compartmentOcid", "ocid1.compartment.oc2..aaaa"),
        ("compartmentOcid", "ocid1.compartment.oc19.eu-frankfurt-2.a"),
        ("vaultOcid", "ocid1.vault.oc1.iad.bbpp.abuw"),
        ("vaultOcid", "ocid1.vault.oc2.us-luke-1.x.y"),
        ("vaultOcid", "  ocid1.vault.oc19.eu-frankfurt-2.x.y\n"),
        ("keyOcid", "ocid1.key.oc1.iad.bbpp.abuw"),
        ("keyOcid", "ocid1.key.oc4.uk-gov-london-1.bbpp.abuw"),
    ],
)
def test_ocids_of_every_realm_are_accepted(field, ocid):
    """An OCID of the right kind is accepted whatever its realm, spaces around it cut."""
    destination = DestinationConfig.model_validate(body()["destinationConfig"] | {field: ocid})
    assert destination.model_dump(by_alias=True)[field] == ocid.strip()


@pytest.mark.parametrize(
    ("field", "ocid"),
    [
        ("compartmentOcid", "ocid1.compartment.oc1."),
        ("compartmentOcid", "ocid1.compartment.oc1.."),
        ("compartmentOcid", "ocid1.vault.oc1.iad.b.c"),
        ("compartmentOcid", "ocid1.compartments.oc1..a"),
        ("vaultOcid", "ocid1.vaults.oc1.iad.x"),
        ("vaultOcid", "ocid1.vault.oc1..x"),
        ("vaultOcid", "ocid1.vault.oc1.evil.example/.x"),
        ("vaultOcid", "ocid1.vault.oc1.iad@evil.x"),
        ("vaultOcid", "ocid1.vault.x.iad.x"),
        ("keyOcid", "ocid1.key.oc1."),
        ("keyOcid", "OCID1.KEY.OC1.iad.a"),
    ],
)
def test_other_ocids_are_refused(field, ocid):
    """An OCID of another kind or form is refused, and so is a region that could be a host name."""
    destination = body()["destinationConfig"] | {field: ocid}
    label = f"destinationConfig.{field}: Invalid {OCIDS[field]} OCID format. Must start with ocid1."
    assert label in refusal(body(destinationConfig=destination))


@pytest.mark.parametrize("field", OCIDS)
def test_an_empty_ocid_is_required(field):
    """An OCID of spaces is told apart from a wrong one."""
    destination = body()["destinationConfig"] | {field: "  "}
    assert f"{OCIDS[field]} OCID required" in refusal(body(destinationConfig=destination))


@pytest.mark.parametrize(
    "slug", ["my-sync", "sync1", "a", "123", "v2-prod", "prod2eu", " trimmed ", "a" * 256]
)
def test_slugs_are_accepted(slug):
    """A name is lowercase letters and digits with single hyphens between, at most 256."""
    assert read(name=slug).name == slug.strip()


@pytest.mark.parametrize(
    "slug",
    ["My-Sync", "my_sync", "my sync", "a--b", "-a", "a-", "prod.eu", "café", "sync2Foo", "x\ny"],
)
def test_other_slugs_are_refused(slug):
    """Anything else is refused as name and as environment, with the rule."""
    rule = "field can only contain lowercase letters, numbers, and hyphens"
    assert f"name: name {rule}" in refusal(body(name=slug))
    assert f"environment: environment {rule}" in refusal(body(environment=slug))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": " "}, "name: name field must be at least 1 lowercase character"),
        ({"name": "a" * 257}, "name: name field must be at most 256 lowercase characters"),
        ({"environment": "a" * 65}, "environment field must be at most 64 lowercase characters"),
        ({"description": "d" * 257}, "description:"),
        ({"connectionId": "none"}, "connectionId:"),
        ({"name": None}, "name: Field required"),
        ({"syncOptions": {}}, "syncOptions.initialSyncBehavior: Field required"),
        ({"destination": "oci-vault"}, "destination: Extra inputs are not permitted"),
        ({"projectId": "project/1"}, "projectId:"),
        ({"projectId": "project-2"}, "projectId does not agree with the object's folder"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(changes, why):
    """A config that breaks a rule is refused with the object, the field and the rule."""
    text = refusal(body(**changes))
    assert text.startswith(f"{OBJECT}: ")
    assert why in text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"keySchema": "{{environment}}"}, "keySchema: Key schema must include a {{secretKey}}"),
        ({"deletionDays": 0}, "deletionDays:"),
        ({"deletionDays": 31}, "deletionDays:"),
        ({"blockingScope": "world"}, "blockingScope:"),
        (
            {"includeAllSubFolders": True, "initialSyncBehavior": "import-prioritize-source"},
            "includeAllSubFolders requires initialSyncBehavior overwrite-destination",
        ),
        ({"deletionGuard": {"maxPercent": -1}}, "deletionGuard.maxPercent:"),
        ({"deletionGuard": {"maxPercent": 101}}, "deletionGuard.maxPercent:"),
        ({"deletionGuard": {"minCount": 0}}, "deletionGuard.minCount:"),
        ({"filter": {"tags": []}}, "filter.tags:"),
        ({"filter": {"tags": ["a"] * 21}}, "filter.tags:"),
        ({"filter": {"tags": ["a"], "match": "none"}}, "filter.match:"),
        ({"bundle": {}}, "bundle.name: Field required"),
        ({"bundle": {"name": "a b"}}, "bundle.name: OCI Vault takes 1 to 255 letters"),
        ({"bundle": {"name": "a", "format": "yaml"}}, "bundle.format:"),
        ({"bundle": {"name": "a", "keys": []}}, "bundle.keys:"),
    ],
)
def test_a_wrong_option_is_named_with_its_rule(options, why):
    """A sync option that breaks a rule is refused with its name and the rule."""
    options = {"initialSyncBehavior": "overwrite-destination"} | options
    assert f"syncOptions.{why}".replace("syncOptions.include", "syncOptions: include") in refusal(
        body(syncOptions=options)
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            {"initialSyncBehavior": "import-prioritize-source"},
            "bundle requires initialSyncBehavior overwrite-destination",
        ),
        ({"includeAllSubFolders": True}, "bundle holds the keys of one folder"),
        ({"disableSecretDeletion": True}, "bundle holds what the source holds"),
    ],
)
def test_what_a_bundle_does_not_go_with(options, why):
    """A bundle goes neither with an import behaviour nor with sub-folders, nor where nothing may be deleted."""
    options = {"initialSyncBehavior": "overwrite-destination", "bundle": {"name": "app"}, **options}
    assert f"syncOptions: {why}" in refusal(body(syncOptions=options))


SWITCHES = {
    "initialSyncBehavior": ["overwrite-destination", "import-prioritize-source"],
    "includeAllSubFolders": [False, True],
    "disableSecretDeletion": [False, True],
    "filter": [None, {"tags": ["a"]}],
    "bundle": [None, {"name": "app"}],
}


@pytest.mark.parametrize("values", [*product(*SWITCHES.values())], ids=str)
def test_the_schema_says_what_goes_together(values):
    """The JSON Schema of the options accepts those that go together, as the config does, and no others."""
    options = dict(zip(SWITCHES, values, strict=True))
    try:
        SyncOptions.model_validate(options)
    except ValidationError:
        is_accepted = False
    else:
        is_accepted = True
    assert jsonschema_rs.is_valid(SyncOptions.model_json_schema(), options) == is_accepted


def test_a_filter_imports_nothing():
    """A filter goes with no import behaviour: what is imported would have no tags."""
    options = {"initialSyncBehavior": "import-prioritize-source", "filter": {"tags": ["a"]}}
    why = "syncOptions: filter requires initialSyncBehavior overwrite-destination"
    assert why in refusal(body(syncOptions=options))


@pytest.mark.parametrize("value", [True, False])
def test_is_enabled_is_the_switch_of_the_documentation(value):
    """`isEnabled`, as the documentation's sample has it, switches auto-sync."""
    assert read(isEnabled=value).is_auto_sync_enabled is value
    assert read(isEnabled=not value, isAutoSyncEnabled=value).is_auto_sync_enabled is value


@pytest.mark.parametrize(
    ("path", "kept"), [("/", "/"), ("/api", "/api"), ("/api/", "/api"), (" /a/b-c_1/ ", "/a/b-c_1")]
)
def test_a_path_loses_its_trailing_slash(path, kept):
    """A path is kept without spaces around it and without its trailing slash, the root as it is."""
    assert read(secretPath=path).secret_path == kept


@pytest.mark.parametrize("path", ["api", "//", "/a//b", "/a/../b", "/a b", "/ä", "/a\n/b", "/*"])
def test_other_paths_are_refused(path):
    """A path that does not begin with a slash or has odd folder names is refused."""
    assert "secretPath: Secret path must begin with a slash" in refusal(body(secretPath=path))


def test_an_empty_path_is_required():
    """A path of spaces is told apart from a wrong one."""
    assert "secretPath: Secret path required" in refusal(body(secretPath=" "))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b'{"name": "\\ud800"}'])
def test_what_is_no_json_object_is_refused(text):
    """A file that is no JSON object is refused with its name."""
    assert refusal(text).startswith(f"{OBJECT}: ")


def test_all_faults_are_told_at_once_without_what_was_given():
    """Every faulty field is named in one message, and nothing of what was given."""
    text = refusal(body(name="HUNTER2", environment="HUNTER2", secretPath="HUNTER2"))
    assert [field in text for field in ("name:", "environment:", "secretPath:")] == [True] * 3
    assert "HUNTER2" not in text


def test_a_fault_never_shows_what_was_given():
    """A fault of a config or request that nobody describes, as in a log, shows nothing of what was given."""
    with pytest.raises(ValidationError) as error:
        SyncConfig.model_validate(body(name="HUNTER2"))
    assert "HUNTER2" not in str(error.value)


def test_a_fault_of_the_whole_is_a_fault_of_the_body():
    """A fault that belongs to no field is told as one of the body."""
    with pytest.raises(ValidationError) as error:
        SyncConfig.model_validate([])
    assert describe(error.value).startswith("body: ")


@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("secret-syncs/p/f.json", "p"),
        ("secret-syncs/A.b_c-1/f.x_y-2.json", "A.b_c-1"),
        ("secret-syncs/p/f.JSON", None),
        ("secret-syncs/p/.json", None),
        ("secret-syncs/f.json", None),
        ("secret-syncs/p/q/f.json", None),
        ("secret-syncs/p/f.json\n", None),
        ("secret-syncs/p p/f.json", None),
        ("status/p/f.json", None),
        ("x/secret-syncs/p/f.json", None),
    ],
)
def test_configs_are_found_by_their_object_names(name, project):
    """A config object is secret-syncs/<projectId>/<file>.json, and nothing else."""
    assert project_of(name) == project


def test_an_odd_object_name_is_refused():
    """A config in an object of another name is refused with the form of the name."""
    text = refusal(body(), "secret-syncs/api.json")
    assert "secret-syncs/api.json: must be named secret-syncs/<projectId>/<file>.json" in text


def test_configs_cannot_be_changed_by_accident():
    """A sync that was read is frozen, config and all."""
    made: Sync = sync()
    with pytest.raises(ValidationError):
        made.config.sync_options.deletion_days = 1
    with pytest.raises(ValidationError):
        made.etag = "other"


def test_a_key_schema_with_a_slash():
    """OCI Vault takes no slash in a name: no new schema may hold one, and one that is stored is still read."""
    options = {"initialSyncBehavior": "overwrite-destination", "keySchema": "a/{{secretKey}}"}
    with pytest.raises(ValueError, match="OCI Vault takes no others"):
        SyncOptions.model_validate(options)
    assert SyncOptions.model_validate(options, context=STORED).key_schema == "a/{{secretKey}}"
