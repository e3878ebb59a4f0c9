"""Clients that were made for the reference: its Terraform provider, its web page, scripts."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from functions.plan.oci_connection import OWN_CONNECTION_ID
from tests.support.api import (
    CONNECTIONS,
    DESTINATION,
    PROJECT,
    SYNCS,
    access_key,
    body,
    running_api,
    sha,
)

APPS = "/api/v1/app-connections"
LOGIN = "/api/v1/auth/universal-auth/login"
SESSION = "/api/v1/session"
UNKNOWN = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


@pytest.fixture
def named(api, tmp_path):
    """An app that knows tokens by name: one for ever, one for an hour, one that has expired, one without."""
    now = api.clock.now()
    entries = [
        {"sha256": sha("mia-token"), "name": "mia"},
        {"sha256": sha("hour-token"), "name": "hour", "expiresAt": str(now + timedelta(hours=1))},
        {"sha256": sha("old-token"), "name": "old", "expiresAt": str(now - timedelta(seconds=1))},
        {"sha256": sha("read-token"), "name": "reader", "role": "read"},
        sha("nameless-token"),
    ]
    held = tmp_path / "credentials.json"
    held.write_text(json.dumps({**api.credentials, "apiTokenHashes": entries}))
    return api.make_app(CREDENTIALS_SECRET_OCID="", CREDENTIALS_FILE=str(held))


def log_in(api, app, name, secret):
    """Log in as Universal Auth does; return status and answer."""
    return api.call("POST", LOGIN, {"clientId": name, "clientSecret": secret}, token=None, app=app)


def test_universal_auth(api, named):
    """A client logs in with a token's name and the token, and is given that token and its lifetime."""
    status, answer = log_in(api, named, "mia", "mia-token")
    assert (status, answer.pop("accessToken")) == (200, "mia-token")
    month = 30 * 24 * 3600
    assert answer == {"expiresIn": month, "accessTokenMaxTTL": month, "tokenType": "Bearer"}
    assert 3500 < log_in(api, named, "hour", "hour-token")[1]["expiresIn"] <= 3600
    token = log_in(api, named, "reader", "read-token")[1]["accessToken"]
    assert api.ok("GET", SESSION, token=token, app=named)["role"] == "read"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("mia", "hour-token"),
        ("hour", "mia-token"),
        ("mia", "another-token"),
        ("nobody", "mia-token"),
        ("old", "old-token"),
        ("nameless", "nameless-token"),
        (sha("nameless-token")[:8], "nameless-token"),
        ("m\u00efa", "mia-token"),
    ],
)
def test_a_wrong_login(api, named, name, secret, caplog):
    """A wrong name, token or pair is 401 and counted like a wrong token; neither is repeated."""
    status, answer = log_in(api, named, name, secret)
    assert (status, answer["message"]) == (401, "Invalid credentials")
    assert "wrong API tokens in this minute: 1" in caplog.text
    assert secret not in caplog.text + json.dumps(answer)


def test_the_sources_own_identity_is_no_login(api):
    """The identity that reads the source opens nothing here."""
    known = api.credentials["clientId"], api.credentials["clientSecret"]
    assert log_in(api, None, *known)[0] == 401
    assert api.call("GET", SESSION, token=known[1])[0] == 401


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{}", 422),
        (b'{"clientId": "", "clientSecret": "x"}', 422),
        (b'{"clientId": ["mia"], "clientSecret": "mia-token"}', 422),
        (b'{"clientId": "%s", "clientSecret": "x"}' % (b"a" * 65), 422),
        (b'{"clientId": "mia", "clientSecret": "%s"}' % (b"a" * 4096), 413),
        (b"[" * 4000, 400),
    ],
)
def test_a_login_is_small_and_whole(api, raw, status):
    """Nobody is known yet, so only a short and right body is looked at."""
    found, answer = api.call("POST", LOGIN, raw, token=None)
    assert found == status
    assert status != 413 or "4096 bytes" in answer["message"]


