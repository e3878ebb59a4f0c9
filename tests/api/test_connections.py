"""OCI connections: made, shown, used and deleted by the management API."""

import json
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from functions.plan.models import State
from functions.plan.oci_connection import OWN_CONNECTION_ID
from functions.plan.ownership import CONNECTION_OWNER, OWNER_TAG
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, REGION, TENANCY_ID, VAULT_ID
from infra.local.oci.traffic import Fault
from infra.local.services import CREDENTIALS_NAME
from tests.support.api import (
    CONNECTIONS,
    CREDENTIALS_VAULT,
    DESTINATION,
    SYNCS,
    access_key,
    body,
    running_api,
)


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


@pytest.fixture(scope="module")
def key():
    """The credentials of an API key, and its public half."""
    with TemporaryDirectory() as directory:
        yield access_key(directory)


@pytest.fixture(scope="module")
def other_key():
    """Another one."""
    with TemporaryDirectory() as directory:
        yield access_key(directory)


def request(credentials, **more):
    """The body of a create request."""
    return {"name": "other-tenancy", "method": "access-key", "credentials": credentials, **more}


def connect(api, key, **more):
    """Create a connection with an API key that OCI trusts; return its row."""
    credentials, public = key
    api.cloud.trust(public)
    return api.ok("POST", CONNECTIONS, request(credentials, **more))["appConnection"]


def stored_keys(api, vault=CREDENTIALS_VAULT):
    """The states of the private keys in a vault."""
    names = api.vault.states(vault).items()
    return [state for name, state in names if name.startswith("oci-vault-sync-connection-")]


def test_an_access_key_goes_to_the_vault(api, key):
    """The private key is stored as a secret beside the function's credentials, and nowhere else."""
    row = connect(api, key, description="d")
    private = key[0]["privateKey"]
    assert stored_keys(api) == [State.ACTIVE]
    assert private.encode() in api.vault.live(CREDENTIALS_VAULT).values()
    (name,) = api.objects("connections/")
    stored = api.stored(name)
    assert name == f"connections/{row['id']}.json"
    assert stored["privateKeySecretOcid"].startswith("ocid1.vaultsecret.")
    assert "PRIVATE KEY" not in json.dumps(stored) + json.dumps(row)
    assert row["credentials"] == {k: v for k, v in key[0].items() if k != "privateKey"}
    assert (row["app"], row["method"], row["version"]) == ("oci", "access-key", 1)
    assert row["isPlatformManagedCredentials"] is False
    assert len(row["credentialsHash"]) == 64


def test_the_vault_of_the_key_can_be_chosen(api, key):
    """`keyStorage` names the vault, compartment and key that hold the private key."""
    connect(api, key, keyStorage=DESTINATION)
    assert stored_keys(api, VAULT_ID) == [State.ACTIVE]
    assert stored_keys(api) == []


def test_a_sync_through_a_connection(api, key):
    """A sync that names a connection calls OCI as that connection, the first run and a cold one alike."""
    row = connect(api, key)
    signers = set()
    fingerprint = key[0]["fingerprint"]
    private = api.stored(f"connections/{row['id']}.json")["privateKeySecretOcid"]
    serve = api.cloud._work

    def work(request):
        if "/20180608/secrets" in request.target and private not in request.target:
            signers.add(fingerprint in request.headers["authorization"])
        return serve(request)

    api.cloud._work = work
    sync = api.create(connectionId=row["id"])
    assert sync["syncStatus"] == "succeeded"
    assert sync["connection"] == {"app": "oci", "name": "other-tenancy", "id": row["id"]}
    assert signers == {True}
    api.source.set("dev", "/api", "TOKEN", "two")
    path = f"{SYNCS}/{sync['id']}/sync-secrets"
    assert api.ok("POST", path, app=api.make_app())["secretSync"]["syncStatus"] == "succeeded"
    assert api.live() == {"TOKEN": "two"}


def test_a_connection_is_proved_by_a_call(api, key):
    """A key that OCI does not accept is refused with OCI's reason, and nothing is stored."""
    status, answer = api.call("POST", CONNECTIONS, request(key[0]))
    assert status == 400
    assert answer["message"].startswith("Failed to validate credentials: user ocid1.user.")
    assert "401 NotAuthenticated" in answer["message"]
    assert "PRIVATE KEY" not in answer["message"]
    assert (api.objects("connections/"), stored_keys(api)) == ([], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("userOcid", "ocid1.vault.oc1..x"),
        ("tenancyOcid", "tenancy"),
        ("region", "eu.frankfurt"),
        ("fingerprint", "aa:bb"),
        ("privateKey", ""),
    ],
)
def test_each_credential_wrong_in_turn(api, key, field, value):
    """A credential that breaks a rule is 422 with its path; one that is missing too; none is echoed."""
    whole = key[0]
    left_out = {name: text for name, text in whole.items() if name != field}
    for credentials in ({**whole, field: value}, left_out):
        status, answer = api.call("POST", CONNECTIONS, request(credentials))
        assert status == 422
        assert [issue["path"] for issue in answer["message"]] == [["credentials", field]]
        assert "PRIVATE KEY" not in json.dumps(answer)


