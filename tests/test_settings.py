import base64
import json

import pytest

from functions.credentials import Credentials, CredentialsKeeper, parse_credentials
from functions.errors import InvalidSettings
from functions.settings import load_settings
from tests.support.virtual_time import VirtualClock

REQUIRED = {
    "SOURCE_URL": "https://app.infisical.com/",
    "CONFIG_STORE": "oci://bucket@namespace/prefix",
    "QUEUE_OCID": "ocid1.queue.oc1.eu-frankfurt-1.x",
    "QUEUE_ENDPOINT": "https://cell-1.queue.messaging.eu-frankfurt-1.oci.oraclecloud.com",
    "CREDENTIALS_SECRET_OCID": "ocid1.vaultsecret.oc1.eu-frankfurt-1.x",
}
KEY = base64.b64encode(bytes(range(32))).decode()
CREDENTIALS = {"clientId": "id", "clientSecret": "geheim", "digestKey": KEY}


def load(**changes):
    """Load good settings with these changes."""
    return load_settings({**REQUIRED, **changes})


def fault(**changes):
    """Return what is said about wrong settings."""
    with pytest.raises(InvalidSettings) as caught:
        load(**changes)
    return str(caught.value)


def test_defaults():
    """Five variables are enough; the others have the defaults of the configuration contract."""
    settings = load()
    assert settings.source_url == "https://app.infisical.com"
    assert settings.source_kind == "infisical"
    assert settings.oci_auth == "resource_principal"
    assert settings.reconcile_interval_seconds == 3600
    assert (settings.max_workers, settings.vault_concurrency) == (4, 8)
    assert settings.log_level == "INFO"
    assert settings.function_ocid is settings.notification_topic_ocid is None
    assert settings.metrics_namespace is settings.oci_endpoint is None


def test_everything_is_missing():
    """One message names every variable that is missing."""
    with pytest.raises(InvalidSettings) as caught:
        load_settings({})
    for name in ("SOURCE_URL", "CONFIG_STORE", "QUEUE_OCID", "QUEUE_ENDPOINT"):
        assert f"{name}: Field required" in str(caught.value)


def test_an_empty_variable_is_a_missing_one():
    """A variable that is set to nothing counts as not set."""
    assert "SOURCE_URL: Field required" in fault(SOURCE_URL="")
    assert load(MAX_WORKERS="", LOG_LEVEL="").max_workers == 4


@pytest.mark.parametrize("around", [" {}", "{}\n", "\t{} \r\n"])
def test_blanks_around_a_variable(around):
    """Blanks and newlines around a value are no part of it: they come with pasting."""
    padded = {name: around.format(value) for name, value in REQUIRED.items()}
    assert load(**padded, MAX_WORKERS=around.format(7)) == load(MAX_WORKERS="7")
    assert "SOURCE_URL: Field required" in fault(SOURCE_URL=around.format(""))


def test_variables_of_others_do_not_matter():
    """The many other variables of a container are ignored."""
    assert load(PATH="/bin", FN_APP_ID="x", AWS_REGION="x") == load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOURCE_URL", "ftp://geheim"),
        ("SOURCE_URL", "https://"),
        ("SOURCE_URL", "https://geheim?x=1"),
        ("SOURCE_URL", "https://user:geheim@host"),
        ("SOURCE_KIND", "geheim"),
        ("CONFIG_STORE", "geheim://bucket"),
        ("CONFIG_STORE", "oci://bucket/geheim"),
        ("CONFIG_STORE", "s3://"),
        ("QUEUE_OCID", "ocid1.topic.geheim"),
        ("QUEUE_ENDPOINT", "geheim"),
        ("CREDENTIALS_SECRET_OCID", "ocid1.secret.geheim"),
        ("OCI_AUTH", "geheim"),
        ("OCI_ENDPOINT", "geheim"),
        ("RECONCILE_INTERVAL_SECONDS", "59"),
        ("RECONCILE_INTERVAL_SECONDS", "geheim"),
        ("MAX_WORKERS", "-1"),
        ("MAX_WORKERS", "101"),
        ("VAULT_CONCURRENCY", "0"),
        ("VAULT_CONCURRENCY", "65"),
        ("METRICS_NAMESPACE", "oci_geheim"),
        ("METRICS_NAMESPACE", "geheim-dash"),
        ("LOG_LEVEL", "geheim"),
        ("SOURCE_CA_SECRET_OCID", "ocid1.secret.geheim"),
        ("SOURCE_PROXY", "socks5://geheim:1"),
        ("SOURCE_PROXY", "http://mary:geheim@proxy:1"),
        ("SOURCE_TIMEOUT_SECONDS", "0"),
        ("SOURCE_TIMEOUT_SECONDS", "31"),
        ("SECRET_TAGS", "geheim"),
        ("SECRET_TAGS", '{"geheim": {}}'),
        ("SECRET_TAGS", '{"freeformTags": {"oci-vault-sync": "geheim"}}'),
        ("SECRET_TAGS", json.dumps({"freeformTags": dict.fromkeys("abcdefghi", "geheim")})),
        ("SECRET_TAGS", '{"definedTags": {"geheim.a": {"b": "c"}}}'),
        ("SECRET_TAGS", json.dumps({"freeformTags": {"a": "geheim" * 50}})),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(name, value):
    """A wrong setting is named with the rule that it breaks, never with its value."""
    said = fault(**{name: value})
    assert f"{name}: " in said
    assert "geheim" not in said


