"""The simulators' IAM: statements are read as OCI reads them, and the services refuse as OCI's do."""

import oci
import pytest

from infra.local.oci.cloud import (
    BUCKET,
    COMPARTMENT_ID,
    FUNCTION_ID,
    KEY_ID,
    NAMESPACE,
    QUEUE_ID,
    TENANCY_ID,
    TOPIC_ID,
    VAULT_ID,
    Cloud,
)
from infra.local.oci.iam import BadStatement, Iam, Need, parse
from infra.local.oci.permissions import FAMILIES, OPERATIONS, PERMISSIONS, permissions
from infra.local.principal import public_key, write_config_file
from tests.support.local_oci import client, create, refused, update

GROUP = "ocid1.dynamicgroup.oc1..local"
MEMBER = f"dynamic-group id {GROUP}"
HOME = f"in compartment id {COMPARTMENT_ID}"
OTHER = "ocid1.compartment.oc1..other"
HIDDEN = (404, "NotAuthorizedOrNotFound")


def iam(*texts, subjects=("any-user", MEMBER), **principal):
    """What the statements (without `Allow dynamic-group id …`) give to a function."""
    whole = [text if text.startswith("Allow") else f"Allow dynamic-group id {GROUP} {text}" for text in texts]  # fmt: skip
    variables = {f"request.principal.{name}": value for name, value in principal.items()}
    return Iam.of({"s": whole}, subjects=subjects, principal={"request.principal.type": "fnfunc"} | variables)  # fmt: skip


def may(policy, permission, compartment=COMPARTMENT_ID, **targets):
    """Whether a policy gives a permission for a request with these targets."""
    variables = {f"target.{name.replace('_', '.')}": value for name, value in targets.items()}
    return policy.allows("AnyOperation", [Need(permission, compartment, variables)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Allow dynamic-group id {GROUP} to inspect secrets {HOME}", {"SECRET_INSPECT"}),
        (f"allow Dynamic-Group  ID {GROUP}\n to READ vaults IN Compartment ID {OTHER}", {"VAULT_INSPECT", "VAULT_READ"}),
        ("Allow any-user to use fn-invocation in tenancy", {"FN_INVOCATION"}),
        ("Allow service faas to read repos in tenancy", {"REPOSITORY_INSPECT", "REPOSITORY_READ"}),
        (f"Allow any-user to {{KEY_ENCRYPT,  KEY_DECRYPT}} {HOME}", {"KEY_ENCRYPT", "KEY_DECRYPT"}),
        ("Allow service faas to use virtual-network-family in tenancy", set()),
    ],
)  # fmt: skip
def test_what_a_statement_grants(text, expected):
    """A verb grants what it and the lesser ones bring; braces grant just what they hold."""
    assert parse(text).permissions == expected


def test_a_family_is_all_of_its_types():
    """A verb on a family is the verb on each of its resource types."""
    parts = [permissions("use", one) for one in FAMILIES["secret-family"]]
    assert permissions("use", "secret-family") == parts[0] | parts[1] | parts[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "to inspect secrets",
        "to look secrets in tenancy",
        "to inspect secretz in tenancy",
        "to {SECRET_INSPEKT} in tenancy",
        "to {} in tenancy",
        f"to inspect secrets in compartment {COMPARTMENT_ID}",
        "to inspect secrets in tenancy where",
        "to inspect secrets in tenancy where target.vault.ocid = 'x'",
        "to inspect secrets in tenancy where target.vault.id = x",
        'to inspect secrets in tenancy where target.vault.id = "x"',
        "to inspect secrets in tenancy where target.vault.id > 'x'",
        "to inspect secrets in tenancy where target.vault.id = 'x' and target.key.id = 'y'",
        "to inspect secrets in tenancy where all {target.vault.id = 'x'",
        "to inspect secrets in tenancy where all {}",
        "to inspect secrets in tenancy where none {target.vault.id = 'x'}",
        "Allow dynamic-group somebody to inspect secrets in tenancy",
    ],
)
def test_a_slip_in_a_statement_is_an_error(text):
    """What OCI does not know, or would read as something else, is refused with the statement's text."""
    with pytest.raises(BadStatement):
        iam(text)