def test_a_private_key_that_is_none(api, key):
    """Text that is no PEM key is refused, and not echoed."""
    credentials = {**key[0], "privateKey": "pasted-value"}
    status, answer = api.call("POST", CONNECTIONS, request(credentials))
    assert status == 400
    assert "the private key" in answer["message"]
    assert "pasted-value" not in answer["message"]


def test_a_resource_principal_elsewhere(api):
    """A resource-principal connection has no key; it may look in another region."""
    data = {
        "name": "own",
        "method": "resource-principal",
        "credentials": {"region": "us-ashburn-1"},
    }
    row = api.ok("POST", CONNECTIONS, data)["appConnection"]
    assert row["credentials"]["region"] == "us-ashburn-1"
    assert api.cloud.count("GetNamespace") == 1
    assert api.create(connectionId=row["id"])["syncStatus"] == "succeeded"


def test_the_functions_own_principal_is_a_connection(api):
    """It is listed first, under an id that never changes; it cannot be changed or deleted."""
    rows = api.ok("GET", CONNECTIONS, method="all")["appConnections"]
    assert [row["id"] for row in rows] == [str(OWN_CONNECTION_ID)]
    path = f"{CONNECTIONS}/{OWN_CONNECTION_ID}"
    assert api.ok("GET", path)["appConnection"] == rows[0]
    assert api.call("PATCH", path, {"name": "x"})[0] == 400
    assert api.call("DELETE", path)[0] == 400
    assert api.create(connectionId=str(OWN_CONNECTION_ID))["syncStatus"] == "succeeded"
    (name,) = api.objects("secret-syncs/")
    assert "connectionId" not in api.stored(name)


def test_connections_are_found(api, key):
    """A connection is found by list, id and name; its name is unique."""
    row = connect(api, key)
    assert api.ok("GET", CONNECTIONS)["appConnections"] == [row]
    assert api.ok("GET", f"{CONNECTIONS}/{row['id']}")["appConnection"] == row
    found = api.ok("GET", f"{CONNECTIONS}/connection-name/other-tenancy")
    assert found["appConnection"] == row
    assert api.call("GET", f"{CONNECTIONS}/connection-name/nobody")[0] == 404
    assert api.call("GET", f"{CONNECTIONS}/{uuid4()}")[0] == 404
    for name in ("other-tenancy", "function"):
        status, answer = api.call("POST", CONNECTIONS, request(key[0], name=name))
        assert (status, answer["message"]) == (
            400,
            f'An App Connection with the name "{name}" already exists',
        )
    assert stored_keys(api) == [State.ACTIVE]


def test_a_rename_keeps_the_key(api, key):
    """Changing the name or description touches no key and asks OCI nothing."""
    row = connect(api, key)
    api.cloud.reset_calls()
    path = f"{CONNECTIONS}/{row['id']}"
    changed = api.ok("PATCH", path, {"name": "renamed", "description": "d"})["appConnection"]
    assert (changed["name"], changed["description"], changed["version"]) == ("renamed", "d", 2)
    assert changed["credentials"] == row["credentials"]
    assert (api.cloud.count("GetUser"), stored_keys(api)) == (0, [State.ACTIVE])


def test_new_credentials_replace_the_key(api, key, other_key):
    """New credentials are proved and stored before they count; the old key is scheduled for deletion."""
    row = connect(api, key)
    path = f"{CONNECTIONS}/{row['id']}"
    assert api.call("PATCH", path, {"credentials": other_key[0]})[0] == 400
    assert stored_keys(api) == [State.ACTIVE]
    api.cloud.trust(other_key[1])
    changed = api.ok("PATCH", path, {"credentials": other_key[0]})["appConnection"]
    assert changed["credentials"]["fingerprint"] == other_key[0]["fingerprint"]
    assert changed["credentialsHash"] != row["credentialsHash"]
    assert sorted(stored_keys(api)) == [State.ACTIVE, State.PENDING_DELETION]
    assert api.create(connectionId=row["id"])["syncStatus"] == "succeeded"


