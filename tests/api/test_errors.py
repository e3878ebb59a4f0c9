"""Who may ask what, and how the management API refuses."""

import json
import logging

import pytest

from functions.api.health import HEALTH_SECONDS
from infra.local.oci.traffic import Fault
from tests.support.api import (
    CONNECTIONS,
    DESTINATION,
    PROJECT,
    READ_TOKEN,
    SYNCS,
    body,
    running_api,
    sha,
)

UNKNOWN = "00000000-0000-4000-8000-000000000001"
OPTIONS = body()["syncOptions"]


@pytest.fixture(scope="module")
def api():
    """One container for all tests here; none of them creates anything."""
    with running_api() as api:
        yield api


def refused(api, status, error, *call, **how):
    """Send a request that must be refused; return the message."""
    got, answer = api.call(*call, **how)
    assert got == status, answer
    assert set(answer) == {"statusCode", "message", "error"}
    assert (answer["statusCode"], answer["error"]) == (status, error)
    return answer["message"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Token missing: send the header Authorization: Bearer <token>."),
        ("", "Token missing: send the header Authorization: Bearer <token>."),
        ("Bearer", "Token missing: send the header Authorization: Bearer <token>."),
        ("Bearer  ", "Token missing: send the header Authorization: Bearer <token>."),
        ("Basic dXNlcg==", "Token missing: send the header Authorization: Bearer <token>."),
        ("Bearer wrong", "The API token is not valid."),
        ("Bearer full-token-", "The API token is not valid."),
        (f"Bearer {sha('full-token')}", "The API token is not valid."),
        ("Bearer \udce4", "The API token is not valid."),
    ],
)
def test_without_a_good_token(api, header, message):
    """A missing or wrong token is 401 in the reference's shape, whatever the route."""
    headers = {"authorization": header} if header is not None else {}
    for method, path in (("GET", SYNCS), ("POST", CONNECTIONS), ("GET", "/api/v1/nothing")):
        reply = api.reply(method, path, token=None, headers=headers)
        assert reply.headers == {"WWW-Authenticate": "Bearer"}
        told = refused(api, 401, "UnauthorizedError", method, path, token=None, headers=headers)
        assert told == message


def test_the_scheme_is_not_case_sensitive(api):
    """`bearer` is as good as `Bearer`."""
    headers = {"authorization": "bearer full-token"}
    assert api.call("GET", f"{SYNCS}", token=None, headers=headers, projectId="x")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", SYNCS, body()),
        ("PATCH", f"{SYNCS}/{UNKNOWN}", {}),
        ("DELETE", f"{SYNCS}/{UNKNOWN}", None),
        ("POST", f"{SYNCS}/{UNKNOWN}/sync-secrets", None),
        ("POST", f"{SYNCS}/{UNKNOWN}/import-secrets", None),
        ("POST", f"{SYNCS}/{UNKNOWN}/remove-secrets", None),
        ("POST", CONNECTIONS, {}),
        ("PATCH", f"{CONNECTIONS}/{UNKNOWN}", {}),
        ("DELETE", f"{CONNECTIONS}/{UNKNOWN}", None),
    ],
)
def test_a_reading_token_changes_nothing(api, method, path, data):
    """A token of role read may GET and plan; everything else is 403, before anything is looked up."""
    told = refused(api, 403, "PermissionDenied", method, path, data, token=READ_TOKEN)
    assert told == "This API token may only read."


def test_a_reading_token_reads(api):
    """A token of role read may list, look and plan."""
    for method, path in (("GET", f"{SYNCS}/{UNKNOWN}"), ("POST", f"{SYNCS}/{UNKNOWN}/plan")):
        assert api.call(method, path, token=READ_TOKEN)[0] == 404
    assert api.call("GET", SYNCS, token=READ_TOKEN, projectId=PROJECT)[0] == 200


def test_wrong_tokens_are_counted_not_shown(api, caplog):
    """Wrong tokens are counted in the log by the minute; the tokens are not in it."""
    fresh = api.make_app()
    with caplog.at_level(logging.INFO):
        for _ in range(12):
            api.call("GET", SYNCS, token="secret-guess", app=fresh)
    counts = [line for line in caplog.messages if line.startswith("wrong API tokens")]
    assert counts == ["wrong API tokens in this minute: 1", "wrong API tokens in this minute: 10"]
    assert "secret-guess" not in caplog.text