def test_where_a_statement_holds():
    """A statement holds in its compartment, or everywhere, and only for its subjects."""
    assert may(iam(f"to inspect secrets {HOME}"), "SECRET_INSPECT")
    assert not may(iam(f"to inspect secrets {HOME}"), "SECRET_INSPECT", OTHER)
    assert may(iam("to inspect secrets in tenancy"), "SECRET_INSPECT", OTHER)
    assert not may(iam("to inspect secrets in tenancy"), "SECRET_READ")
    assert not may(iam("to inspect secrets in tenancy", subjects=("any-user",)), "SECRET_INSPECT")
    assert may(
        iam("Allow any-user to inspect secrets in tenancy", subjects=("any-user",)),
        "SECRET_INSPECT",
    )


@pytest.mark.parametrize(
    ("condition", "targets", "expected"),
    [
        ("target.vault.id = 'V'", {"vault_id": "V"}, True),
        ("target.vault.id='v'", {"vault_id": "V"}, True),
        ("TARGET.VAULT.ID = 'V'", {"vault_id": "V"}, True),
        ("target.vault.id = 'V'", {"vault_id": "W"}, False),
        ("target.vault.id = 'V'", {}, False),
        ("target.vault.id != 'V'", {"vault_id": "W"}, True),
        ("target.vault.id != 'V'", {"vault_id": "V"}, False),
        ("target.vault.id != 'V'", {}, False),
        ("all {target.vault.id = 'V', target.key.id = 'K'}", {"vault_id": "V", "key_id": "K"}, True),
        ("ALL {target.vault.id = 'V', target.key.id = 'K'}", {"vault_id": "V"}, False),
        ("any {target.vault.id = 'V', target.key.id = 'K'}", {"vault_id": "V"}, True),
        ("any {target.vault.id = 'V', target.key.id = 'K'}", {}, False),
        ("all {target.vault.id = 'V', any {request.permission = 'SECRET_READ', request.permission = 'SECRET_INSPECT'}}", {"vault_id": "V"}, True),
        ("all {target.vault.id = 'V', any {request.permission = 'SECRET_READ'}}", {"vault_id": "V"}, False),
        ("request.principal.type = 'fnfunc'", {}, True),
        ("request.principal.type = 'ApiGateway'", {}, False),
        ("request.operation = 'AnyOperation'", {}, True),
    ],
)  # fmt: skip
def test_conditions(condition, targets, expected):
    """Conditions compare whatever the case; a variable that a request lacks makes its condition false."""
    policy = iam(f"to manage secrets in tenancy where {condition}")
    assert may(policy, "SECRET_INSPECT", **targets) == expected


def test_what_is_granted_in_all():
    """What a principal has is known by statement and permission, whatever the target."""
    policy = iam(
        "to manage secrets in tenancy where all {target.vault.id = 'V', any {request.permission = 'SECRET_READ', request.permission = 'SECRET_INSPECT'}}",
        "Allow any-user to use functions-family in tenancy where request.principal.type = 'ApiGateway'",
    )
    assert policy.granted == {("s", "SECRET_READ"), ("s", "SECRET_INSPECT")}
    less = policy.without("s", "SECRET_READ")
    assert less.granted == {("s", "SECRET_INSPECT")}
    assert not may(less, "SECRET_READ", vault_id="V")


def test_every_operation_says_what_it_needs(clock):
    """Each operation of each simulator is in the table of permissions, with permissions that exist."""
    operations = {rule.endpoint.operation for rule in Cloud(clock)._routes.map.iter_rules()}
    assert operations == OPERATIONS.keys() - {"CreateObject"}
    assert {p for needed in OPERATIONS.values() for row in needed for p in row} <= PERMISSIONS


WRITE = f"to {{SECRET_CREATE, SECRET_UPDATE}} {HOME} where target.vault.id = '{VAULT_ID}'"
USE_VAULT = f"to use vaults {HOME} where target.vault.id = '{VAULT_ID}'"
USE_KEY = f"to use keys {HOME} where target.key.id = '{KEY_ID}'"


