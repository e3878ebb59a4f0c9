import json
import subprocess
import sys
from pathlib import Path

import oci
import pytest
from oci.exceptions import RequestException

from infra.local.oci.cloud import COMPARTMENT_ID, FUNCTION_ID, TENANCY_ID, TOPIC_ID
from infra.local.oci.traffic import Fault
from infra.local.principal import make_principal, public_key, write_config_file
from tests.support.local_oci import client, create, refused, update


def test_a_request_must_be_signed_by_a_trusted_key(cloud, monkeypatch, tmp_path):
    """Whoever is not trusted is answered 401, and nothing is done."""
    for name, value in make_principal(tmp_path).items():
        monkeypatch.setenv(name, value)
    stranger = client(
        oci.vault.VaultsClient, cloud, oci.auth.signers.get_resource_principals_signer()
    )
    assert refused(create, stranger, "A") == (401, "NotAuthenticated")
    assert cloud.vault.live() == {}
    cloud.trust(public_key(tmp_path))
    create(stranger, "A")


def test_a_changed_body_is_refused(cloud, vaults):
    """A body that is not the one that was signed is answered 401."""
    sign = vaults.base_client.signer

    def tamper(request):
        signed = sign(request)
        signed.body = signed.body.replace(COMPARTMENT_ID, COMPARTMENT_ID.upper())
        return signed

    vaults.base_client.signer = tamper
    assert refused(create, vaults, "A") == (401, "NotAuthenticated")


def test_a_user_with_an_api_key_is_accepted(cloud, tmp_path):
    """A config file's user is known by the fingerprint of the key."""
    config = oci.config.from_file(str(write_config_file(tmp_path)))
    vaults = client(oci.vault.VaultsClient, cloud, config=config)
    assert refused(vaults.list_secrets, COMPARTMENT_ID) == (401, "NotAuthenticated")
    cloud.trust(public_key(tmp_path))
    assert vaults.list_secrets(COMPARTMENT_ID).data == []


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="oci-cli cannot be installed on this Python"
)
def test_the_oci_command_works(cloud, tmp_path):
    """The real oci-cli lists secrets of the simulated vault."""
    cloud.trust(public_key(tmp_path))
    cloud.vault.seed("A", b"x")
    command = [
        str(Path(sys.executable).parent / "oci"),
        "--config-file",
        str(write_config_file(tmp_path)),
    ]
    command += ["--endpoint", cloud.url, "vault", "secret", "list", "-c", COMPARTMENT_ID]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert [row["secret-name"] for row in json.loads(done.stdout)["data"]] == ["A"]


def test_calls_are_logged_by_operation_and_name(cloud, vaults):
    """Each call is logged with its operation and the name of the secret that it is about."""
    secret_id = create(vaults, "A").data.id
    update(vaults, secret_id, b"two")
    create(vaults, "B")
    assert [(call.operation, call.name_or_id) for call in cloud.calls] == [
        ("CreateSecret", "A"),
        ("UpdateSecret", "A"),
        ("CreateSecret", "B"),
    ]
    assert (cloud.count("CreateSecret"), cloud.count("CreateSecret", "B")) == (2, 1)
    cloud.reset_calls()
    assert cloud.calls == []


def test_a_fault_answers_an_error_for_chosen_calls(cloud, vaults):
    """A fault strikes the n-th matching call only, so many times, and nothing is done then."""
    cloud.faults.append(
        Fault(
            "CreateSecret",
            status=503,
            code="ServiceUnavailable",
            headers={"retry-after": "7"},
            nth=2,
            times=1,
            when=lambda call: call.name_or_id != "A",
        )
    )
    for name in ("A", "B"):
        create(vaults, name)
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        create(vaults, "C")
    assert (caught.value.status, caught.value.headers["retry-after"]) == (503, "7")
    create(vaults, "D")
    assert cloud.vault.live().keys() == {"A", "B", "D"}


@pytest.mark.parametrize(("lost", "made"), [("request", set()), ("answer", {"A"})])
def test_a_connection_may_drop_before_or_after_the_work(cloud, vaults, lost, made):
    """A lost request was not carried out, a lost answer was."""
    cloud.faults.append(Fault("*", drop=lost, times=1))
    with pytest.raises(RequestException):
        create(vaults, "A")
    assert cloud.vault.live().keys() == made
    vaults.list_secrets(COMPARTMENT_ID)


def test_calls_take_time(cloud, clock, vaults):
    """Latency and delays pass on the clock that the cloud was given."""
    cloud.latency_seconds = 0.1
    cloud.faults.append(Fault("ListSecrets", delay_seconds=5))
    create(vaults, "A")
    assert clock.monotonic() == pytest.approx(0.1)
    vaults.list_secrets(COMPARTMENT_ID)
    assert clock.monotonic() == pytest.approx(5.2)


