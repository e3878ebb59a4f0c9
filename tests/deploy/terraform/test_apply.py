"""What an apply makes, in each way that the variables allow."""

import json
import re
from itertools import chain

import pytest

from tests.deploy.terraform import engine, schema
from tests.deploy.terraform.engine import IMAGE, applied
from tests.deploy.terraform.terraform_cases import (
    GIVEN,
    PORT,
    SOVEREIGN,
    SUBNETS,
    TAGS,
    VAULT,
    WAYS,
)
from tests.deploy.terraform.terraform_text import named

HOLDS_DATA = "oci_(artifacts|kms|queue|vault|objectstorage_(bucket|object\\.)|ons_notification)"
NETWORK = ("oci_core_vcn", "oci_core_subnet", "oci_core_nat_gateway", "oci_core_internet_gateway")


@pytest.mark.parametrize("way", WAYS)
def test_every_way_can_be_applied(way):
    """Terraform makes it all, without and with an image, in every way the variables allow."""
    outcome = applied(**WAYS[way])
    assert len(outcome.of("oci_functions_function")) == ("image" in WAYS[way])


def test_without_an_image_there_is_no_function():
    """Before the image is pushed neither the function exists nor anything that refers to it."""
    outcome = applied()
    assert outcome.one("oci_artifacts_container_repository")
    assert "ocid1.fnfunc" not in json.dumps(outcome.resources)
    kinds = ("oci_apigateway_deployment", "oci_events_rule", "oci_monitoring_alarm")
    assert not [kind for kind in (*kinds, "oci_ons_subscription") if outcome.of(kind)]
    assert {"find-itself", "start-workers"}.isdisjoint(outcome.outputs["policy_statements"])
    assert outcome.outputs.get("function_ocid") is None


def test_two_applies_make_a_deployment():
    """The second apply adds to the first and replaces nothing; a third finds nothing to do."""
    with engine.Terraform() as terraform:
        terraform.apply()
        actions = terraform.plan(**IMAGE)
        assert actions["oci_functions_function.main[0]"] == ["create"]
        assert "delete" not in chain(*actions.values())
        terraform.apply(**IMAGE)
        assert terraform.plan(**IMAGE) == {}
        newer = terraform.plan(image=IMAGE["image"] + ".1")
        assert newer == {"oci_functions_function.main[0]": ["update"]}


def test_without_the_image_again_what_holds_data_stays():
    """An apply without the image takes the function and its triggers away, and nothing that holds data."""
    with engine.Terraform() as terraform:
        terraform.apply(**IMAGE)
        gone = {name for name, actions in terraform.plan().items() if "delete" in actions}
        assert "oci_functions_function.main[0]" in gone
        assert {name for name in gone if re.match(HOLDS_DATA, name)} == set()
        terraform.apply()
        assert terraform.plan() == {}


def test_a_vault_and_a_key_are_made_or_given():
    """Without a vault a vault and an AES key of 256 bits are made; given ones are used as they are."""
    made = applied(**IMAGE)
    key = made.one("oci_kms_key")
    assert key["key_shape"] == [{"algorithm": "AES", "length": 32, "curve_id": None}]
    assert key["management_endpoint"] == made.one("oci_kms_vault")["management_endpoint"]
    assert made.outputs["vault_ocid"] == made.one("oci_kms_vault")["id"]
    assert made.outputs["key_ocid"] == key["id"]
    given = applied(**IMAGE, **GIVEN)
    assert not given.of("oci_kms_vault") + given.of("oci_kms_key")
    assert {name: given.outputs[name] for name in VAULT} == VAULT
    secret = given.one("oci_vault_secret")
    assert (secret["vault_id"], secret["key_id"]) == (VAULT["vault_ocid"], VAULT["key_ocid"])


def test_a_network_is_made_or_given():
    """Without subnets a network is made: private for the function, public for the gateway."""
    made, given = applied(**IMAGE), applied(**IMAGE, **GIVEN)
    private = {one["id"]: one["prohibit_public_ip_on_vnic"] for one in made.of("oci_core_subnet")}
    (subnet,) = made.one("oci_functions_application")["subnet_ids"]
    assert private == {subnet: True, made.one("oci_apigateway_gateway")["subnet_id"]: False}
    assert not [kind for kind in NETWORK if given.of(kind)]
    assert given.one("oci_functions_application")["subnet_ids"] == SUBNETS["subnet_ocids"]
    assert given.one("oci_apigateway_gateway")["subnet_id"] == SUBNETS["gateway_subnet_ocid"]


