import json

import pytest

from functions.errors import InvalidInput
from functions.plan.oci_connection import OWN_CONNECTION, Method, object_of, parse_connection

ID = "00000000-0000-4000-8000-000000000001"
NAME = f"connections/{ID}.json"
KEY = {
    "id": ID,
    "name": "other-tenancy",
    "app": "oci",
    "method": "access-key",
    "region": "eu-frankfurt-1",
    "tenancyOcid": "ocid1.tenancy.oc1..aaaa",
    "userOcid": "ocid1.user.oc1..bbbb",
    "fingerprint": ":".join(["0a"] * 16),
    "privateKeySecretOcid": "ocid1.vaultsecret.oc1.eu-frankfurt-1.aaaa",
}


def read(document, name=NAME):
    """Read a connection object."""
    return parse_connection(name, json.dumps(document).encode())


def test_a_connection_survives_storage():
    """A connection is stored under the API's names, and read back as the same connection."""
    connection = read(KEY)
    assert json.loads(connection.to_json()) == KEY | {"version": 1}
    assert connection.method == Method.ACCESS_KEY
    assert parse_connection(NAME, connection.to_json()) == connection
    assert parse_connection(object_of(OWN_CONNECTION.id), OWN_CONNECTION.to_json()) == (
        OWN_CONNECTION
    )


def test_a_principal_needs_no_key():
    """A connection by resource principal needs a name and nothing else."""
    made = read({"id": ID, "name": "own", "method": "resource-principal"})
    assert (made.app, made.region) == ("oci", None)


@pytest.mark.parametrize(
    "part", ["region", "tenancyOcid", "userOcid", "fingerprint", "privateKeySecretOcid"]
)
def test_an_access_key_is_whole(part):
    """A connection by access key names every part of it."""
    with pytest.raises(InvalidInput, match="an access-key needs region, tenancyOcid"):
        read({name: value for name, value in KEY.items() if name != part})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"region": "evil.example/x"}, "region: Region must look like eu-frankfurt-1"),
        ({"fingerprint": "HUNTER2"}, "fingerprint: Fingerprint must be 16 hex pairs"),
        ({"tenancyOcid": "ocid1.user.oc1..b"}, "tenancyOcid: Invalid Tenancy OCID format."),
        ({"userOcid": " "}, "userOcid: User OCID required"),
        ({"privateKeySecretOcid": "HUNTER2"}, "Must start with ocid1.vaultsecret.<realm>."),
        ({"privateKey": "HUNTER2"}, "privateKey: Extra inputs are not permitted"),
        ({"name": "a" * 65}, "name field must be at most 64 lowercase characters"),
        ({"id": "00000000-0000-4000-8000-000000000002"}, f"{NAME}: must be named connections/"),
    ],
)
def test_a_wrong_connection_is_explained_without_what_was_given(changes, why):
    """A connection that breaks a rule is refused with its object, field and rule, nothing given."""
    with pytest.raises(InvalidInput) as refusal:
        read(KEY | changes)
    assert str(refusal.value).startswith(NAME)
    assert why in str(refusal.value)
    assert "HUNTER2" not in str(refusal.value)