@pytest.mark.parametrize("missing", [None, WRITE, USE_VAULT, USE_KEY])
def test_a_secret_needs_its_compartment_vault_and_key(cloud, vaults, missing):
    """Creating a secret needs permissions on all three; none is enough without the others."""
    cloud.iam = iam(*{WRITE, USE_VAULT, USE_KEY} - {missing})
    if missing:
        assert refused(create, vaults, "A") == HIDDEN
    else:
        create(vaults, "A")
    assert set(cloud.vault.live()) == (set() if missing else {"A"})


def test_other_vaults_keys_and_compartments(cloud, vaults):
    """What is granted for one vault, key or compartment is not granted for another."""
    cloud.iam = iam(WRITE, USE_VAULT, USE_KEY)
    other_vault, other_key = VAULT_ID + "2", KEY_ID + "2"
    cloud.kms.add_vault(other_vault, COMPARTMENT_ID)
    cloud.kms.add_key(other_key, VAULT_ID)
    for fields in (
        {"vault_id": other_vault},
        {"key_id": other_key},
        {"compartment_id": OTHER},
    ):
        assert refused(create, vaults, "A", **fields) == HIDDEN
    foreign = cloud.vault.seed("B", b"x", compartmentId=OTHER)
    assert refused(update, vaults, foreign, b"y") == HIDDEN


def test_reading_content_needs_the_key(cloud, secrets):
    """A bundle is read with a permission on the bundle and one to decrypt with the secret's key."""
    secret_id = cloud.vault.seed("A", b"x")
    read = f"to read secret-bundles {HOME} where target.vault.id = '{VAULT_ID}'"
    for texts in ((), (read,), (USE_KEY,)):
        cloud.iam = iam(*texts)
        assert refused(secrets.get_secret_bundle, secret_id) == HIDDEN
        assert refused(secrets.get_secret_bundle_by_name, "A", VAULT_ID) == HIDDEN
    cloud.iam = iam(read, USE_KEY)
    assert secrets.get_secret_bundle(secret_id).data.secret_id == secret_id
    assert secrets.get_secret_bundle_by_name("A", VAULT_ID).data.secret_id == secret_id


def test_a_list_of_secrets_says_no_vault(cloud, vaults):
    """A condition on the vault keeps a list of secrets from being permitted at all."""
    cloud.iam = iam(f"to inspect secrets {HOME} where target.vault.id = '{VAULT_ID}'")
    assert refused(vaults.list_secrets, COMPARTMENT_ID, vault_id=VAULT_ID) == HIDDEN
    cloud.iam = iam(f"to inspect secrets {HOME}")
    assert vaults.list_secrets(COMPARTMENT_ID, vault_id=VAULT_ID).data == []


def objects_of(cloud):
    """The SDK's client for Object Storage, and bucket and namespace for its calls."""
    return client(oci.object_storage.ObjectStorageClient, cloud), (NAMESPACE, BUCKET)


def test_a_bucket_that_may_not_be_used_looks_absent(cloud):
    """Object Storage refuses with 404 BucketNotFound; the namespace anybody may ask for."""
    storage, place = objects_of(cloud)
    cloud.objects.put(BUCKET, "a", b"x")
    cloud.iam = iam()
    for call in (storage.get_object, storage.delete_object):
        assert refused(call, *place, "a") == (404, "BucketNotFound")
    assert refused(storage.put_object, *place, "a", b"y") == (404, "BucketNotFound")
    assert refused(storage.list_objects, *place) == (404, "BucketNotFound")
    assert storage.get_namespace().data == NAMESPACE
    cloud.iam = iam(f"to read objects {HOME} where target.bucket.name = '{BUCKET.upper()}'")
    assert storage.get_object(*place, "a").data.content == b"x"