def test_cors_is_off(api):
    """A browser's preflight is refused, and no answer allows an origin."""
    assert api.call("OPTIONS", SYNCS, headers={"origin": "https://x"})[0] == 405
    assert not api.reply("GET", SYNCS, headers={"origin": "https://x"}, projectId="x").headers


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("GET", f"{SYNCS}/{UNKNOWN}", None),
        ("GET", f"{SYNCS}/{UNKNOWN}/runs", None),
        ("PATCH", f"{SYNCS}/{UNKNOWN}", {"name": "x"}),
        ("DELETE", f"{SYNCS}/{UNKNOWN}", None),
        ("POST", f"{SYNCS}/{UNKNOWN}/sync-secrets", None),
        ("POST", f"{SYNCS}/{UNKNOWN}/remove-secrets", None),
        ("POST", f"{SYNCS}/{UNKNOWN}/plan", None),
    ],
)
def test_an_unknown_sync(api, method, path, data):
    """A sync that is not there is 404, with the reference's message."""
    told = refused(api, 404, "NotFound", method, path, data)
    assert told == f'Could not find OCI Vault Sync with ID "{UNKNOWN}"'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1/secret-syncs/oci-vault/sync-name"),
        ("GET", f"{SYNCS}/{UNKNOWN}/nothing"),
        ("GET", f"{SYNCS}//runs"),
    ],
)
def test_an_unknown_route(api, method, path):
    """A route that is not there is 404."""
    if path.endswith("sync-name"):
        refused(api, 422, "ValidationFailure", method, path)
    else:
        refused(api, 404, "NotFound", method, path)


def test_another_destination(api):
    """Syncs of another destination type are 400, by path and by body."""
    for path in ("aws-parameter-store", f"github/{UNKNOWN}"):
        refused(api, 400, "BadRequest", "GET", f"/api/v1/secret-syncs/{path}")
    told = refused(api, 400, "BadRequest", "POST", SYNCS, body(destination="github"))
    assert "oci-vault" in told


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", SYNCS, "GET, POST"),
        ("GET", f"{SYNCS}/check-destination", "POST"),
        ("POST", f"{SYNCS}/{UNKNOWN}", "DELETE, GET, PATCH"),
        ("GET", f"{SYNCS}/{UNKNOWN}/sync-secrets", "POST"),
        ("DELETE", "/api/v1/openapi.json", "GET"),
        ("POST", "/healthz", "GET"),
    ],
)
def test_a_wrong_method(api, method, path, allowed):
    """A route that does not know the method is 405 and says which it knows."""
    refused(api, 405, "MethodNotAllowed", method, path)
    assert api.reply(method, path).headers == {"Allow": allowed}


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 422),
        (b"\xff{}", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json; charset=utf-8", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b'{"name": "\\ud800"}', "application/json", 422),
        (b'{"a": ' * 900 + b"1" + b"}" * 900, "application/json", 422),
    ],
)
def test_a_body_that_is_no_json_object(api, raw, kind, status):
    """A body that is no JSON object, or is said to be something else, is refused and not echoed."""
    got, answer = api.call("POST", SYNCS, raw, headers={"content-type": kind})
    assert got == status
    assert answer["statusCode"] == status


PASTED = "pasted-Value!"
"""A value where another thing belongs; it must not come back."""