def test_connections_as_the_reference_has_them(api, tmp_path):
    """The lists show access keys only, with every field of the reference; `method=all` shows all."""
    credentials, key = access_key(tmp_path)
    api.cloud.trust(key)
    credentials["fingerprint"] = credentials["fingerprint"].upper()
    asked = {"name": "c", "method": "access-key", "credentials": credentials, "projectId": PROJECT}
    made = api.ok("POST", CONNECTIONS, asked)["appConnection"]
    assert made["projectId"] == PROJECT
    assert made["isAutoRotationEnabled"] is False
    assert made["credentials"]["fingerprint"] == credentials["fingerprint"].lower()
    for path in (APPS, CONNECTIONS):
        assert api.ok("GET", path)["appConnections"] == [made]
        own, other = api.ok("GET", path, method="all")["appConnections"]
        assert (UUID(own["id"]), other) == (OWN_CONNECTION_ID, made)
        assert own["projectId"] is None
        assert api.call("GET", path, method="some")[0] == 422
    rows = api.ok("GET", f"{CONNECTIONS}/available")["appConnections"]
    assert rows == [{"app": "oci", "name": "c", "id": made["id"]}]
    rows = api.ok("GET", f"{CONNECTIONS}/available", method="all")["appConnections"]
    assert [row["name"] for row in rows] == ["function", "c"]
    path = f"{CONNECTIONS}/{made['id']}"
    changed = {"description": "d", "projectId": "other"}
    assert api.ok("PATCH", path, changed)["appConnection"]["projectId"] == PROJECT


def test_connection_options(api):
    """What can be connected to is OCI, by the one method that the reference has; `method=all` adds ours."""
    path = f"{APPS}/options"
    option = {"name": "OCI", "app": "oci", "methods": ["access-key"]}
    assert api.ok("GET", path) == {"appConnectionOptions": [option]}
    (option,) = api.ok("GET", path, method="all")["appConnectionOptions"]
    assert option["methods"] == ["resource-principal", "access-key"]


def test_what_the_terraform_provider_sends(api):
    """Its create and update requests, with all that they carry besides, work without a warning."""
    extra = {"App": "oci", "ID": "", "method": "", "isEnabled": True}
    options = {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": False}
    asked = body(syncOptions=options, projectId=f" {PROJECT} ", **extra)
    made = api.ok("POST", SYNCS, asked)
    assert made["warnings"] == []
    row = made["secretSync"]
    assert row["projectId"] == PROJECT
    path = f"{SYNCS}/{row['id']}"
    changed = api.ok("PATCH", path, asked | {"ID": row["id"], "description": "by Terraform"})
    assert changed["warnings"] == []
    assert changed["secretSync"]["description"] == "by Terraform"
    assert api.ok("GET", path)["secretSync"]["id"] == row["id"]
    assert api.ok("DELETE", path)["secretSync"]["id"] == row["id"]


def test_no_duplicate(api):
    """Where there is no duplicate its project is left out, as a typed client asks for."""
    asked = {"destinationConfig": DESTINATION, "projectId": PROJECT}
    assert api.ok("POST", f"{SYNCS}/check-destination", asked) == {"hasDuplicate": False}


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (("POST", SYNCS, b""), 422, "A body is required"),
        (("POST", SYNCS, b'{"name": }'), 400, "Expecting value (line 1, column 10)"),
        (("POST", SYNCS, b"\xff"), 400, "not JSON in UTF-8"),
        (("GET", f"{SYNCS}/payments"), 422, "…/oci-vault/sync-name/{syncName}?projectId="),
        (("GET", f"{CONNECTIONS}/mine"), 422, "…/connection-name/{connectionName}"),
        (("POST", f"{SYNCS}/{UNKNOWN}/sync-secrets?force=yes"), 422, "a plan's fingerprint"),
        (("POST", SYNCS, body(projectId="a b")), 422, "Project id should match"),
    ],
)
def test_a_wrong_request_is_told_what_is_right(api, asked, status, told):
    """An answer to a wrong request names the field and what is allowed."""
    found, answer = api.call(*asked)
    assert found == status
    message = answer["message"]
    assert told in (message if isinstance(message, str) else message[0]["message"])


def test_a_sync_that_failed_is_an_answer(api):
    """A sync that failed is answered 200 with the failed row, as the reference does."""
    row = api.create()
    api.source.delete_folder("dev", "/api")
    row = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert row["syncStatus"] == "failed"
