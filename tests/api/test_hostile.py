"""What the careless and the ill-meaning meet at the management API."""

import json
import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from functions.plan.models import State
from infra.local.oci.traffic import Fault
from tests.support.api import CONNECTIONS, SYNCS, access_key, body, running_api

PASTED = "hunter2-a-pasted-value"
BY_HAND = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


def test_a_flood_of_wrong_tokens_does_not_fill_the_log(api, caplog):
    """A hundred wrong tokens in a minute are a few lines in the log, not a hundred."""
    caplog.set_level(logging.INFO)
    for _ in range(100):
        api.call("GET", SYNCS, token="wrong")
        api.call("GET", SYNCS, token=None)
    lines = [record for record in caplog.records if record.name.startswith("functions")]
    assert 1 <= len(lines) <= 6  # a new minute may begin


def test_who_may_not_enter_learns_nothing_of_the_credentials(api):
    """Where the credentials cannot be read, callers without a token are told no id and no words of OCI."""
    for fault in (
        Fault("GetSecretBundle", status=404, code="NotAuthorizedOrNotFound", message="details"),
        Fault("GetSecretBundle", status=500, code="InternalServerError", message="details"),
    ):
        api.cloud.faults[:] = [fault]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("functions.calls.retry.MOST_TRIES", 1)
            answers = [
                api.call("GET", SYNCS, token="wrong", app=api.make_app()),
                api.call("GET", "/healthz", token=None, app=api.make_app()),
            ]
        for status, answer in answers:
            assert status in (500, 503)
            assert "ocid1" not in answer["message"]
            assert "details" not in answer["message"]


def test_wrong_tokens_do_not_hammer_the_vault(api):
    """Where the credentials cannot be read again, a wrong token is 401, and one read a minute is tried."""
    api.ok("GET", SYNCS, projectId="p")
    api.app._keeper._fetched_at -= 100
    api.app._keeper._tried_at -= 100
    fault = Fault("GetSecretBundle", status=404, code="NotAuthorizedOrNotFound")
    api.cloud.faults.append(fault)
    api.cloud.reset_calls()
    assert {api.call("GET", SYNCS, token="wrong")[0] for _ in range(5)} == {401}
    assert api.cloud.count("GetSecretBundle") == 1
    api.ok("GET", SYNCS, projectId="p")


@pytest.mark.parametrize("field", ["environment", "projectId", "secretPath"])
def test_a_value_in_place_of_a_folder_is_not_echoed(api, field, caplog):
    """What names no folder is refused, and neither answered nor logged: it may be a pasted value."""
    wrong = f"/{PASTED}" if field == "secretPath" else PASTED
    status, answer = api.call("POST", SYNCS, body(**{field: wrong}))
    assert status == 400
    assert field in answer["message"]
    assert PASTED not in json.dumps(answer) + caplog.text


def test_a_key_that_oci_does_not_sign_with(api, tmp_path):
    """A private key of another kind than RSA is refused like any text that is no key."""
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    credentials = access_key(tmp_path)[0] | {"privateKey": pem}
    request = {"name": "c", "method": "access-key", "credentials": credentials}
    status, answer = api.call("POST", CONNECTIONS, request)
    assert status == 400
    assert "must be an RSA key in PEM" in answer["message"]


def test_the_key_of_a_wrong_connection_is_safe(api):
    """A slip in a connection object does not let a sync delete the private key that it names."""
    secret = api.vault.seed("key-by-hand", b"pem")
    wrong = {"id": BY_HAND, "name": "x", "method": "access-key", "region": "???"}
    api.store(f"connections/{BY_HAND}.json", wrong | {"privateKeySecretOcid": secret})
    api.create()
    assert api.vault.states()["key-by-hand"] == State.ACTIVE


def test_an_import_is_no_recovery_of_a_sync(api):
    """While a sync fails, an import or removal that succeeds is not told as its recovery."""
    row = api.create()
    path = f"{SYNCS}/{row['id']}"
    api.source.set("dev", "/api", "é", "a name that OCI refuses")
    for _ in range(2):
        api.ok("POST", f"{path}/sync-secrets")
        api.ok("POST", f"{path}/import-secrets", importBehavior="prioritize-source")
    assert [n.title for n in api.cloud.watch.notices] == ["Secret sync payments failed to sync"]


def test_a_sync_deleted_before_its_run_begins(api):
    """A sync that is deleted while its job is put on the queue writes nothing and leaves no trace."""
    row = api.create()
    api.source.set("dev", "/api", "LATER", "two")
    other = api.make_app()

    def delete(call):
        if call.operation == "PutMessages":
            api.cloud.before = lambda _call: None
            api.ok("DELETE", f"{SYNCS}/{row['id']}", app=other)

    api.cloud.before = delete
    answer = api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")["secretSync"]
    assert answer["syncStatus"] != "succeeded"
    assert api.live() == {"TOKEN": "one"}
    assert api.objects("status") + api.objects("verified") == []