@pytest.mark.parametrize(
    ("field", "value", "path", "rule"),
    [
        ("name", PASTED, ["name"], "can only contain lowercase letters"),
        ("name", "", ["name"], "at least 1 lowercase"),
        ("name", "a" * 257, ["name"], "at most 256"),
        ("name", 5, ["name"], "valid string"),
        ("name", None, ["name"], "valid string"),
        ("projectId", PASTED, ["projectId"], "match pattern"),
        ("projectId", "", ["projectId"], "match pattern"),
        ("projectId", "a/b", ["projectId"], "match pattern"),
        ("description", "d" * 257, ["description"], "at most 256"),
        ("description", 5, ["description"], "valid string"),
        ("connectionId", PASTED, ["connectionId"], "Invalid uuid"),
        ("environment", PASTED, ["environment"], "can only contain lowercase letters"),
        ("environment", "e" * 65, ["environment"], "at most 64"),
        ("secretPath", "", ["secretPath"], "Secret path required"),
        ("secretPath", PASTED, ["secretPath"], "begin with a slash"),
        ("isAutoSyncEnabled", PASTED, ["isAutoSyncEnabled"], "valid boolean"),
        ("isAutoSyncEnabled", 1, ["isAutoSyncEnabled"], "valid boolean"),
        ("isEnabled", PASTED, ["isAutoSyncEnabled"], "valid boolean"),
        ("syncOptions", PASTED, ["syncOptions"], "object"),
        ("syncOptions", {}, ["syncOptions", "initialSyncBehavior"], "required"),
        ("initialSyncBehavior", PASTED, None, "overwrite-destination"),
        ("keySchema", PASTED, None, "{{secretKey}}"),
        ("keySchema", "A.{{secretKey}}", None, "{{secretKey}}"),
        ("keySchema", "{{secretKey}}" + "a" * 250, None, "at most 255"),
        ("keySchema", "{{folderPath}}{{secretKey}}", None, "followed by a dash or an underscore"),
        ("disableSecretDeletion", PASTED, None, "valid boolean"),
        ("includeAllSubFolders", PASTED, None, "valid boolean"),
        ("deletionDays", 0, None, "greater than or equal to 1"),
        ("deletionDays", 31, None, "less than or equal to 30"),
        ("deletionDays", "7", None, "valid integer"),
        ("blockingScope", PASTED, None, "'vault' or 'schema'"),
        ("destinationConfig", PASTED, ["destinationConfig"], "object"),
        ("compartmentOcid", PASTED, None, "Invalid Compartment OCID format"),
        ("compartmentOcid", "", None, "Compartment OCID required"),
        ("vaultOcid", PASTED, None, "Invalid Vault OCID format"),
        ("vaultOcid", "", None, "Vault OCID required"),
        ("keyOcid", PASTED, None, "Invalid Key OCID format"),
        ("keyOcid", "", None, "Key OCID required"),
    ],
)
def test_each_field_wrong_in_turn(api, field, value, path, rule):
    """A field that breaks a rule is 422 with its path and the rule, never with what was given."""
    if field in DESTINATION:
        path, data = (
            ["destinationConfig", field],
            {"destinationConfig": {**DESTINATION, field: value}},
        )
    elif path is None:
        path, data = ["syncOptions", field], {"syncOptions": {**OPTIONS, field: value}}
    else:
        data = {field: value}
    issues = refused(api, 422, "ValidationFailure", "POST", SYNCS, body(**data))
    (issue,) = issues
    assert set(issue) == {"code", "path", "message"}
    assert issue["path"] == path
    assert rule in issue["message"]
    assert PASTED not in json.dumps(issues)


@pytest.mark.parametrize("field", ["name", "projectId", "environment", "secretPath", "syncOptions"])
def test_each_missing_field(api, field):
    """A required field that is missing is named."""
    sent = body()
    del sent[field]
    (issue,) = refused(api, 422, "ValidationFailure", "POST", SYNCS, sent)
    assert (issue["path"], issue["code"]) == ([field], "missing")


def test_several_fields_are_told_at_once(api):
    """All faults of a request are listed."""
    issues = refused(api, 422, "ValidationFailure", "POST", SYNCS, {"projectId": "p"})
    assert {tuple(issue["path"]) for issue in issues} == {
        *(("name",), ("environment",), ("secretPath",)),
        *(("syncOptions",), ("destinationConfig",)),
    }


def test_sub_folders_go_with_overwriting_only(api):
    """`includeAllSubFolders` is refused beside an import behaviour."""
    options = {"initialSyncBehavior": "import-prioritize-source", "includeAllSubFolders": True}
    (issue,) = refused(api, 422, "ValidationFailure", "POST", SYNCS, body(syncOptions=options))
    assert issue["message"] == (
        "includeAllSubFolders requires initialSyncBehavior overwrite-destination"
    )


def test_a_bundle_is_of_one_folder(api):
    """A bundle is refused beside an import behaviour, beside sub-folders, and where nothing may be deleted."""
    for options, why in (
        (
            {"initialSyncBehavior": "import-prioritize-source"},
            "bundle requires initialSyncBehavior",
        ),
        (
            {"initialSyncBehavior": "overwrite-destination", "includeAllSubFolders": True},
            "bundle holds the keys of one folder: not with includeAllSubFolders",
        ),
        (
            {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True},
            "bundle holds what the source holds: not with disableSecretDeletion",
        ),
    ):
        sent = body(syncOptions={**options, "bundle": {"name": "app"}})
        (issue,) = refused(api, 422, "ValidationFailure", "POST", SYNCS, sent)
        assert issue["message"].startswith(why)


