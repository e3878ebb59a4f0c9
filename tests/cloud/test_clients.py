import os
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from oci.object_storage import ObjectStorageClient
from pydantic import SecretStr

from functions.calls.deadline import Gate
from functions.cloud.clients import Clients, vault_endpoint
from functions.cloud.identity import access_key, config_file, resource_principal
from functions.errors import InvalidInput, InvalidSettings, Temporary, Throttled, Unauthorized
from functions.vault import open_vault
from infra.local.oci.cloud import TENANCY_ID
from infra.local.oci.signature import fingerprint
from infra.local.principal import USER_ID, make_principal, public_key, write_config_file
from tests.support.clouds import DESTINATION, cloud_and_clients, function_identity
from tests.support.virtual_time import VirtualClock


@pytest.mark.parametrize(
    "how",
    [
        {"status": 429, "code": "TooManyRequests"},
        {"status": 503, "code": "ServiceUnavailable"},
        {"status": 500},
        {"status": 409, "code": "LockConflict"},
        {"drop": "request"},
        {"drop": "answer"},
    ],
)
def test_passing_troubles_are_survived(bench, how):
    """Refusals for the rate, server errors, locks and lost connections are tried again."""
    bench.sim.seed("KEY", b"x")
    bench.fail("ListSecrets", times=2, **how)
    assert [row.name for row in bench.vault.list()] == ["KEY"]
    assert bench.cloud.count("ListSecrets") == 3


def half():
    """No chance."""
    return 0.5


def test_lasting_troubles_are_told(bench):
    """A service that stays down is Temporary and named; other services are not shut off by it."""
    bench.fail("ListSecrets", status=503, code="ServiceUnavailable")
    secret_id = bench.sim.seed("KEY", b"x")
    for _ in range(3):
        with pytest.raises(Temporary, match=r"vault ocid1\.vault.*(503|CircuitBreaker)"):
            bench.vault.list()
    assert bench.vault.read(secret_id).version == 1


def test_retry_after_is_honoured(bench):
    """The wait that a 429 asks for is kept; one beyond the deadline is not begun."""
    bench.sim.seed("KEY", b"x")
    wait = {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "30"}}
    bench.fail("ListSecrets", times=1, **wait)
    bench.vault.list()
    assert bench.clock.monotonic() == pytest.approx(30)

    bench.fail("GetSecret", **wait)
    short = open_vault(DESTINATION, bench.clients.open(Gate(bench.clock, deadline=40)))
    with pytest.raises(Throttled):
        short.get("ocid1.vaultsecret.x")
    assert bench.clock.monotonic() == pytest.approx(30)