def test_creating_and_overwriting_differ(cloud):
    """A put needs OBJECT_CREATE where there is no such object and OBJECT_OVERWRITE where there is."""
    storage, place = objects_of(cloud)
    cloud.objects.put(BUCKET, "old", b"x")
    cloud.iam = iam(f"to {{OBJECT_CREATE}} {HOME}")
    storage.put_object(*place, "new", b"x")
    assert refused(storage.put_object, *place, "old", b"y") == (404, "BucketNotFound")
    cloud.iam = iam(f"to {{OBJECT_OVERWRITE}} {HOME}")
    storage.put_object(*place, "old", b"y")
    assert refused(storage.put_object, *place, "newer", b"x") == (404, "BucketNotFound")


@pytest.mark.parametrize(
    ("kind", "call", "statement"),
    [
        (oci.queue.QueueClient, lambda c: c.get_stats(QUEUE_ID), f"read queues {HOME} where target.queue.id = '{QUEUE_ID}'"),
        (oci.queue.QueueClient, lambda c: c.get_messages(QUEUE_ID, timeout_in_seconds=0), f"use queue-pull {HOME} where target.queue.id = '{QUEUE_ID}'"),
        (oci.functions.FunctionsManagementClient, lambda c: c.get_function(FUNCTION_ID), f"{{FN_FUNCTION_READ}} {HOME} where target.function.id = '{FUNCTION_ID}'"),
        (oci.functions.FunctionsInvokeClient, lambda c: c.invoke_function(FUNCTION_ID), f"use fn-invocation {HOME} where target.function.id = '{FUNCTION_ID}'"),
        (oci.ons.NotificationDataPlaneClient, lambda c: c.publish_message(TOPIC_ID, {"body": "x"}), f"use ons-topics {HOME}"),
        (oci.key_management.KmsVaultClient, lambda c: c.list_vaults(COMPARTMENT_ID), f"inspect vaults {HOME}"),
        (oci.key_management.KmsVaultClient, lambda c: c.get_vault(VAULT_ID), f"read vaults {HOME} where target.vault.id = '{VAULT_ID}'"),
        (oci.key_management.KmsManagementClient, lambda c: c.list_keys(COMPARTMENT_ID), f"inspect keys {HOME}"),
        (oci.identity.IdentityClient, lambda c: c.list_compartments(TENANCY_ID), "inspect compartments in tenancy"),
        (oci.identity.IdentityClient, lambda c: c.get_compartment(TENANCY_ID), "inspect compartments in tenancy"),
    ],
)  # fmt: skip
def test_the_other_services(cloud, kind, call, statement):
    """Each service permits with the statement for it, and without it answers 404."""
    sdk = client(kind, cloud)
    cloud.iam = iam()
    assert refused(call, sdk) == HIDDEN
    cloud.iam = iam(f"to {statement}")
    assert call(sdk).status in (200, 202)


def test_metrics_are_about_a_namespace(cloud, clock):
    """Metrics are permitted by their compartment and namespace."""
    monitoring = client(oci.monitoring.MonitoringClient, cloud)
    models = oci.monitoring.models
    row = models.MetricDataDetails(
        namespace="vault_sync",
        compartment_id=COMPARTMENT_ID,
        name="runs",
        dimensions={"sync": "x"},
        datapoints=[models.Datapoint(timestamp=clock.now(), value=1)],
    )
    data = models.PostMetricDataDetails(metric_data=[row])
    cloud.iam = iam(f"to use metrics {HOME} where target.metrics.namespace = 'another'")
    assert refused(monitoring.post_metric_data, data) == HIDDEN
    cloud.iam = iam(f"to use metrics {HOME} where target.metrics.namespace = 'vault_sync'")
    assert monitoring.post_metric_data(data).status == 200


def test_a_user_has_policies_of_his_own(cloud, tmp_path):
    """Only resource principals are subject to these statements; a user with an API key is not."""
    config = oci.config.from_file(str(write_config_file(tmp_path)))
    cloud.trust(public_key(tmp_path))
    cloud.iam = iam()
    assert (
        client(oci.vault.VaultsClient, cloud, config=config).list_secrets(COMPARTMENT_ID).data == []
    )
