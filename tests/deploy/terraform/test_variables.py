"""What a person may say, and what is refused."""

import re
from itertools import zip_longest

import pytest

from functions.errors import InvalidSettings
from functions.settings import load_settings
from tests.deploy.terraform import engine
from tests.deploy.terraform.terraform_text import named

KEY, VAULT, COMPARTMENT = "ocid1.key.oc1..a", "ocid1.vault.oc1..a", "ocid1.compartment.oc1..a"
QUOTE = "' or target.vault.id != '"
"""What would widen a policy statement, were it taken."""
ROW = {
    "secrets_compartment_ocid": COMPARTMENT,
    "vault_ocid": VAULT,
    "vault_compartment_ocid": COMPARTMENT,
    "key_ocid": KEY,
}
WRONG = {
    "tenancy_ocid": ["", COMPARTMENT],
    "region": ["Frankfurt", "eu-frankfurt-1 "],
    "compartment_ocid": ["app", VAULT, COMPARTMENT + QUOTE],
    "name": ["", "Vault", "1st", "a-", "a" * 31],
    "tags": [
        {"freeformTags": dict.fromkeys("abcdefghijk", ""), "definedTags": {}},
        {"freeformTags": {}, "definedTags": {"CostCentre": "42"}},
    ],
    "source_url": ["app.infisical.com", "https://me:pw@example.com", "https://a.example?x=1"],
    "source_kind": ["", "vault"],
    "source_ca_secret_ocid": [VAULT, f"ocid1.vaultsecret.oc1..a{QUOTE}"],
    "source_proxy": ["proxy:3128", "http://me:pw@proxy:3128", "http://proxy/x", "socks5://proxy"],
    "source_timeout_seconds": [0, 31, 1.5],
    "image": ["vault-sync", "fra.ocir.io/ns/vault-sync", "fra.ocir.io/ns/vault-sync@sha256:00"],
    "image_digest": ["0.1.0", "sha256:12"],
    "registry": ["https://fra.ocir.io", "fra.ocir.io/ns", "-"],
    "function_shape": ["", "ARM"],
    "memory": [0, 300],
    "reconcile_interval_seconds": [59, 60.5],
    "max_workers": [-1, 101, 1.5],
    "vault_concurrency": [0, 65, 1.5],
    "log_level": ["", "info"],
    "vault_ocid": [KEY, VAULT + QUOTE],
    "key_ocid": [VAULT, KEY + QUOTE],
    "vault_compartment_ocid": ["vaults", COMPARTMENT + QUOTE],
    "secrets_compartment_ocid": ["secrets", COMPARTMENT + QUOTE],
    "more_vaults": [
        [ROW] * 4,
        *([ROW | {name: wrong}] for name in ROW for wrong in ("x", ROW[name] + QUOTE)),
    ],
    "subnet_ocids": [["subnet"], ["ocid1.subnet.oc1..a"] * 4],
    "gateway_subnet_ocid": ["subnet", "ocid1.subnet.oc1..a b"],
    "policy_form": ["", "wide"],
    "secret_tags": [
        {"freeformTags": dict.fromkeys("abcdefghi", ""), "definedTags": {}},
        {"freeformTags": {"oci-vault-sync": "mine"}, "definedTags": {}},
        {"freeformTags": {}, "definedTags": {"CostCentre": "42"}},
    ],
    "alarm_email": ["me", "me@localhost", "a b@example.com"],
    "metrics_namespace": ["", "1st", "vault-sync", "oci_vault", "oracle_x"],
}
SETTINGS = {
    "SOURCE_URL": "https://secrets.example.com",
    "CONFIG_STORE": "oci://bucket@namespace",
    "QUEUE_OCID": "ocid1.queue.oc1..a",
    "QUEUE_ENDPOINT": "https://queue.example.com",
    "CREDENTIALS_SECRET_OCID": "ocid1.vaultsecret.oc1..a",
}
ALSO_SETTINGS = (
    *("source_url", "source_kind", "reconcile_interval_seconds", "max_workers"),
    *("vault_concurrency", "log_level", "metrics_namespace"),
    *("source_ca_secret_ocid", "source_proxy"),
)


@pytest.fixture(scope="module")
def refusals():
    """What Terraform says: (variable, round) → text. A round has one wrong value of each variable."""
    said = {}
    with engine.Terraform() as terraform:
        for number, values in enumerate(zip_longest(*WRONG.values(), fillvalue=None)):
            wrong = {name: one for name, one in zip(WRONG, values, strict=True) if one is not None}
            with pytest.raises(engine.TerraformError) as refused:
                terraform.plan(**wrong)
            for error in str(refused.value).split("Error: ")[1:]:
                for name in wrong:
                    if re.search(rf"var\.{name}(\.\w+)* is ", error):
                        said[name, number] = said.get((name, number), "") + " ".join(error.split())
    return said


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, wrong in WRONG.items() for n in range(len(wrong))]
)
def test_wrong_values_are_refused(refusals, name, number):
    """A wrong value of a variable is refused before anything is made, with a message of its own."""
    messages = [
        " ".join(one["error_message"].split()) for one in named("variable")[name]["validation"]
    ]
    assert any(message in refusals[name, number] for message in messages)


def test_every_variable_is_validated():
    """Each variable that is no switch says what it takes; there is a wrong value of each."""
    variables = {name: body for name, body in named("variable").items() if body["type"] != "bool"}
    assert {name for name, body in variables.items() if "validation" in body} == set(WRONG)
    assert set(variables) == set(WRONG)


@pytest.mark.parametrize("name", ALSO_SETTINGS)
def test_what_terraform_refuses_the_function_refuses(name):
    """Where a variable becomes a setting, both refuse the same: the function is the stricter one."""
    load_settings(SETTINGS)
    for value in WRONG[name]:
        if value == "":
            continue  # an empty setting counts as not given
        with pytest.raises(InvalidSettings):
            load_settings({**SETTINGS, name.upper(): str(value)})


def test_a_key_needs_its_vault():
    """A key without its vault is refused: a new vault cannot hold a given key."""
    with (
        engine.Terraform() as terraform,
        pytest.raises(engine.TerraformError, match="key_ocid is given without vault_ocid"),
    ):
        terraform.plan(key_ocid=KEY)


def test_variables_and_outputs_are_described():
    """Every variable and every output has a description and every variable a type."""
    everything = {**named("variable"), **named("output")}
    assert {name for name, body in everything.items() if not body.get("description")} == set()
    assert {name for name, body in named("variable").items() if "type" not in body} == set()