def test_all_faults_at_once():
    """All faults are in one message."""
    said = fault(MAX_WORKERS="x", LOG_LEVEL="x", SOURCE_URL="x")
    assert all(name in said for name in ("MAX_WORKERS", "LOG_LEVEL", "SOURCE_URL"))


@pytest.mark.parametrize(
    "store", ["oci://b@n", "oci://b@n/", "oci://b@n/p/q", "s3://b", "s3://b/p"]
)
def test_config_stores(store):
    """A config store is a bucket of OCI or S3, with or without a prefix."""
    assert load(CONFIG_STORE=store).config_store == store


def test_one_place_of_credentials():
    """Credentials come from a vault secret or a file: exactly one of the two is set."""
    assert "set one of CREDENTIALS_SECRET_OCID" in fault(CREDENTIALS_SECRET_OCID="")
    assert "set one of CREDENTIALS_SECRET_OCID" in fault(CREDENTIALS_FILE="x")
    assert load(CREDENTIALS_SECRET_OCID="", CREDENTIALS_FILE="x").credentials_file == "x"


def test_one_place_of_certificates():
    """Certificates of a private CA come from a vault secret or a file, not from both."""
    both = {"SOURCE_CA_SECRET_OCID": "ocid1.vaultsecret.oc1..a", "SOURCE_CA_FILE": "x"}
    assert "set one of SOURCE_CA_SECRET_OCID" in fault(**both)
    assert load(SOURCE_CA_FILE="x").source_ca_file == "x"


def test_the_function_knows_itself():
    """The platform tells the function its own OCID; a setting of one's own comes first."""
    assert load(FN_FN_ID="ocid1.fnfunc.a").function_ocid == "ocid1.fnfunc.a"
    both = load(FN_FN_ID="ocid1.fnfunc.a", FUNCTION_OCID="ocid1.fnfunc.b")
    assert both.function_ocid == "ocid1.fnfunc.b"


def parse(**changes):
    """Parse good credentials with these changes."""
    return parse_credentials(json.dumps({**CREDENTIALS, **changes}).encode())


def test_credentials():
    """The credentials JSON holds lists that may be rotated and a key of 32 bytes."""
    token = "ab" * 32
    found = parse(
        webhookSecrets=["a", "b"],
        apiTokenHashes=[token.upper(), {"sha256": token, "role": "read"}],
    )
    assert isinstance(found, Credentials)
    assert [secret.get_secret_value() for secret in found.webhook_secrets] == ["a", "b"]
    assert {entry.sha256 for entry in found.api_token_hashes} == {token}
    assert [entry.role for entry in found.api_token_hashes] == ["full", "read"]
    assert found.digest_key.get_secret_value() == bytes(range(32))
    assert "geheim" not in repr(found)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"clientId": ""}, "clientId"),
        ({"clientSecret": None}, "clientSecret"),
        ({"clientSecret": ""}, "clientSecret"),
        ({"webhookSecrets": ["geheim", " "]}, "webhookSecrets.1"),
        ({"digestKey": "geheim"}, "digestKey"),
        ({"digestKey": base64.b64encode(b"short").decode()}, "digestKey"),
        ({"digestKey": 5}, "digestKey"),
        ({"webhookSecrets": "geheim"}, "webhookSecrets"),
        ({"apiTokenHashes": ["geheim"]}, "apiTokenHashes"),
        ({"apiTokenHashes": [{"sha256": "ab" * 32, "role": "geheim"}]}, "apiTokenHashes"),
        ({"geheimnis": 1}, "geheimnis"),
        *(
            ({"sourceHeaders": {name: "geheim"}}, "sourceHeaders")
            for name in (
                *("Authorization", "host", "Content-Type", "Cookie", "Connection", "te"),
                *("Transfer-Encoding", "Proxy-Authorization", "", "a b", "a:", "ä", "a\n"),
            )
        ),
        *(
            ({"sourceHeaders": {"X-Door": value}}, "sourceHeaders.X-Door")
            for value in ("", "geheim\r\nX: y", "geheim\n", " geheim", "geheim\0", "gehäim", None)
        ),
        ({"organizationSlug": ""}, "organizationSlug"),
        ({"sourceProxyPassword": 5}, "sourceProxyPassword"),
    ],
)
def test_wrong_credentials(changes, named):
    """Wrong credentials are told by field and rule, never by content."""
    with pytest.raises(InvalidSettings, match=named) as caught:
        parse(**changes)
    assert "geheim" not in str(caught.value).replace("geheimnis", "")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"", b"geheim", b"[]", b"\xff"])
def test_credentials_that_are_no_json(body):
    """Credentials that are no JSON object are refused without quoting them."""
    with pytest.raises(InvalidSettings, match="credentials JSON is wrong") as caught:
        parse_credentials(body)
    assert "geheim" not in str(caught.value)


def test_how_long_credentials_are_kept():
    """Credentials are read again after ten minutes, and at most once a minute when one was refused."""
    clock, reads = VirtualClock(), []

    def fetch():
        reads.append(clock.seconds)
        return json.dumps(CREDENTIALS).encode()

    keeper = CredentialsKeeper(fetch, clock)
    for seconds, renew in [
        (0, True),
        (30, True),
        (61, False),
        (62, True),
        (600, False),
        (663, False),
    ]:
        clock.seconds = float(seconds)
        assert keeper.get(renew=renew).client_id == "id"
    assert reads == [0, 62, 663]
