"""A source that the whole function reaches by a private CA and a proxy."""

import json

import pytest

from tests.support.network import PrivateCa, forward_proxy, went_through
from tests.support.world import function


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """A private CA."""
    return PrivateCa(tmp_path_factory.mktemp("ca"))


def outcome(reply):
    """What a command answered."""
    assert reply.status == 200, reply.body
    answer = json.loads(reply.body)
    return answer["outcome"], answer["message"] or ""


def sync_by(world, sync, **settings):
    """Sync once, by a function with these settings."""
    with function(world, **settings) as host:
        return outcome(host.call(json.dumps({"command": "sync", "sync": sync.name}).encode()))


def test_a_source_with_a_private_ca_behind_a_proxy(world, ca, tmp_path):
    """The CA of the vault secret and the proxy of the setting lead to the source; without the CA nowhere."""
    sync = world.sync(values={"A": "1"})
    secret = world.cloud.vault.seed("source-ca", ca.pem)
    with ca.serving(world.infisical._serve) as url, forward_proxy(tmp_path) as (port, log):
        proxy = f"http://127.0.0.1:{port}"
        refused, why = sync_by(world, sync, SOURCE_URL=url, SOURCE_PROXY=proxy)
        assert (refused, sync.live) == ("failed", {})
        assert "its certificate is not trusted" in why
        known = {"SOURCE_CA_SECRET_OCID": secret}
        done = sync_by(world, sync, SOURCE_URL=url, SOURCE_PROXY=proxy, **known)
        assert done == ("succeeded", "")
        assert sync.live == {"A": "1"}
        assert went_through(log, url)


def test_the_private_ca_is_out_of_reach(world, ca):
    """The secret that holds the CA is never changed or deleted by a sync of the whole vault."""
    sync = world.sync(values={"A": "1"}, vault="ocid1.vault.oc1.eu-frankfurt-1.local.vault")
    secret = world.cloud.vault.seed("out-of-reach", ca.pem)
    world.source.set("dev", sync.folder, "out-of-reach", "overwritten")
    sync_by(world, sync, SOURCE_CA_SECRET_OCID=secret)
    assert sync.live["out-of-reach"] == ca.pem.decode()
    assert "holds credentials of this function" in sync.status.runs[0].errors["out-of-reach"]


def test_a_ca_that_cannot_be_read(world):
    """A CA that is not there is an error of the settings which names the setting."""
    sync = world.sync(values={"A": "1"})
    with function(world, SOURCE_CA_SECRET_OCID="ocid1.vaultsecret.oc1.eu-frankfurt-1.gone") as host:
        reply = host.call(json.dumps({"command": "sync", "sync": sync.name}).encode())
    assert "SOURCE_CA_SECRET_OCID: absent, or this function may not read it" in reply.body.decode()