def test_threads_do_not_share_clients(bench):
    """Eight threads work side by side, each with a client of its own, kept for the next round."""
    ids = [bench.sim.seed(f"KEY_{number}", b"%d" % number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        bundles = list(pool.map(bench.vault.read, ids))
    assert [b.value.get_secret_value() for b in bundles] == [b"%d" % n for n in range(40)]
    assert sum(map(len, bench.clients._idle.values())) <= 8


def test_a_rejected_signature_is_unauthorized(tmp_path):
    """A signature that OCI rejects is Unauthorized, and is not tried again and again."""
    clock = VirtualClock()
    with cloud_and_clients(clock) as (cloud, _), patch.dict(os.environ, make_principal(tmp_path)):
        stranger = Clients(resource_principal(), clock, half, cloud.url)
        with pytest.raises(Unauthorized):
            open_vault(DESTINATION, stranger.open(Gate(clock, deadline=60))).list()


def test_a_person_signs_with_the_config_file(tmp_path):
    """On a person's machine the OCI config file is used, with an API key or a session token."""
    clock = VirtualClock()
    file = write_config_file(tmp_path)
    env = {"OCI_CONFIG_FILE": str(file)}
    with cloud_and_clients(clock) as (cloud, _):
        cloud.trust(public_key(tmp_path))
        for _ in range(2):
            clients = Clients(config_file(env), clock, half, cloud.url)
            vault = open_vault(DESTINATION, clients.open(Gate(clock, deadline=60)))
            assert vault.list() == []
            make_principal(tmp_path)
            with file.open("a") as lines:
                lines.write(f"security_token_file={tmp_path / 'rpst'}\n")


def test_a_connection_signs_with_its_own_key(tmp_path):
    """A sync with a connection reaches its vault by the connection's key."""
    clock = VirtualClock()
    make_principal(tmp_path)
    identity = access_key(
        tenancy=TENANCY_ID,
        user=USER_ID,
        fingerprint=fingerprint(public_key(tmp_path)),
        private_key=SecretStr((tmp_path / "key.pem").read_text()),
        region="eu-frankfurt-1",
    )
    with cloud_and_clients(clock) as (cloud, _):
        cloud.trust(public_key(tmp_path))
        connection = Clients(identity, clock, half, cloud.url)
        assert open_vault(DESTINATION, connection.open(Gate(clock, deadline=60))).list() == []


def test_unusable_identities_say_what_to_set(tmp_path):
    """A missing principal, config file or an unreadable key is named, and the key is not shown."""
    with patch.dict(os.environ, clear=True), pytest.raises(InvalidSettings, match="OCI_AUTH"):
        resource_principal()
    with pytest.raises(InvalidSettings, match="OCI_CONFIG_FILE"):
        config_file({"OCI_CONFIG_FILE": str(tmp_path / "none")})
    with pytest.raises(InvalidInput, match="private key") as caught:
        access_key(
            tenancy=TENANCY_ID,
            user=USER_ID,
            fingerprint=":".join(["00"] * 16),
            private_key=SecretStr("-----BEGIN PRIVATE KEY-----\nhunter2"),
            region="eu-frankfurt-1",
        )
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("ocid", "host"),
    [
        ("ocid1.vault.oc1.iad.abc.def", "vaults.us-ashburn-1.oci.oraclecloud.com"),
        ("ocid1.vault.oc1.eu-frankfurt-1.abc.def", "vaults.eu-frankfurt-1.oci.oraclecloud.com"),
        ("ocid1.vault.oc1.xx-newtown-9.abc.def", "vaults.xx-newtown-9.oci.oraclecloud.com"),
        ("ocid1.vault.oc19.eu-frankfurt-2.abc.def", "vaults.eu-frankfurt-2.oci.oraclecloud.eu"),
        ("ocid1.vault.oc4.ltn.abc.def", "vaults.uk-gov-london-1.oci.oraclegovcloud.uk"),
    ],
)
def test_a_vault_is_reached_in_its_own_realm_and_region(ocid, host):
    """The endpoint of a vault follows the realm and region in its OCID."""
    assert vault_endpoint(ocid, "vaults") == f"https://{host}"


@pytest.mark.parametrize(
    "ocid", ["ocid1.vault.oc1..abc", "ocid1.vault.oc999.iad.abc", "ocid1.vault.oc1.a/b@c.x", "x"]
)
def test_a_strange_vault_is_not_called(ocid):
    """An OCID without a known realm and a proper region leads nowhere."""
    with pytest.raises(InvalidInput, match="realm and region"):
        vault_endpoint(ocid, "vaults")


def test_without_an_override_each_service_has_its_own_endpoint():
    """Calls go to the endpoint given, else to the region of the identity; one override wins."""
    identity, _ = function_identity()

    def endpoint_of(clients, endpoint=None):
        return clients.call(
            ObjectStorageClient,
            lambda client: client.base_client.get_endpoint(),
            what="x",
            endpoint=endpoint,
        )

    clients = Clients(identity, VirtualClock(), half)
    assert endpoint_of(clients) == "https://objectstorage.eu-frankfurt-1.oraclecloud.com"
    assert endpoint_of(clients, "https://other.example.com") == "https://other.example.com"
    local = Clients(identity, VirtualClock(), half, "http://127.0.0.1:4599")
    assert endpoint_of(local, "https://other.example.com") == "http://127.0.0.1:4599"


def test_what_the_environment_says_of_proxies_and_authorities_holds(monkeypatch):
    """A client goes by HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE, read once when it is built."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "objectstorage.eu-frankfurt-1.oraclecloud.com")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ca.pem")
    identity, _ = function_identity()
    clients = Clients(identity, VirtualClock(), half)

    def session(service):
        endpoint = f"https://{service}.eu-frankfurt-1.oraclecloud.com"
        return clients._build(ObjectStorageClient, endpoint).base_client.session

    assert session("vaults").proxies["https"] == "http://proxy.example:3128"
    assert session("objectstorage").proxies == {}
    assert session("vaults").verify == "/etc/ca.pem"
    assert not session("vaults").trust_env
