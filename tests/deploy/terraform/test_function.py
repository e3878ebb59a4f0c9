"""The function that Terraform deploys, and what it works with."""

import base64

import pytest

from functions.credentials import parse_credentials
from functions.errors import InvalidSettings
from functions.plan.job import MAX_ATTEMPTS
from functions.settings import Settings, load_settings
from infra.local.host import DETACHED_TIMEOUT_SECONDS, SYNC_TIMEOUT_SECONDS
from tests.deploy.terraform.engine import IMAGE, VARIABLES, applied
from tests.deploy.terraform.terraform_cases import COMPARTMENTS, REACH, SECRET_TAGS
from tests.deploy.terraform.terraform_text import named

MAX_CONFIG_BYTES = 4096
NOT_SET = {
    "CREDENTIALS_FILE",  # local only, as the next three
    "SOURCE_CA_FILE",
    "OCI_AUTH",
    "OCI_ENDPOINT",
    "FUNCTION_OCID",  # from FN_FN_ID by itself
}


@pytest.fixture(scope="module")
def deployed():
    """Everything, as deployed with an image."""
    return applied(**IMAGE)


@pytest.fixture(scope="module")
def function(deployed):
    """The function."""
    return deployed.one("oci_functions_function")


def test_every_setting_is_set():
    """Terraform sets every setting of the function but those that are local only, and no other."""
    function = applied(**IMAGE, **REACH, **SECRET_TAGS).one("oci_functions_function")
    assert set(function["config"]) | NOT_SET == {name.upper() for name in Settings.model_fields}
    assert NOT_SET.isdisjoint(function["config"])


def test_the_function_takes_its_settings(function, deployed):
    """The function accepts what Terraform sets, and it fits into 4 KB."""
    settings = load_settings({**function["config"], "FN_FN_ID": function["id"]})
    queue = deployed.one("oci_queue_queue")
    assert (settings.queue_ocid, settings.queue_endpoint) == (
        queue["id"],
        queue["messages_endpoint"],
    )
    assert settings.credentials_secret_ocid == deployed.one("oci_vault_secret")["id"]
    assert settings.notification_topic_ocid == deployed.outputs["failures_topic_ocid"]
    bucket = deployed.one("oci_objectstorage_bucket")
    assert settings.config_store == f"oci://{bucket['name']}@{bucket['namespace']}"
    size = sum(len(key.encode()) + len(value.encode()) for key, value in function["config"].items())
    assert size <= MAX_CONFIG_BYTES


def test_variables_reach_the_function():
    """What a person says of the function is what it gets."""
    said = {
        "source_url": "https://kms.example.com",
        "source_kind": "hanzo-kms",
        "reconcile_interval_seconds": 600,
        "max_workers": 0,
        "vault_concurrency": 16,
        "metrics_namespace": "secrets",
        "log_level": "DEBUG",
        **REACH,
    }
    outcome = applied(**IMAGE, **said, memory=512, function_shape="GENERIC_ARM")
    function = outcome.one("oci_functions_function")
    settings = load_settings(function["config"])
    assert {name: getattr(settings, name) for name in said} == said
    assert (function["image"], function["memory_in_mbs"]) == (IMAGE["image"], "512")
    assert outcome.one("oci_functions_application")["shape"] == "GENERIC_ARM"


def test_tags_of_secrets():
    """Defined tags are said by Namespace.key, and reach the function as OCI's API writes them."""
    config = applied(**IMAGE, **REACH, **SECRET_TAGS).one("oci_functions_function")["config"]
    tags = load_settings(config).secret_tags
    assert tags.freeform_tags == {"team": "platform"}
    assert tags.defined_tags == {
        "Ops": {"CostCentre": "42", "Owner": "me"},
        "Law": {"Class": "secret"},
    }


def test_what_is_not_given_is_not_set(function):
    """A variable that is empty is no setting: OCI may refuse an empty one."""
    assert all(function["config"].values())
    assert {"SOURCE_PROXY", "SOURCE_CA_SECRET_OCID", "SECRET_TAGS"}.isdisjoint(function["config"])


def test_the_function_has_the_time_that_it_reckons_with(function):
    """The time limits are those of func.yaml and of the local stack."""
    limits = function["timeout_in_seconds"], function["detached_mode_timeout_in_seconds"]
    assert limits == (SYNC_TIMEOUT_SECONDS, DETACHED_TIMEOUT_SECONDS)


def test_the_queue(deployed, function):
    """The queue keeps jobs a week, hides them for longer than a run, and gives up after 20 crashes."""
    queue = deployed.one("oci_queue_queue")
    assert queue["retention_in_seconds"] == 7 * 24 * 3600
    assert queue["visibility_in_seconds"] > function["timeout_in_seconds"]
    assert queue["dead_letter_queue_delivery_count"] == MAX_ATTEMPTS


def test_the_bucket(deployed):
    """The bucket is private, keeps old versions for a while, and tells of its objects."""
    bucket = deployed.one("oci_objectstorage_bucket")
    assert bucket["access_type"] == "NoPublicAccess"
    assert bucket["versioning"] == "Enabled"
    assert bucket["object_events_enabled"] is True
    (rule,) = deployed.one("oci_objectstorage_object_lifecycle_policy")["rules"]
    assert (rule["action"], rule["target"]) == ("DELETE", "previous-object-versions")


def test_the_repository_is_private(deployed):
    """The image is pulled with the rights of the Functions service, not by everybody.

    Nothing is said of immutability, which OCI offers in the API and refuses.
    """
    assert deployed.one("oci_artifacts_container_repository")["is_public"] is False
    assert "is_immutable" not in named("resource")["oci_artifacts_container_repository.main"]
    assert IMAGE["image"].startswith(deployed.outputs["repository"] + ":")


def test_credentials_lie_apart_from_what_is_synced():
    """Who may read the secrets' compartment need not be able to read the function's own credentials."""
    secret = applied(**IMAGE, **COMPARTMENTS).one("oci_vault_secret")
    assert secret["compartment_id"] == VARIABLES["compartment_ocid"]


def test_credentials_are_filled_by_people(deployed):
    """The credentials secret holds nothing usable, and Terraform leaves alone what people fill in."""
    (content,) = deployed.one("oci_vault_secret")["secret_content"]
    with pytest.raises(InvalidSettings) as refused:
        parse_credentials(base64.b64decode(content["content"]))
    for field in ("clientId", "clientSecret", "webhookSecrets", "apiTokenHashes", "digestKey"):
        assert field in str(refused.value)
    (lifecycle,) = named("resource")["oci_vault_secret.credentials"]["lifecycle"]
    assert lifecycle["ignore_changes"] == ["secret_content"]