@pytest.mark.parametrize(("change", "left"), [("rename", 0), ("renew", 1)])
def test_who_loses_a_race_leaves_the_key_in_use(api, key, change, left):
    """An update that somebody else's overtakes discards only the key that it brought itself."""
    row = connect(api, key)
    name = f"connections/{row['id']}.json"

    def overtake(call):
        if call.operation == "PutObject" and name in call.name_or_id:
            api.store(name, {**api.stored(name), "description": "theirs"})
            api.cloud.before = lambda _call: None

    api.cloud.before = overtake
    data = {"description": "ours"} if change == "rename" else {"credentials": key[0]}
    assert api.call("PATCH", f"{CONNECTIONS}/{row['id']}", data)[0] == 409
    states = stored_keys(api)
    assert (states.count(State.ACTIVE), states.count(State.PENDING_DELETION)) == (1, left)
    (in_use,) = [
        secret
        for secret in api.vault.secrets.values()
        if secret.id == api.stored(name)["privateKeySecretOcid"]
    ]
    assert in_use.state(api.clock.now()) == State.ACTIVE


def test_a_connection_in_use_is_not_deleted(api, key):
    """Delete is refused while a sync uses the connection; then connection and key go."""
    row = connect(api, key)
    sync = api.create(connectionId=row["id"])
    status, answer = api.call("DELETE", f"{CONNECTIONS}/{row['id']}")
    assert status == 400
    assert answer["message"] == "This connection is used by 1 sync; change that first: payments."
    api.ok("PATCH", f"{SYNCS}/{sync['id']}", {"connectionId": None})
    api.ok("DELETE", f"{CONNECTIONS}/{row['id']}")
    assert api.call("GET", f"{CONNECTIONS}/{row['id']}")[0] == 404
    assert stored_keys(api) == [State.PENDING_DELETION]


def test_keys_kept_by_hand_stay(api, key):
    """A connection object written by hand works; deleting it leaves the secret that a person made."""
    api.cloud.trust(key[1])
    wanted = by_hand(api, key, tags={OWNER_TAG: CONNECTION_OWNER})
    sync = api.create(connectionId=wanted)
    assert sync["syncStatus"] == "succeeded"
    api.ok("DELETE", f"{SYNCS}/{sync['id']}")
    api.ok("DELETE", f"{CONNECTIONS}/{wanted}")
    assert api.vault.states(CREDENTIALS_VAULT)["my-key"] == State.ACTIVE


@pytest.mark.parametrize("tags", [{}, {OWNER_TAG: str(uuid4())}], ids=["none", "of a sync"])
def test_a_key_that_is_not_marked_as_one(api, key, tags):
    """No connection signs with a secret that does not say it is a private key, such as one that was synced."""
    wanted = by_hand(api, key, tags=tags)
    sync = api.create(connectionId=wanted)
    assert sync["syncStatus"] == "failed"
    assert "free-form tag oci-vault-sync=connection; add it" in sync["lastSyncMessage"]
    assert "my-key" not in [
        c.name_or_id for c in api.cloud.calls if c.operation == "GetSecretBundle"
    ]
    status, answer = api.call("GET", f"{CONNECTIONS}/{wanted}/compartments")
    assert (status, "oci-vault-sync=connection" in answer["message"]) == (400, True)


def by_hand(api, key, tags):
    """Make a connection and its secret without the API; return its id."""
    api.cloud.trust(key[1])
    private = key[0]["privateKey"].encode()
    secret = api.vault.seed("my-key", private, vaultId=CREDENTIALS_VAULT, tags=tags)
    wanted = str(uuid4())
    shown = {name: text for name, text in key[0].items() if name != "privateKey"}
    names = {"id": wanted, "name": "by-hand", "app": "oci", "method": "access-key"}
    api.store(f"connections/{wanted}.json", {**names, "privateKeySecretOcid": secret, **shown})
    return wanted


def test_a_connection_object_that_is_wrong(api):
    """A connection object that does not parse is logged, left out of the list, and 400 by its id."""
    wanted = str(uuid4())
    api.store(f"connections/{wanted}.json", {"id": wanted, "name": "x", "method": "access-key"})
    assert api.ok("GET", CONNECTIONS)["appConnections"] == []
    status, answer = api.call("GET", f"{CONNECTIONS}/{wanted}")
    assert status == 400
    assert "privateKeySecretOcid" in answer["message"]