def test_the_made_network_leads_to_oci_and_the_source_only():
    """The function gets out by gateways of services and of NAT; nothing gets in to it."""
    made = applied(**IMAGE, **PORT, source_proxy="http://mary@proxy.example.com:3128")
    (routes,) = (t for t in made.of("oci_core_route_table") if "function" in t["display_name"])
    assert {rule["network_entity_id"].split(".")[1] for rule in routes["route_rules"]} == {
        "servicegateway",
        "natgateway",
    }
    (rules,) = (t for t in made.of("oci_core_security_list") if "function" in t["display_name"])
    ports = {rule["tcp_options"][0]["max"] for rule in rules["egress_security_rules"]}
    assert ports == {443, 8443, 3128}
    assert {rule["protocol"] for rule in rules["ingress_security_rules"]} == {"1"}


def test_a_key_waits_for_the_host_of_its_vault():
    """The key is made after the gateway, which takes as long as a new vault's host needs to be found."""
    assert named("resource")["oci_kms_key.main"]["depends_on"] == ["${oci_apigateway_gateway.main}"]


def test_the_namespace_is_asked_without_a_compartment():
    """Asked with a compartment, the namespace would need a permission more."""
    assert "compartment_id" not in named("data")["oci_objectstorage_namespace.own"]


def test_everything_that_takes_tags_has_them():
    """Each resource that takes tags has those that were asked for; unasked for it has none of its own."""
    tagged, plain = applied(**IMAGE, **TAGS), applied(**IMAGE)
    kinds = {address.split(".")[0] for address in named("resource")}
    for kind in {kind for kind in kinds if "freeform_tags" in schema.resource(kind).attributes}:
        for one in tagged.of(kind):
            assert one["freeform_tags"] == TAGS["tags"]["freeformTags"], kind
            assert one["defined_tags"] == TAGS["tags"]["definedTags"], kind
    own = {
        address: body
        for address, body in named("resource").items()
        if body.get("defined_tags") or body.get("freeform_tags")
    }
    assert {body["defined_tags"] for body in own.values()} == {"${local.defined_tags}"}
    assert {body["freeform_tags"] for body in own.values()} == {"${local.freeform_tags}"}
    assert plain.one("oci_functions_function")["defined_tags"] == {}  # OCI's to fill


@pytest.mark.parametrize(
    ("realm", "region", "host"),
    [
        ("oc1", "eu-zurich-1", "eu-zurich-1.ocir.io"),
        ("oc3", "us-gov-ashburn-1", "ocir.us-gov-ashburn-1.oci.oraclegovcloud.com"),
        ("oc4", "uk-gov-london-1", "ocir.uk-gov-london-1.oci.oraclegovcloud.uk"),
        ("oc8", "ap-chiyoda-1", "ocir.ap-chiyoda-1.oci.oraclecloud8.com"),
        ("oc19", "eu-frankfurt-2", "ocir.eu-frankfurt-2.oci.oraclecloud.eu"),
    ],
)
def test_the_registry_is_that_of_the_realm(realm, region, host):
    """Each realm has a registry of its own, by its long name outside oc1."""
    made = applied(tenancy_ocid=f"ocid1.tenancy.{realm}..a", region=region)
    assert made.outputs["repository"] == f"{host}/examplenamespace/vault-sync"
    assert f"docker login {host}\n" in made.outputs["next_steps"]


def test_the_registry_can_be_said():
    """A registry that was named is used."""
    made = applied(registry="registry.example.com")
    assert made.outputs["repository"].startswith("registry.example.com/")


def test_logs_of_events_are_kept_where_there_are_any():
    """Events writes logs in the realm oc1 only: elsewhere that one is left out."""
    logs = [
        {one["display_name"].removeprefix("vault-sync-") for one in made.of("oci_logging_log")}
        for made in (applied(**IMAGE), applied(**IMAGE, **SOVEREIGN))
    ]
    assert logs[0] - logs[1] == {"config-events"}


@pytest.mark.parametrize("shape", ["GENERIC_X86", "GENERIC_X86_ARM"])
def test_an_image_is_pushed_as_it_is_built(shape):
    """The next steps build by buildx, which pushes an image of two processors without a store of images."""
    steps = applied(function_shape=shape).outputs["next_steps"]
    platform = "linux/amd64" + ",linux/arm64" * (shape == "GENERIC_X86_ARM")
    assert f"docker buildx build --platform {platform} --tag " in steps
    assert " --push .\n" in steps
    assert "docker push" not in steps


def test_people_are_told_by_email_if_asked():
    """An e-mail address is subscribed to failures, never to the topic of ticks."""
    told = applied(**IMAGE, **GIVEN)
    (email,) = (one for one in told.of("oci_ons_subscription") if one["protocol"] == "EMAIL")
    assert email["endpoint"] == "a@b.example"
    assert email["topic_id"] == told.outputs["failures_topic_ocid"]
    protocols = {one["protocol"] for one in applied(**IMAGE).of("oci_ons_subscription")}
    assert protocols == {"ORACLE_FUNCTIONS"}