@pytest.mark.parametrize(
    ("method", "path", "query", "name"),
    [
        ("GET", SYNCS, {"projectId": ""}, "projectId"),
        ("GET", f"{SYNCS}/{PASTED}", {}, "syncId"),
        ("GET", f"{SYNCS}/sync-name/x", {}, "projectId"),
        ("DELETE", f"{SYNCS}/{UNKNOWN}", {"removeSecrets": "yes"}, "removeSecrets"),
        ("POST", f"{SYNCS}/{UNKNOWN}/import-secrets", {}, "importBehavior"),
        ("POST", f"{SYNCS}/{UNKNOWN}/import-secrets", {"importBehavior": PASTED}, "importBehavior"),
        ("POST", f"{SYNCS}/{UNKNOWN}/sync-secrets", {"force": "yes"}, "force"),
        ("GET", f"{CONNECTIONS}/{UNKNOWN}/vaults", {}, "compartmentOcid"),
        ("GET", f"{CONNECTIONS}/{UNKNOWN}/vault-keys", {"vaultOcid": PASTED}, "vaultOcid"),
    ],
)
def test_parameters_that_break_a_rule(api, method, path, query, name):
    """A parameter of path or query that is missing or wrong is 422 with its name."""
    issues = refused(api, 422, "ValidationFailure", method, path, **query)
    assert [name] in [issue["path"] for issue in issues]
    assert PASTED not in json.dumps(issues)


def test_a_name_that_is_not_there_is_not_echoed(api):
    """What was asked for as a name is not repeated: somebody may have pasted a value."""
    path = f"{SYNCS}/sync-name/hunter2-is-a-value"
    told = refused(api, 404, "NotFound", "GET", path, projectId="p")
    assert "hunter2" not in told


def test_too_large_a_body(api):
    """A body of 7 MB is refused."""
    with pytest.raises(Exception, match="larger than") as caught:
        api.call("POST", SYNCS, b" " * 7_000_000)
    assert type(caught.value).__name__ == "InvalidInput"


@pytest.mark.parametrize(
    ("operation", "name"), [("ListObjects", "store"), ("GetStats", "queue"), (None, "source")]
)
def test_health_names_what_is_not_well(api, operation, name):
    """`/healthz` needs no token; it is 503 and names what does not answer, and nothing else."""
    app = api.make_app()
    assert api.ok("GET", "/healthz", token=None, app=app) == {"status": "ok"}
    app._api.health._checked_at -= HEALTH_SECONDS
    if operation:
        fault = Fault(operation, status=404, code="NotAuthorizedOrNotFound", message="details")
        api.cloud.faults.append(fault)
    else:
        api.infisical.expire_tokens()
        api.infisical.client_secret, secret = "rotated", api.infisical.client_secret
    try:
        told = refused(api, 503, "ServiceUnavailable", "GET", "/healthz", token=None, app=app)
    finally:
        api.cloud.faults.clear()
        if not operation:
            api.infisical.client_secret = secret
    assert told == f"Not healthy: {name}."


def test_health_is_asked_for_by_anybody(api):
    """However often `/healthz` is called, what it calls itself is called once in 15 seconds."""
    app = api.make_app()
    api.cloud.faults.append(Fault("GetStats", status=404, code="NotAuthorizedOrNotFound"))
    try:
        answers = [api.call("GET", "/healthz", token=None, app=app)[0] for _ in range(3)]
    finally:
        api.cloud.faults.clear()
    answers.append(api.call("GET", "/healthz", token=None, app=app)[0])
    app._api.health._checked_at -= HEALTH_SECONDS
    api.cloud.reset_calls()
    answers += [api.call("GET", "/healthz", token=None, app=app)[0] for _ in range(3)]
    assert answers == [503] * 4 + [200] * 3
    assert (api.cloud.count("GetStats"), api.cloud.count("ListObjects")) == (1, 1)


def test_what_oci_refuses_is_not_blamed_on_the_caller(api):
    """A store that refuses the function is 502: it is no answer to the caller's token or path."""
    api.cloud.faults.append(Fault("ListObjects", status=401, code="NotAuthenticated"))
    try:
        refused(api, 502, "BadGateway", "GET", SYNCS, projectId="p")
    finally:
        api.cloud.faults.clear()