def test_rates_are_limited_by_family(cloud, clock, vaults):
    """Beyond its rate a family of operations answers 429; others are free, and time heals."""
    cloud.rate_limits["write"] = 2
    for name in ("A", "B"):
        create(vaults, name)
    assert refused(create, vaults, "C") == (429, "TooManyRequests")
    vaults.list_secrets(COMPARTMENT_ID)
    clock.sleep(0.5)
    create(vaults, "C")
    assert refused(create, vaults, "D")[0] == 429


def test_hooks_see_each_call_before_and_after_the_work(cloud, vaults):
    """A hook runs before the work and another after it, before the answer leaves."""
    seen = []
    cloud.before = lambda call: seen.append((call.operation, len(cloud.vault.live())))
    cloud.after = lambda call: seen.append((call.operation, len(cloud.vault.live())))
    create(vaults, "A")
    assert seen == [("CreateSecret", 0), ("CreateSecret", 1)]


def test_a_hook_may_drop_the_connection(cloud, vaults):
    """A ConnectionError raised by a hook ends the connection."""

    def crash(_call):
        raise ConnectionError

    cloud.before = crash
    with pytest.raises(RequestException):
        create(vaults, "A")
    assert cloud.vault.live() == {}


def test_a_stopped_cloud_answers_nothing_but_forgets_nothing(cloud, vaults):
    """Stopping closes kept-alive connections too; what was stored is there after a new start."""
    create(vaults, "A")
    cloud.stop()
    with pytest.raises(RequestException):
        vaults.list_secrets(COMPARTMENT_ID)
    cloud.start()
    assert len(client(oci.vault.VaultsClient, cloud).list_secrets(COMPARTMENT_ID).data) == 1


def test_an_unknown_path_is_not_found(cloud):
    """What no simulator knows answers 404."""
    streams = client(oci.streaming.StreamAdminClient, cloud)
    assert refused(streams.get_stream, "ocid1.stream") == (404, "NotFound")


def test_functions_are_invoked(cloud):
    """A function is looked up and invoked at its endpoint; a detached call answers 202."""
    got = []

    def invoked(function_id, body, detached):
        got.append((function_id, body, detached))
        return b"pong"

    cloud.functions.on_invoke = invoked
    management = client(oci.functions.FunctionsManagementClient, cloud)
    assert management.get_function(FUNCTION_ID).data.invoke_endpoint == cloud.url
    invoker = client(oci.functions.FunctionsInvokeClient, cloud)
    answer = invoker.invoke_function(FUNCTION_ID, invoke_function_body=b"ping")
    assert (answer.status, answer.data.content) == (200, b"pong")
    answer = invoker.invoke_function(
        FUNCTION_ID, invoke_function_body=b"ping", fn_invoke_type="detached"
    )
    assert (answer.status, answer.data.content) == (202, b"")
    assert got == [(FUNCTION_ID, b"ping", False), (FUNCTION_ID, b"ping", True)]
    assert refused(invoker.invoke_function, "ocid1.fnfunc.oc1.x.none")[0] == 404


def test_notices_and_metrics_are_kept(cloud, clock):
    """What is published to topics and metric namespaces can be looked at."""
    ons = client(oci.ons.NotificationDataPlaneClient, cloud)
    ons.publish_message(TOPIC_ID, oci.ons.models.MessageDetails(title="t", body="b"))
    assert cloud.watch.notices == [(TOPIC_ID, "t", "b")]

    point = oci.monitoring.models.Datapoint(timestamp=clock.now(), value=1.0)
    row = oci.monitoring.models.MetricDataDetails(
        namespace="n",
        compartment_id=COMPARTMENT_ID,
        name="m",
        dimensions={"sync": "s"},
        datapoints=[point],
    )
    details = oci.monitoring.models.PostMetricDataDetails(metric_data=[row])
    answer = client(oci.monitoring.MonitoringClient, cloud).post_metric_data(details)
    assert answer.data.failed_metrics_count == 0
    assert [metric["name"] for metric in cloud.watch.metrics] == ["m"]


def test_the_tenancy_is_found(cloud):
    """Tenancy, compartments and users can be looked up."""
    identity = client(oci.identity.IdentityClient, cloud)
    assert identity.get_tenancy(TENANCY_ID).data.id == TENANCY_ID
    assert [row.id for row in identity.list_compartments(TENANCY_ID).data] == [COMPARTMENT_ID]
    assert identity.get_compartment(COMPARTMENT_ID).data.compartment_id == TENANCY_ID
    assert identity.get_user("ocid1.user.oc1..me").data.lifecycle_state == "ACTIVE"
    assert refused(identity.get_compartment, "ocid1.compartment.oc1..none")[0] == 404