def test_private_keys_are_never_touched(api, key):
    """No sync reads, overwrites or deletes a private key, even in its own vault and without a key schema."""
    by_hand = api.vault.seed("my-key", key[0]["privateKey"].encode())
    connect(api, key, keyStorage=DESTINATION)
    wanted = str(uuid4())
    shown = {name: text for name, text in key[0].items() if name != "privateKey"}
    one = {"id": wanted, "name": "by-hand", "method": "access-key", "privateKeySecretOcid": by_hand}
    api.store(f"connections/{wanted}.json", {**one, **shown})
    app = api.make_app()
    row = api.ok("POST", SYNCS, body(), app=app)["secretSync"]
    assert row["syncStatus"] == "succeeded"
    api.ok(
        "POST",
        f"{SYNCS}/{row['id']}/import-secrets",
        app=app,
        importBehavior="prioritize-destination",
    )
    assert set(api.vault.states().values()) == {State.ACTIVE}
    assert [s.key for s in api.source.folders["dev", "/api"].secrets] == ["TOKEN"]


def test_private_keys_cost_a_warm_run_nothing(api, key):
    """Which secrets are private keys is looked up once a minute, not in every run."""
    connect(api, key)
    row = api.create()
    api.cloud.reset_calls()
    api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")
    assert api.cloud.count("ListObjects", "oci-vault-sync/connections/") == 0


def test_the_helper_lists(api):
    """Compartments, vaults and keys are listed over all pages; only what is active or enabled is shown."""
    api.cloud.page_size = 2
    for number in range(5):
        api.cloud.identity.compartments[f"ocid1.compartment.oc1..c{number}"] = f"c{number}"
        vault = f"ocid1.vault.oc1.{REGION}.local.v{number}"
        api.cloud.kms.add_vault(vault, COMPARTMENT_ID)
        api.cloud.kms.add_key(f"ocid1.key.oc1.{REGION}.local.k{number}", vault)
    api.cloud.kms.vaults[vault]["lifecycleState"] = "PENDING_DELETION"
    api.cloud.kms.keys[f"ocid1.key.oc1.{REGION}.local.k4"]["lifecycleState"] = "DISABLED"
    path = f"{CONNECTIONS}/{OWN_CONNECTION_ID}"
    compartments = api.ok("GET", f"{path}/compartments")
    assert compartments[0] == {"id": TENANCY_ID, "name": "local (root)"}
    assert [one["name"] for one in compartments[1:]] == ["local", *(f"c{n}" for n in range(5))]
    vaults = api.ok("GET", f"{path}/vaults", compartmentOcid=COMPARTMENT_ID)
    assert {"id": VAULT_ID, "displayName": "vault"} in vaults
    assert {one["displayName"] for one in vaults} >= {"v0", "v1", "v2", "v3"}
    assert "v4" not in {one["displayName"] for one in vaults}
    keys = api.ok("GET", f"{path}/vault-keys", compartmentOcid=COMPARTMENT_ID, vaultOcid=VAULT_ID)
    assert {"id": KEY_ID, "displayName": "key"} in keys
    assert "k4" not in {one["displayName"] for one in keys}


def test_a_helper_list_that_fails(api):
    """What OCI refuses in a list of what can be chosen is an error, not an empty list."""
    path = f"{CONNECTIONS}/{OWN_CONNECTION_ID}"
    missing = VAULT_ID + "2"
    query = {"compartmentOcid": COMPARTMENT_ID, "vaultOcid": missing}
    status, answer = api.call("GET", f"{path}/vault-keys", **query)
    assert (status, answer["error"]) == (400, "BadRequest")
    assert f"vault {missing}: absent, or not permitted" in answer["message"]
    api.cloud.faults.append(Fault("ListVaults", status=404, code="NotAuthorizedOrNotFound"))
    assert api.call("GET", f"{path}/vaults", compartmentOcid=COMPARTMENT_ID)[0] == 400


def test_without_a_vault_of_credentials(api, tmp_path, key):
    """Where the function's credentials are in a file, `keyStorage` must be given."""
    (secret,) = [s for s in api.vault.secrets.values() if s.name == CREDENTIALS_NAME]
    file = tmp_path / "credentials"
    file.write_bytes(secret.newest())
    app = api.make_app(CREDENTIALS_SECRET_OCID="", CREDENTIALS_FILE=str(file))
    api.cloud.trust(key[1])
    status, answer = api.call("POST", CONNECTIONS, request(key[0]), app=app)
    assert (status, answer["error"]) == (400, "BadRequest")
    assert answer["message"].startswith("Say in keyStorage where")
    api.ok("POST", CONNECTIONS, request(key[0], keyStorage=DESTINATION), app=app)
